"""Glossaries: their terms, the formats of their entries, and their storage."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.utils.errors import CarouselError
from serve.errors import GlossaryNotFoundError, GlossaryStorageError, InvalidGlossaryError, TooManyGlossariesError
from serve.stores import glossaries
from serve.stores.glossaries import Glossary, GlossaryStore, entries_to_tsv, parse_entries

ENTRIES = (("cat", "chat"), ("dog", "chien"))


def test_terms() -> None:
    glossary = Glossary("id", "name", "en", "fr", ENTRIES, None, datetime.now(UTC))
    assert [match.target for match in glossary.terms.find("A Dog and cats")] == ["chien", "chat"]


# -- entries -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "format_", "entries"),
    [
        ("cat\tchat\ndog\tchien", "tsv", ENTRIES),
        ("\ufeffcat\tchat\r\n\r\ndog\tchien\r\n", "tsv", ENTRIES),
        (" cat \t chat \n\ndog\tchien\n", "tsv", ENTRIES),
        ('"cat"\t"chat', "tsv", (('"cat"', '"chat'),)),
        ("cat,chat\ndog,chien\n", "csv", ENTRIES),
        ("cat,chat,en,fr\r\ndog,chien,en,fr,7\r\n", "csv", ENTRIES),
        ('"cat, big","le ""chat"""\n', "csv", (("cat, big", 'le "chat"'),)),
        ("cafe\u0301\tNew \u00a0 York", "tsv", (("café", "New York"),)),
        ("Cat\tChat\ncat\tchat", "tsv", (("Cat", "Chat"), ("cat", "chat"))),
        ("a" * 256 + "\tb", "tsv", (("a" * 256, "b"),)),
    ],
)
def test_entries_are_parsed(text: str, format_: str, entries: glossaries.GlossaryEntries) -> None:
    assert parse_entries(text, format_) == entries
    assert parse_entries(entries_to_tsv(entries), "tsv") == entries


@pytest.mark.parametrize(
    ("text", "format_", "message"),
    [
        ("", "tsv", "at least one entry"),
        ("\n\n", "csv", "at least one entry"),
        ("cat\tchat\ncat", "tsv", "line 2: must be two terms with a tab"),
        ("cat\tchat\tkater", "tsv", "line 1: must be two terms"),
        ("a,b\n\ncat", "csv", "line 3: must be two terms with a comma"),
        ("a\tb\ncat\t", "tsv", "line 2: a term is empty"),
        ("\tchat", "tsv", "line 1: a term is empty"),
        (" , ", "csv", "line 1: a term is empty"),
        ("cat\t\u200b", "tsv", "line 1: a term is empty"),
        ("a\tb\ncat\tchat\ncat\tminou", "tsv", "line 3: 'cat' has an entry already"),
        ("cafe\u0301\tx\ncafé\ty", "tsv", "line 2: 'café' has an entry already"),
        ("cat\tch\x00at", "tsv", "line 1: .* contains a control character"),
        ("cat\tch\x85at", "tsv", "line 1: .* contains a control character"),
        ("cat\tch\u2028at", "tsv", "line 1: .* contains a control character"),
        ("cat\tch\ud800at", "tsv", "line 1: .* contains a control character"),
        ('"ca\nt",chat', "csv", "line 2: .* contains a control character"),
        ('"cat"s,chat', "csv", "line 1: not valid CSV"),
        ('"cat,chat', "csv", "line 1: not valid CSV"),
        ("a\t" + "b" * 257, "tsv", "line 1: 'bbb"),
        ("x" * 200_000 + "\ty", "tsv", "line 1: not valid TSV"),
    ],
)
def test_invalid_entries_are_refused_with_their_line(text: str, format_: str, message: str) -> None:
    with pytest.raises(InvalidGlossaryError, match=message) as caught:
        parse_entries(text, format_)
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_the_number_of_entries_is_limited() -> None:
    lines = [f"{number}\t{number}\n" for number in range(10_001)]
    assert len(parse_entries("".join(lines[:-1]), "tsv")) == 10_000
    with pytest.raises(InvalidGlossaryError, match="line 10001: there are too many"):
        parse_entries("".join(lines), "tsv")


@given(st.text(max_size=40), st.sampled_from(["tsv", "csv"]))
def test_any_text_is_parsed_or_refused(text: str, format_: str) -> None:
    try:
        entries = parse_entries(text, format_)
    except InvalidGlossaryError:
        return
    assert parse_entries(entries_to_tsv(entries), "tsv") == entries


# -- the store -----------------------------------------------------------------------------------------------


