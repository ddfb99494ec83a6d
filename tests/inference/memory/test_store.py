"""Translation memory: exact and fuzzy matches, placeables, durability, two processes, and TMX."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from nmt.inference.memory.exchange import read_tmx, write_tmx
from nmt.inference.memory.placeables import adapt_placeables, analyse_text
from nmt.inference.memory.store import MIN_SIMILARITY, MemoryEntry, TranslationMemory
from nmt.utils.errors import CarouselError


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[TranslationMemory]:
    opened = TranslationMemory(tmp_path / "memory.db")
    yield opened
    opened.close()


def entry(source: str, target: str, origin: str = "test") -> MemoryEntry:
    return MemoryEntry("en", "fr", source, target, origin)


def test_exact_match_has_its_origin(memory: TranslationMemory) -> None:
    memory.add([entry("The  cat sleeps.", "Le chat dort.", "book.tmx")])
    match = memory.find_exact("The cat sleeps.", "en", "fr")
    assert match is not None
    assert (match.target, match.similarity, match.origin) == ("Le chat dort.", 1.0, "book.tmx")
    assert memory.find_exact("The cat sleeps.", "en", "de") is None
    assert memory.find_exact("the cat sleeps.", "en", "fr") is None


def test_later_translation_replaces_the_earlier_one(memory: TranslationMemory) -> None:
    assert memory.add([entry("One.", "Un."), entry("One.", "Une."), entry("", "x"), entry("y", " ")]) == 2
    assert len(memory) == 1
    assert [match.target for match in memory.find_similar("One.", "en", "fr")] == ["Une."]


def test_fuzzy_matches_have_the_placeables_of_the_text(memory: TranslationMemory) -> None:
    memory.add(
        [entry("Open {file} on page 12 now.", "Ouvrez {file} à la page 12."), entry("Something else.", "Autre.")]
    )
    [match] = memory.find_similar("Open {path} on page 345 now.", "en", "fr")
    assert (match.target, match.similarity) == ("Ouvrez {path} à la page 345.", 0.99)
    [match] = memory.find_similar("Open {path} on page 345 soon.", "en", "fr")
    assert match.target == "Ouvrez {path} à la page 345."
    assert MIN_SIMILARITY <= match.similarity < 0.99
    assert memory.find_similar("Open the page.", "en", "fr") == []


def test_placeables_that_cannot_be_adapted_are_no_match(memory: TranslationMemory) -> None:
    memory.add([entry("It costs 5 euros.", "Cinq euros.")])
    assert memory.find_similar("It costs 7 euros.", "en", "fr") == []
    assert adapt_placeables("a 5 b 5", ("5",), ("7",)) is None
    assert adapt_placeables("a 5 b 7", ("5", "7"), ("7", "5")) == "a 7 b 5"


def test_regional_variants_share_their_entries(memory: TranslationMemory) -> None:
    memory.add([MemoryEntry("en-GB", "pt", "One.", "Um.", "test")])
    for codes in (("en", "pt-BR"), ("eng_Latn", "por")):
        match = memory.find_exact("One.", *codes)
        assert match is not None
        assert match.target == "Um."


def test_chinese_is_compared_by_characters(memory: TranslationMemory) -> None:
    memory.add([MemoryEntry("zh", "en", "我们今天去公园看花", "We go to the park to see flowers today.", "test")])
    assert [match.similarity for match in memory.find_similar("我们明天去公园看花", "zh", "en")] == [0.8889]


def test_entries_of_a_client_are_private(memory: TranslationMemory) -> None:
    memory.add([entry("One two three.", "Partagé.")])
    memory.add([entry("One two three.", "Privé.")], owner="ann")
    targets = {}
    for owner in ("ann", "bob"):
        match = memory.find_exact("One two three.", "en", "fr", owner)
        assert match is not None
        targets[owner] = match.target
    assert targets == {"ann": "Privé.", "bob": "Partagé."}
    assert [match.target for match in memory.find_similar("One two three!", "en", "fr", "bob")] == ["Partagé."]


WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "the", "of"]


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=4, max_size=8), min_size=1, max_size=25), st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_search_finds_the_best_of_all_entries(tmp_path: Path, sentences: list[list[str]], data: st.DataObject) -> None:
    """Compare with Levenshtein distances to all entries; at most half of the words of the text are in none of them."""
    path = tmp_path / "memory.db"
    path.unlink(missing_ok=True)
    memory = TranslationMemory(path)
    sources = sorted({" ".join(sentence) for sentence in sentences})
    memory.add([entry(source, source.upper()) for source in sources])
    query = list(data.draw(st.sampled_from(sources)).split())
    query[data.draw(st.integers(0, len(query) - 1))] = "changed"
    text = " ".join(query)
    best = max(Levenshtein.normalized_similarity(text, source) for source in sources)
    found = memory.find_similar(text, "en", "fr")
    memory.close()
    assert (found[0].similarity if found else 0) == (round(best, 4) if best >= MIN_SIMILARITY else 0)


PROGRAM = """
import sys
from pathlib import Path
from nmt.inference.memory.store import MemoryEntry, TranslationMemory
memory = TranslationMemory(Path(sys.argv[1]))
for n in range(int(sys.argv[2]), 10**9):
    memory.add([MemoryEntry("en", "fr", f"Sentence with the name x{n}x.", f"Phrase x{n}x.", "test")])
    print(n, flush=True)
