"""Readers of parallel corpora in every format, and their error messages."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from nmt.config.data import HubDataset
from nmt.corpus import parallel_corpus
from nmt.corpus.parallel_corpus import read_pairs
from nmt.utils.errors import CarouselError

PAIRS = [("A dog.", "Un chien."), ("Two\u2028cats\x0b!", "Deux chats !"), ("é", "e\u0301"), ("", "")]


def write_corpus_in_format(folder: Path, format_: str) -> object:
    if format_ == "plain":
        for side, language in enumerate(("en", "fr")):
            (folder / f"c.{language}").write_text("\n".join(p[side] for p in PAIRS) + "\n", encoding="utf-8")
        return str(folder / "c")
    if format_ == "byte order mark":
        for side, language in enumerate(("en", "fr")):
            (folder / f"c.{language}").write_text("".join(p[side] + "\n" for p in PAIRS), encoding="utf-8-sig")
        return str(folder / "c")
    if format_ == "crlf":
        for side, language in enumerate(("en", "fr")):
            (folder / f"c.{language}").write_bytes("".join(p[side] + "\r\n" for p in PAIRS).encode())
        return str(folder / "c")
    if format_ == "tsv":
        (folder / "c.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in PAIRS), encoding="utf-8")
        return str(folder / "c.tsv")
    records = [{"en": s, "fr": t, "id": 3} for s, t in PAIRS]
    if format_ == "nested":
        records = [{"translation": record} for record in records]  # type: ignore[misc]
    encoding = "utf-8-sig" if format_ == "jsonl with byte order mark" else "utf-8"
    (folder / "c.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records), encoding=encoding)
    return str(folder / "c.jsonl")


@pytest.mark.parametrize(
    "format_", ["plain", "byte order mark", "crlf", "tsv", "jsonl", "jsonl with byte order mark", "nested"]
)
def test_all_formats_give_the_same_pairs(format_: str, tmp_path: Path) -> None:
    assert list(read_pairs(write_corpus_in_format(tmp_path, format_), "en", "fr")) == PAIRS  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["csv", "parquet", "json"])
def test_hub_datasets_are_loaded(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = [{"en": "A dog.", "fr": "Un chien."}, {"en": "A cat.", "fr": "Un chat."}]
    path = str(tmp_path / f"c.{kind}")
    getattr(datasets.Dataset.from_list(rows), f"to_{kind}")(path)
    spec = HubDataset(dataset=kind, data_files=path)
    assert list(read_pairs(spec, "en", "fr")) == [(row["en"], row["fr"]) for row in rows]


@pytest.mark.parametrize("format_", ["csv", "jsonl"])
def test_empty_table_cell_is_an_empty_text(format_: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if format_ == "csv":
        (tmp_path / "c.csv").write_text('en,fr\nA dog.,\nA cat.,""\nA bird.,Un oiseau.\n')
    else:
        lines = ['{"en": "A dog.", "fr": null}', '{"en": "A cat.", "fr": ""}', '{"en": "A bird.", "fr": "Un oiseau."}']
        (tmp_path / "c.jsonl").write_text("\n".join(lines))
    path = str(tmp_path / f"c.{format_}")
    spec = HubDataset(dataset="csv", data_files=path) if format_ == "csv" else path
    assert list(read_pairs(spec, "en", "fr")) == [("A dog.", ""), ("A cat.", ""), ("A bird.", "Un oiseau.")]


def test_pipes_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "c.en")
    (tmp_path / "c.fr").write_text("a")
    with pytest.raises(CarouselError, match=r"c\.en: not a regular file, but it must be read several times"):
        parallel_corpus.corpus_fingerprint(str(tmp_path / "c"), "en", "fr")


def test_byte_order_mark_after_the_first_line_is_text(tmp_path: Path) -> None:
    (tmp_path / "c.tsv").write_text("a\tb\n\ufeffc\td\n", encoding="utf-8")
    assert list(read_pairs(str(tmp_path / "c.tsv"), "en", "fr")) == [("a", "b"), ("\ufeffc", "d")]


def test_long_json_texts_are_left_to_the_filters(tmp_path: Path) -> None:
    article = "A dog. " * 30_000
    (tmp_path / "c.jsonl").write_text(json.dumps({"en": article, "fr": article}), encoding="utf-8")
    assert list(read_pairs(str(tmp_path / "c.jsonl"), "en", "fr")) == [(article, article)]


def test_fingerprint_changes_with_a_local_dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    spec = HubDataset(dataset=str(tmp_path))
    found = []
    for text in ("Un chien.", "Un grand chien."):
        datasets.Dataset.from_list([{"en": "A dog.", "fr": text}]).to_parquet(tmp_path / "train.parquet")
        found.append(parallel_corpus.corpus_fingerprint(spec, "en", "fr"))
        assert parallel_corpus.corpus_fingerprint(spec, "en", "fr") == found[-1]
    assert found[0] != found[1]


def test_revision_of_the_recipe_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    hub = {"new": [{"en": "A dog.", "fr": "Un chien."}], "old": [{"en": "A dgo.", "fr": "Un chein."}]}
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, revision, **__: hub[revision or "new"])
    commits = {"new": SimpleNamespace(hash="2"), "old": SimpleNamespace(hash="1")}
    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *_, revision: commits[revision or "new"])
    newest, pinned = HubDataset(dataset="someone/pairs"), HubDataset(dataset="someone/pairs", revision="old")
    assert list(read_pairs(newest, "en", "fr")) == [("A dog.", "Un chien.")]
    assert list(read_pairs(pinned, "en", "fr")) == [("A dgo.", "Un chein.")]
    before = parallel_corpus.corpus_fingerprint(newest, "en", "fr")
    assert before != parallel_corpus.corpus_fingerprint(pinned, "en", "fr")
    commits["new"] = SimpleNamespace(hash="3")
    assert before != parallel_corpus.corpus_fingerprint(newest, "en", "fr")


def test_missing_dataset_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CarouselError, match=r"data set parquet\[train\].*check dataset"):
        list(read_pairs(HubDataset(dataset="parquet", data_files="/nowhere/x.parquet"), "en", "fr"))


@pytest.mark.parametrize(
    ("files", "spec", "message"),
    [
        ({"c.en": b"a\nb\n", "c.fr": b"a\n"}, "c", r"c\.en: 2 lines, but .*c\.fr has 1;"),
        ({"c.en": b"a\n", "c.fr": b"a\nb\nc"}, "c", r"c\.en: 1 lines, but .*c\.fr has 3;"),
        ({"c.en": b"ok\ncaf\xe9\n", "c.fr": b"a\nb\n"}, "c", r"c\.en:2: invalid UTF-8 at byte 4 \(0xe9\)"),
        ({"c.en": b"a\n", "c.fr": b"nul\0\n"}, "c", r"c\.fr:1: contains a NUL"),
        ({"c.en": b"", "c.fr": b"a\n"}, "c", r"c\.en: file is empty"),
        ({"c.en": b"a\n", "c.fr": b""}, "c", r"c\.fr: file is empty"),
        ({"c.en": b"a\n"}, "c", r"c\.fr: can't be read \(No such file or directory\); check the path"),
        ({"c.en": b"a\n" + b"x" * 100_000, "c.fr": b"a\nb"}, "c", r"c\.en:2: 100,000 characters"),
        ({"c.en": b"a\n" + b"x" * 300_000, "c.fr": b"a\nb"}, "c", r"c\.en:2: too many characters \(limit 50,000\)"),
        ({"c.en": b"\0" * 300_000, "c.fr": b"a"}, "c", r"c\.en:1: contains a NUL"),
        ({"c.tsv": b""}, "c.tsv", r"c\.tsv: contains no sentence pair"),
        ({"c.tsv": b"a\tb\nc\n"}, "c.tsv", r"c\.tsv:2: 1 columns"),
        ({"c.tsv": b"a\tb\tc\n"}, "c.tsv", r"c\.tsv:1: 3 columns"),
        ({"c.jsonl": b'{"en": "a", "fr": "b"}\n{"en"'}, "c.jsonl", r"c\.jsonl:2: invalid JSON"),
        ({"c.jsonl": b'{"en": "a", "de": "b"}'}, "c.jsonl", r"c\.jsonl:1: no text in field 'fr' \(found: en, de\)"),
        ({"c.jsonl": b'{"en": ' + b"1" * 5000 + b"}"}, "c.jsonl", r"c\.jsonl:1: invalid JSON"),
        ({"c.jsonl": b"[1]"}, "c.jsonl", r"c\.jsonl:1: no text in field 'en' \(found: list\)"),
        ({"c.jsonl": b'{"en": "a", "fr": 5}'}, "c.jsonl", r"c\.jsonl:1: no text in field 'fr'"),
    ],
)
def test_error_messages_name_file_line_and_remedy(
    files: dict[str, bytes], spec: str, message: str, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(CarouselError, match=message) as error:
        list(read_pairs(str(tmp_path / spec), "en", "fr"))
    assert "\n" not in str(error.value)


def test_fingerprint_depends_on_the_content(tmp_path: Path) -> None:
    prefix = str(write_corpus_in_format(tmp_path, "plain"))
    before = parallel_corpus.corpus_fingerprint(prefix, "en", "fr")
    assert parallel_corpus.corpus_fingerprint(prefix, "en", "fr") == before
    (tmp_path / "c.fr").write_text("changed", encoding="utf-8")
    assert parallel_corpus.corpus_fingerprint(prefix, "en", "fr") != before