@pytest.fixture(params=["memory", "disk"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "kept" if request.param == "disk" else None


def test_glossaries_are_created_listed_and_deleted(directory: Path | None) -> None:
    store = GlossaryStore(directory)
    first = store.create("anna", "Animals", "en", "fr", ENTRIES)
    second = store.create("anna", "Animals", "en", "fr", ENTRIES)
    assert (first.name, first.source, first.target, first.entries) == ("Animals", "en", "fr", ENTRIES)
    assert abs((datetime.now(UTC) - first.created).total_seconds()) < 60
    assert store.owned_by("anna") == [first, second]
    assert store.get("anna", first.id) == first

    assert first.cache_scope != second.cache_scope
    store.delete("anna", second.id)
    assert store.owned_by("anna") == [first]
    with pytest.raises(GlossaryNotFoundError):
        store.get("anna", second.id)
    if directory:
        assert GlossaryStore(directory).owned_by("anna") == [first]
        assert [path.name for path in directory.iterdir()] == [f"{first.id}.json"]


def test_each_client_sees_only_its_own_glossaries(directory: Path | None) -> None:
    store = GlossaryStore(directory)
    anna = store.create("anna", "hers", "en", "fr", ENTRIES)
    nobody = store.create(None, "without a key", "en", "fr", ENTRIES)
    assert store.owned_by("anna") == [anna]
    assert store.owned_by(None) == [nobody]
    assert store.owned_by("bert") == []
    for owner, id_ in (("bert", anna.id), (None, anna.id), ("anna", nobody.id), ("anna", "../x"), ("anna", "")):
        for call in (store.get, store.delete):
            with pytest.raises(GlossaryNotFoundError):
                call(owner, id_)
    assert store.owned_by("anna") == [anna]


def test_the_number_of_glossaries_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(glossaries, "_MAX_GLOSSARIES", 2)
    store = GlossaryStore()
    made = [store.create("anna", "a", "en", "fr", ENTRIES) for _ in range(2)]
    with pytest.raises(TooManyGlossariesError, match="at most 2"):
        store.create("anna", "one too many", "en", "fr", ENTRIES)
    store.create("bert", "his first", "en", "fr", ENTRIES)
    store.delete("anna", made[0].id)
    store.create("anna", "again", "en", "fr", ENTRIES)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x7fb", "x" * 257, "\ud800"])
def test_an_invalid_name_is_refused(name: str) -> None:
    store = GlossaryStore()
    with pytest.raises(InvalidGlossaryError, match="the name"):
        store.create(None, name, "en", "fr", ENTRIES)
    assert store.owned_by(None) == []


def test_an_error_of_the_disk_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "kept"
    store = GlossaryStore(folder)
    kept = store.create(None, "kept", "en", "fr", ENTRIES)
    folder.rename(tmp_path / "away")
    folder.write_text("a file where the folder was")
    for change in (
        lambda: store.create(None, "new", "en", "fr", ENTRIES),
        lambda: store.delete(None, kept.id),
    ):
        caplog.clear()
        with pytest.raises(GlossaryStorageError) as caught:
            change()
        assert str(tmp_path) not in str(caught.value)
        assert str(folder / "") in caplog.text
    assert store.owned_by(None) == [kept]
    folder.unlink()
    (tmp_path / "away").rename(folder)
    assert GlossaryStore(folder).owned_by(None) == [kept]
    store.delete(None, kept.id)


def test_a_full_disk_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = GlossaryStore(tmp_path)
    kept = store.create(None, "kept", "en", "fr", ENTRIES)

    def write(path: Path, data: bytes) -> None:
        with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - Path's own is replaced
            full.write(data)

    monkeypatch.setattr(Path, "write_bytes", write)
    with pytest.raises(GlossaryStorageError):
        store.create(None, "new", "en", "fr", (("a", "b"),))
    assert "the disk is full" in caplog.text
    monkeypatch.undo()
    assert GlossaryStore(tmp_path).owned_by(None) == store.owned_by(None) == [kept]


def test_a_directory_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CarouselError, match="file/kept: can't be written"):
        GlossaryStore(tmp_path / "file" / "kept")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "", "is damaged"),
        (lambda text: "\ud800", "is damaged"),
        (lambda text: "[]", "is damaged"),
        (lambda text: text.replace('"name"', '"nom"'), r"is damaged \(name\)"),
        (lambda text: text.replace('["dog","chien"]', '["dog"]'), r"is damaged \(entries.1.1\)"),
        (lambda text: text.replace('Z"', '"'), r"is damaged \(created\)"),
        (lambda text: text.replace("dog", ""), "entry 2: a term is empty"),
        (lambda text: text.replace("dog", "cat"), "entry 2: 'cat' has an entry already"),
        (lambda text: text.replace('"id":"', '"id":"0'), "name the file after it"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: object, message: str) -> None:
    made = GlossaryStore(tmp_path).create(None, "name", "en", "fr", ENTRIES)
    path = tmp_path / f"{made.id}.json"
    damaged = damage(path.read_text())  # type: ignore[operator]
    assert damaged != path.read_text()
    path.write_bytes(damaged.encode("utf-8", "surrogatepass"))
    with pytest.raises(CarouselError, match=message) as caught:
        GlossaryStore(tmp_path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_are_json_that_users_can_edit(tmp_path: Path) -> None:
    made = GlossaryStore(tmp_path).create("anna", "Tiere", "de", "fr", (("Straße", "rue"),))
    path = tmp_path / f"{made.id}.json"
    written = json.loads(path.read_text())
    assert written["entries"] == [["Straße", "rue"]]
    written["entries"].append([" Cafe\u0301 ", "café"])
    path.write_text(json.dumps(written))
    (tmp_path / f".{made.id}.json.1.tmp").write_text("left by a killed process")
    assert GlossaryStore(tmp_path).get("anna", made.id).entries == (("Straße", "rue"), ("Café", "café"))