"""


def test_acknowledged_entries_survive_kills_while_two_processes_write(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    TranslationMemory(path).close()
    acknowledged: list[int] = []
    for kill in range(3):
        starts = [kill * 2_000_000, kill * 2_000_000 + 1_000_000]
        processes = [
            subprocess.Popen([sys.executable, "-c", PROGRAM, str(path), str(start)], stdout=subprocess.PIPE, text=True)
            for start in starts
        ]
        for process in processes:
            with process:
                assert process.stdout is not None
                acknowledged += [int(process.stdout.readline()) for _ in range(5)]
                os.kill(process.pid, signal.SIGKILL)
                acknowledged += [int(line) for line in process.stdout if line.endswith("\n")]
    memory = TranslationMemory(path)
    missing = [n for n in acknowledged if memory.find_exact(f"Sentence with the name x{n}x.", "en", "fr") is None]
    memory.close()
    assert missing == []
    assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_tmx_round_trip(memory: TranslationMemory, tmp_path: Path) -> None:
    source = tmp_path / "in.tmx"
    source.write_text(
        '<tmx version="1.4"><header srclang="en"/><body><tu creationdate="20240131T120000Z"><tuv xml:lang="en-US">'
        '<seg>A <bpt i="1">&lt;b></bpt>red &amp; small<ept i="1">&lt;/b></ept> cat</seg></tuv><tuv xml:lang="fr-FR">'
        "<seg>Un chat</seg></tuv><tuv xml:lang='de'><seg>Eine Katze</seg></tuv></tu></body></tmx>"
    )
    assert memory.add(read_tmx(source, None, None)) == 2
    assert list(read_tmx(source, "fr", "de")) == [
        MemoryEntry("fr", "de", "Un chat", "Eine Katze", "in.tmx", "2024-01-31T12:00:00+00:00")
    ]
    match = memory.find_exact("A red & small cat", "en", "fr")
    assert match is not None
    assert (match.target, match.origin, match.created) == ("Un chat", "in.tmx", "2024-01-31T12:00:00+00:00")
    assert write_tmx(tmp_path / "out.tmx", memory.entries()) == 2
    assert len(list(ElementTree.parse(tmp_path / "out.tmx").iter("tu"))) == 2
    assert list(read_tmx(tmp_path / "out.tmx", None, None)) == list(memory.entries())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<tmx><tu>", r"in\.tmx:1: invalid XML"),
        (b"<!DOCTYPE tmx [<!ENTITY a 'b'>]><tmx><tu>&a;</tu></tmx>", "declares the XML entity a"),
        (b"<tmx><tu><tuv lang='en'><seg>" + b"x" * 17 * 2**20, r"in\.tmx:1: a text or tag is larger than 16 MiB"),
        (b"<tmx a='" + b"x" * 17 * 2**20, r"in\.tmx:1: a text or tag is larger than 16 MiB"),
    ],
    ids=["incomplete", "entities", "long text", "long attribute"],
)
def test_damaged_and_hostile_tmx_is_refused(
    content: bytes, message: str, memory: TranslationMemory, tmp_path: Path
) -> None:
    (tmp_path / "in.tmx").write_bytes(content)
    with pytest.raises(CarouselError, match=message):
        memory.add(read_tmx(tmp_path / "in.tmx", None, None))
    assert len(memory) == 0


def test_units_with_several_variants_of_a_language_use_the_first(memory: TranslationMemory, tmp_path: Path) -> None:
    variants = [("en-US", "A"), ("en-GB", "B"), ("fr", "C"), ("fr-CA", "D"), ("de", " ")]
    inner = "".join(f'<tuv xml:lang="{code}"><seg>{text}</seg></tuv>' for code, text in variants)
    (tmp_path / "in.tmx").write_text(f"<tmx><body><tu>{inner}</tu></body></tmx>")
    assert [entry[:4] for entry in read_tmx(tmp_path / "in.tmx", None, None)] == [("en", "fr", "A", "C")]
    assert [entry[:4] for entry in read_tmx(tmp_path / "in.tmx", "fr-FR", "en")] == [("fr-FR", "en", "C", "A")]
    assert list(read_tmx(tmp_path / "in.tmx", "en", "de")) == []


@pytest.mark.parametrize("content", [b"x", b"text" * 1000, b"SQLite format 3\0" + b"x" * 1000])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(CarouselError, match="not a translation memory"):
        TranslationMemory(tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == content


def test_other_databases_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (a)")
    other.close()
    with pytest.raises(CarouselError, match="a database of another program"):
        TranslationMemory(tmp_path / "other.db")


def test_masked_text() -> None:
    text = analyse_text("See https://example.org/ and Page 5.")
    assert text.placeables == ("https://example.org/", "5")
    assert text.masked == "see \ufffc and page \ufffc."
    assert text.words == {"see", "and", "page"}
