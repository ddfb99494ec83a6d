"""Translation memory of the service: reuse, alternatives, provenance, privacy of keys, suggestions and failures."""

import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until

from nmt.inference.memory.store import MemoryEntry, TranslationMemory
from nmt.utils.errors import CarouselError
from serve.app import create_app
from serve.settings import Settings

SHARED = ("One two three.", "Un deux trois.")
NUMBERED = ("Open {file} on page 12 now.", "Ouvrez {file} à la page 12.")


def headers(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "memory.db"
    memory = TranslationMemory(path)
    memory.add([MemoryEntry("en", "fr", *pair, "book.tmx") for pair in (SHARED, NUMBERED)])
    memory.add([MemoryEntry("en", "fr", "Four five six.", "Privé.", "ann.tmx")], owner="ann")
    memory.close()
    return path


@pytest.fixture
def it(path: Path, tmp_path: Path) -> Iterator[RunningServer]:
    keys = [{"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest()} for name in ("ann", "bob")]
    keys_file = tmp_path / "keys.yaml"
    keys_file.write_text(yaml.safe_dump(keys))
    with run_server(FakeTranslator(), FakeTranslator("en", "zh"), memory=path, api_keys_file=keys_file) as it:
        yield it


def test_exact_sentences_are_reused(it: RunningServer):
    answer = it.translate(["One two three.", "One two three. Other words.\nx"], details=True).json()
    assert answer["translatedText"] == ["Un deux trois.", "Un deux trois. [Other words.]\n[x]"]
    assert it.fake.decoded() == ["Other words.", "x"]
    [first, second] = answer["details"]
    assert first["direction"] == {"kind": "memory", "languages": ["en", "fr"]}
    [entry] = first["memory"]
    assert (entry["source"], entry["target"], entry["similarity"], entry["origin"]) == (*SHARED, 1.0, "book.tmx")
    assert second["memory"] == [entry]


def test_similar_entries_are_alternatives_with_the_placeholders_of_the_text(it: RunningServer):
    text = "Open {path} on page 345 now."
    answer = it.translate(text, alternatives=2, details=True).json()
    assert answer["translatedText"] == f"[{text}]"
    assert answer["alternatives"] == ["Ouvrez {path} à la page 345.", f"[{text}]1"]
    [entry] = answer["details"]["memory"]
    assert (entry["source"], entry["similarity"]) == (NUMBERED[0], 0.99)
    assert "alternatives" not in it.translate(text).json()
    assert it.translate("Quite different words.", alternatives=1, details=True).json()["details"]["memory"] == []


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ({"glossary": {"two": "2"}}, "[One two three.]<2>"),
        ({"glossary": {"ten": "10"}}, "Un deux trois."),
        ({"format": "html", "q": "<p>One <b>two</b> three.</p>"}, "<p>Un <b>deux</b> trois.</p>"),
        ({"target": "en"}, "One two three."),
    ],
)
def test_memory_with_other_options(it: RunningServer, others: dict[str, Any], expected: str):
    answer = it.translate(**{"q": "One two three."} | others).json()
    if others.get("format") == "html":
        assert answer["translatedText"].replace("<b>", "").replace("</b>", "") == "<p>Un deux trois.</p>"
    else:
        assert answer["translatedText"] == expected


def test_streamed_sentences_are_reused(it: RunningServer):
    body = {"q": "One two three. Open {path} on page 345 now.", "source": "en", "target": "fr", "details": True}
    events = it.client.post("/translate/stream", json=body).text
    assert '"Un deux trois."' in events
    assert '"similarity":0.99' in events.replace(" ", "")


def test_entries_of_a_key_serve_this_key_only(it: RunningServer):
    def translate(**headers: str) -> str:
        body = {"q": "Four five six.", "source": "en", "target": "fr"}
        return str(it.client.post("/translate", json=body, headers=headers).json()["translatedText"])

    assert translate(**headers("ann")) == "Privé."
    assert translate(**headers("bob")) == "[Four five six.]"
    assert translate() == "[Four five six.]"


def suggest(it: RunningServer, key: str, **changes: str) -> tuple[int, Any]:
    body = {"q": "Seven eight nine.", "s": "Sept huit neuf.", "source": "en", "target": "fr"} | changes
    answer = it.client.post("/suggest", json=body, headers=headers(key) if key else {})
    return answer.status_code, answer.json()


def test_suggestions_belong_to_their_key(it: RunningServer, path: Path):
    assert suggest(it, "ann") == (200, {"success": True})
    assert suggest(it, "ann", s="Sept, huit, neuf.") == (200, {"success": True})
    body = {"q": "Seven eight nine.", "source": "en", "target": "fr", "details": True}
    answer = it.client.post("/translate", json=body, headers=headers("ann")).json()
    assert (answer["translatedText"], answer["details"]["memory"][0]["origin"]) == ("Sept, huit, neuf.", "suggestion")
    assert it.client.post("/translate", json=body, headers=headers("bob")).json()["details"]["memory"] == []
    assert it.client.get("/frontend/settings").json()["suggestions"] is True
    memory = TranslationMemory(path)
    assert [entry.origin for entry in memory.entries("ann")] == ["ann.tmx", "suggestion"]
    assert len(list(memory.entries())) == 2
    memory.close()


@pytest.mark.parametrize(
    ("key", "changes", "status"),
    [
        ("", {}, 403),
        ("ann", {"q": " "}, 400),
        ("ann", {"s": ""}, 400),
        ("ann", {"source": "auto"}, 400),
        ("ann", {"target": "xx"}, 400),
        ("ann", {"q": "x" * 10_001}, 400),
    ],
)
def test_refused_suggestions(it: RunningServer, key: str, changes: dict[str, str], status: int):
    code, body = suggest(it, key, **changes)
    assert (code, list(body)) == (status, ["error"])


def test_suggestions_of_a_key_are_limited(it: RunningServer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("serve.stores.translation_memory._MAX_OWNED", 2)
    assert suggest(it, "ann")[0] == 200
    assert suggest(it, "ann", q="Ten.")[0] == 429
    assert suggest(it, "bob", q="Ten.")[0] == 200


def test_suggestions_are_disabled_without_a_memory(server: RunningServer):
    assert suggest(server, "") == (403, {"error": "suggestions are disabled on this server"})
    assert server.client.get("/frontend/settings").json()["suggestions"] is False
    assert server.translate("One two three.", details=True).json()["details"]["memory"] == []


def test_documents_reuse_entries(it: RunningServer):
    files = {"file": ("a.txt", b"One two three.\nx\n")}
    url = it.client.post("/translate_file", data={"source": "en", "target": "fr"}, files=files).json()
    assert it.client.get(url["translatedFileUrl"]).text == "Un deux trois.\n[x]\n"


def test_a_slow_search_does_not_block_other_requests(it: RunningServer, monkeypatch: pytest.MonkeyPatch):
    searching, go_on = threading.Event(), threading.Event()

    def find_similar(*_: object) -> list[object]:
        searching.set()
        assert go_on.wait(30)
        return []

    monkeypatch.setattr(TranslationMemory, "find_similar", find_similar)
    answers = it.translate_meanwhile("Slow words.", alternatives=1)
    assert searching.wait(30)
    assert it.translate("One two three.").json() == {"translatedText": "Un deux trois."}
    assert it.client.get("/health").status_code == 200
    assert answers == []
    go_on.set()
    wait_until(lambda: answers)
    assert answers[0].json()["alternatives"] == ["[Slow words.]1"]


def test_an_unreadable_memory_does_not_stop_translation(it: RunningServer, path: Path, monkeypatch: pytest.MonkeyPatch):
    with sqlite3.connect(path) as database:
        database.execute("DROP TABLE postings")
        database.execute("DROP TABLE entries")
    answer = it.translate("One two three.", alternatives=1)
    assert (answer.status_code, answer.json()["translatedText"]) == (200, "[One two three.]")
    assert suggest(it, "ann")[0] == 503


def test_a_missing_memory_stops_the_start(tmp_path: Path):
    with pytest.raises(CarouselError, match=r"NMT_MEMORY: .* does not exist; fill a translation memory"):
        create_app(Settings(memory=tmp_path / "none.db"), [])
    other = tmp_path / "other.db"
    other.write_text("x")
    with pytest.raises(CarouselError, match="not a translation memory"):
        create_app(Settings(memory=other), [])
