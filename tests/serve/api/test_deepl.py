"""DeepL's API over real HTTP, with a real server and a fake ``TranslationService.translate``."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from fake_translator import FakeTranslator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import run_server, wait_until

from nmt.inference.directions import AvailableDirections
from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.translation import Translation
from nmt.text.language_identification import DetectedLanguage
from serve.app import create_app
from serve.errors import LimitExceededError, TimedOutError
from serve.models.served_model import TranslatorBackend
from serve.server import TranslationServer, listen
from serve.service import TranslationRequest, TranslationResult
from serve.settings import Settings

PAIRS = (("en", "fr"), ("fr", "en"), ("en", "pt-BR"), ("de", "en"), ("zh-Hant", "en"), ("zh", "en"), ("zh", "fr"))


@dataclass(frozen=True)
class UnloadableModel:
    """A model that is never loaded."""

    pair: tuple[str, str]

    name = "unloadable"

    def directions(self) -> AvailableDirections:
        return AvailableDirections([self.pair])

    def load(self) -> TranslatorBackend:
        raise AssertionError("translate is replaced, so that no model is loaded")


@dataclass
class DeeplServer:
    """A server, and the translation requests that its service received."""

    client: httpx.Client
    requests: list[TranslationRequest] = field(default_factory=list)

    async def translate(self, texts: Sequence[str], request: TranslationRequest) -> list[TranslationResult]:
        """Translate ``word`` as ``[word]``, followed by the translations that the glossary requires."""
        self.requests.append(request)
        if "SLOW" in texts:
            raise TimedOutError("no answer within 30 s")
        if "LONG" in texts:
            raise LimitExceededError("a text is too long")
        found = [request.glossary.terms.find(text) if request.glossary else [] for text in texts]
        terms = [" ".join(["", *(match.target for match in matches)]) for matches in found]
        return [
            TranslationResult(
                Translation(f"[{text}]{term}"), DetectedLanguage(request.source_language or "de", 1.0), None
            )
            for text, term in zip(texts, terms, strict=True)
        ]

    def post(self, **parameters: object) -> httpx.Response:
        return self.client.post("/v2/translate", json=parameters)

    def glossary(self, **others: object) -> str:
        """Create a glossary and return its id."""
        request = {"name": "n", "source_lang": "en", "target_lang": "fr", "entries": "cat\tminou", **others}
        answer = self.client.post("/v2/glossaries", json=request)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["glossary_id"])


@contextmanager
def run_deepl_server(**settings_: object) -> Iterator[DeeplServer]:
    app = create_app(Settings(port=0, lazy=True, **settings_), [UnloadableModel(pair) for pair in PAIRS])  # type: ignore[arg-type]
    listener = listen("127.0.0.1", 0)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = TranslationServer(app, url)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
    thread.start()
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        it = DeeplServer(client)
        app.state.service.translate = it.translate
        try:
            wait_until(lambda: client.get("/ready").status_code == 200)
            yield it
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def server() -> Iterator[DeeplServer]:
    with run_deepl_server(batch_limit=60) as it:
        yield it


def error_message(answer: httpx.Response, status: int = 400) -> str:
    """Check that an answer is an error, and return its message."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["message"]
    message: str = answer.json()["message"]
    assert message
    assert "\n" not in message
    return message


# -- translating ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"text": ["Ça & 🙂", "b"], "target_lang": "FR", "source_lang": "EN"}},
        {
            "json": {
                "text": ["Ça & 🙂", "b"],
                "target_lang": "fr",
                "source_lang": "en",
                "formality": None,
                "context": "",
            }
        },
        {"data": {"text": ["Ça & 🙂", "b"], "target_lang": "FR", "source_lang": "EN", "formality": ""}},
        {"params": {"text": ["Ça & 🙂", "b"], "target_lang": "FR", "source_lang": "EN"}},
        {"params": {"text": "Ça & 🙂"}, "data": {"text": "b", "target_lang": "FR", "source_lang": "EN"}},
    ],
)
def test_parameters_as_json_form_and_query_string(server: DeeplServer, request_: dict[str, Any]) -> None:
    answer = server.client.post("/v2/translate", **request_)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {
        "translations": [
            {"detected_source_language": "EN", "text": "[Ça & 🙂]", "billed_characters": 6},
            {"detected_source_language": "EN", "text": "[b]", "billed_characters": 1},
        ]
    }
    assert server.requests[-1] == TranslationRequest("en", "fr")


@pytest.mark.parametrize(
    "texts", [{"json": {"text": "a", "target_lang": "FR"}}, {"data": {"text": "a", "target_lang": "FR"}}]
)
def test_a_single_text_without_a_source_language(server: DeeplServer, texts: dict[str, Any]) -> None:
    answer = server.client.post("/v2/translate", **texts).json()
    assert answer == {"translations": [{"detected_source_language": "DE", "text": "[a]", "billed_characters": 1}]}
    assert server.requests[-1].source_language is None


@pytest.mark.parametrize(
    ("requested", "served"),
    [
        ("FR", "fr"),
        ("fr-CA", "fr"),
        ("EN", "en"),
        ("EN-US", "en"),
        ("en-gb", "en"),
        ("PT-BR", "pt-BR"),
        ("pt_br", "pt-BR"),
        ("PT", "pt-BR"),
        ("ZH-HANT", "zh-Hant"),
        ("ZH-HANS", "zh-Hans"),
        ("ZH", "zh"),
    ],
)
def test_language_codes_match_the_nearest_served_language(server: DeeplServer, requested: str, served: str) -> None:
    assert server.post(text=["a"], source_lang=requested, target_lang=requested).status_code == 200
    assert server.requests[-1] == TranslationRequest(served, served)


@pytest.mark.parametrize(
    ("parameters", "members"),
    [
        ({}, {}),
        ({"show_billed_characters": False}, {}),
        ({"show_billed_characters": "1"}, {}),
        ({"model_type": "quality_optimized"}, {"model_type_used": "quality_optimized"}),
        ({"model_type": "prefer_quality_optimized"}, {"model_type_used": "quality_optimized"}),
        ({"model_type": "latency_optimized"}, {"model_type_used": "latency_optimized"}),
    ],
)
def test_optional_members_of_a_translation(
    server: DeeplServer, parameters: dict[str, Any], members: dict[str, Any]
) -> None:
    answer = server.post(text=["a🙂b"], target_lang="FR", **parameters).json()
    always = {"detected_source_language": "DE", "text": "[a🙂b]", "billed_characters": 3}
    assert answer == {"translations": [always | members]}


@pytest.mark.parametrize(
    "parameters",
    [
        {"formality": "prefer_more", "split_sentences": "1", "preserve_formatting": True},
        {"formality": "default", "split_sentences": True, "preserve_formatting": "0", "outline_detection": False},
        {"context": "a letter", "splitting_tags": ["p"], "non_splitting_tags": "a,b", "tag_handling_version": "v2"},
        {"ignore_tags": ["x"], "whatever": {"nested": [1]}},
    ],
)
def test_parameters_without_effect(server: DeeplServer, parameters: dict[str, Any]) -> None:
    assert server.post(text=["a"], target_lang="FR", **parameters).json()["translations"][0]["text"] == "[a]"
    assert server.requests[-1] == TranslationRequest(None, "fr")


@pytest.mark.parametrize(
    ("value", "translation"),
    [
        ("1", "[One.] [Two]\n[three.]"),
        (1, "[One.] [Two]\n[three.]"),
        ("nonewlines", "[One.] [Two three.]"),
        ("0", "[One. Two three.]"),
        (0, "[One. Two three.]"),
        (False, "[One. Two three.]"),
    ],
)
@pytest.mark.parametrize("encoding", ["json", "data", "params"])
def test_sentences_are_split_as_requested(encoding: str, value: object, translation: str) -> None:
    parameters = {"text": "One. Two\nthree.", "source_lang": "EN", "target_lang": "FR", "split_sentences": value}
    if encoding != "json" and isinstance(value, bool):
        parameters["split_sentences"] = int(value)
    with run_server(FakeTranslator()) as it:
        answer = it.client.post("/v2/translate", **{encoding: parameters})
        assert [each["text"] for each in answer.json()["translations"]] == [translation]


def test_undivided_markup_is_refused(server: DeeplServer) -> None:
    answer = server.post(text=["a"], target_lang="FR", tag_handling="html", split_sentences="0")
    assert error_message(answer).startswith("split_sentences: 0 is not supported with 'tag_handling'")


def test_texts_are_translated_with_get(server: DeeplServer) -> None:
    answer = server.client.get("/v2/translate", params={"text": ["a", "b"], "source_lang": "EN", "target_lang": "FR"})
    assert [each["text"] for each in answer.json()["translations"]] == ["[a]", "[b]"]
    assert error_message(server.client.get("/v2/translate", params={"text": "a"})).startswith("target_lang: ")


@pytest.mark.parametrize("kind", ["html", "xml"])
def test_tag_handling_requests_markup(server: DeeplServer, kind: str) -> None:
    server.post(text=["<p>a</p>"], target_lang="FR", tag_handling=kind)
    request = server.requests[-1]
    assert (request.is_html, request.is_xml, request.has_tags) == (kind == "html", kind == "xml", True)
    assert request.tag_options == TagOptions()


@pytest.mark.parametrize("encoding", ["json", "form"])
def test_options_for_tags(server: DeeplServer, encoding: str) -> None:
    parameters = {
        **{"text": ["<p>a</p>"], "target_lang": "FR", "tag_handling": "xml", "outline_detection": "0"},
        **{"ignore_tags": ["x", "y"], "splitting_tags": "a, b", "non_splitting_tags": ["c,d", "e"]},
    }
    arguments: Any = {"json" if encoding == "json" else "data": parameters}
    assert server.client.post("/v2/translate", **arguments).status_code == 200
    expected = TagOptions(frozenset("xy"), frozenset("ab"), frozenset("cde"), outline_detection=False)
    assert server.requests[-1].tag_options == expected


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"text": None}, "text: is missing"),
        ({"text": []}, "text"),
        ({"text": [1]}, "text"),
        ({"text": {"a": "b"}}, "text"),
        ({"text": ["\ud800"]}, "text: contains a lone surrogate"),
        ({"target_lang": None}, "target_lang: is missing"),
        ({"target_lang": ["FR"]}, "target_lang"),
        ({"target_lang": "XX"}, "language 'XX' is not supported; served are de, en, fr"),
        ({"target_lang": "PT-PT"}, "Value for 'target_lang' not supported: language 'PT-PT' is not supported"),
        ({"target_lang": "\ud800"}, "target_lang"),
        ({"source_lang": "auto"}, "language 'auto' is not supported"),
        ({"source_lang": 7}, "source_lang"),
        ({"formality": "more"}, "formality: is not supported for given 'target_lang'"),
        ({"formality": "less"}, "formality: is not supported for given 'target_lang'"),
        ({"formality": "very"}, "formality: must be 'default'"),
        ({"tag_handling": "markdown"}, "tag_handling"),
        ({"split_sentences": "2"}, "split_sentences"),
        ({"preserve_formatting": "maybe"}, "preserve_formatting"),
        ({"show_billed_characters": 2}, "show_billed_characters"),
        ({"model_type": "best"}, "model_type"),
        ({"context": []}, "context"),
        ({"ignore_tags": [1]}, "ignore_tags"),
        ({"splitting_tags": {"p": 1}}, "splitting_tags"),
        ({"outline_detection": "maybe"}, "outline_detection"),
        ({"glossary_ids": ["x"]}, "glossary_ids: is not supported"),
        ({"glossary_id": 7}, "glossary_id"),
        ({"glossary_id": "x"}, "glossary_id: requires a source language"),
        ({"text": ["LONG"]}, "a text is too long"),
    ],
)
def test_invalid_parameters_are_reported(server: DeeplServer, parameters: dict[str, Any], message: str) -> None:
    body = json.dumps({"text": ["a"], "target_lang": "FR", **parameters})
    answer = server.client.post("/v2/translate", content=body, headers={"content-type": "application/json"})
    assert message in error_message(answer)


def test_all_errors_have_a_message(server: DeeplServer) -> None:
    error_message(server.client.post("/v2/translate", content=b"{", headers={"content-type": "application/json"}))
    error_message(server.client.post("/v2/translate", content=b"text=a", headers={"content-type": "text/plain"}))
    error_message(server.client.put("/v2/translate"), 405)
    error_message(server.client.post("/v2/nothing"), 404)
    error_message(server.client.post("/v2/document", data={"target_lang": "FR"}))
    error_message(server.post(text=["a" * 2_000_000], target_lang="FR"), 413)
    assert "retry-after" in server.post(text=["SLOW"], target_lang="FR").headers
    error_message(server.post(text=["SLOW"], target_lang="FR"), 503)


# -- languages and usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_", [{}, {"data": {"type": "source"}}, {"params": {"type": "source"}}, {"params": {"type": ""}}]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_source_languages(server: DeeplServer, method: str, request_: dict[str, Any]) -> None:
    answer = server.client.request(method, "/v2/languages", **request_)
    assert answer.json() == [
        {"language": "DE", "name": "German"},
        {"language": "EN", "name": "English"},
        {"language": "FR", "name": "French"},
        {"language": "ZH", "name": "Chinese"},
        {"language": "ZH-HANT", "name": "Chinese (traditional)"},
    ]


@pytest.mark.parametrize("request_", [{"data": {"type": "target"}}, {"params": {"type": "target"}}])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_target_languages(server: DeeplServer, method: str, request_: dict[str, Any]) -> None:
    answer = server.client.request(method, "/v2/languages", **request_)
    assert answer.json() == [
        {"language": "EN-GB", "name": "English (GB)", "supports_formality": False},
        {"language": "EN-US", "name": "English (US)", "supports_formality": False},
        {"language": "FR", "name": "French", "supports_formality": False},
        {"language": "PT-BR", "name": "Portuguese (BR)", "supports_formality": False},
    ]
    for language in answer.json():
        assert server.post(text=["a"], source_lang="DE", target_lang=language["language"]).status_code == 200


def test_an_invalid_type_of_languages_is_reported(server: DeeplServer) -> None:
    assert "type" in error_message(server.client.get("/v2/languages", params={"type": "all"}))


def test_usage_counts_characters() -> None:
    with run_deepl_server() as server:
        for method in ("GET", "POST"):
            assert server.client.request(method, "/v2/usage").json()["character_count"] == 0
        server.post(text=["abc", "🙂"], target_lang="FR")
        server.post(text=["refused"], target_lang="XX")
        answer = server.client.get("/v2/usage").json()
    assert answer == {"character_count": 4, "character_limit": 10**12}


# -- keys ----------------------------------------------------------------------------------------------------


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[DeeplServer]:
    """A server that requires keys: anna's allows ten characters, bert's four requests per minute."""
    entries = [
        {"name": name, "sha256": hashlib.sha256(name.encode()).hexdigest(), **limits}
        for name, limits in (("anna", {"character_limit": 10}), ("bert", {"requests_per_minute": 4}))
    ]
    (tmp_path / "keys.yaml").write_text(json.dumps(entries))
    with run_deepl_server(api_keys_file=tmp_path / "keys.yaml", require_api_key=True) as it:
        yield it


def key(name: str) -> dict[str, str]:
    return {"Authorization": f"DeepL-Auth-Key {name}"}


def test_every_route_requires_a_key(keyed: DeeplServer) -> None:
    routes = [
        ("POST", "translate"),
        ("GET", "usage"),
        ("GET", "languages"),
        ("GET", "glossaries"),
        ("POST", "glossaries"),
        ("GET", "glossaries/x"),
        ("DELETE", "glossaries/x"),
        ("GET", "glossaries/x/entries"),
        ("GET", "glossary-language-pairs"),
    ]
    for method, route in routes:
        error_message(keyed.client.request(method, f"/v2/{route}"), 403)
        error_message(keyed.client.request(method, f"/v2/{route}", headers=key("eve")), 403)
    body = {"text": ["a"], "target_lang": "FR"}
    assert keyed.client.post("/v2/translate", json=body, headers=key("anna")).status_code == 200
    assert keyed.client.post("/v2/translate", data={**body, "auth_key": "anna"}).status_code == 200
    error_message(keyed.client.post("/v2/translate", json={**body, "auth_key": ["anna"]}), 403)


def test_an_exceeded_quota_is_456(keyed: DeeplServer) -> None:
    translate = {"text": ["1234567"], "target_lang": "FR"}
    assert keyed.client.post("/v2/translate", json=translate, headers=key("anna")).status_code == 200
    error_message(keyed.client.post("/v2/translate", json=translate, headers=key("anna")), 456)
    assert keyed.client.get("/v2/usage", headers=key("anna")).json() == {"character_count": 7, "character_limit": 10}


def test_an_exceeded_rate_limit_is_429(keyed: DeeplServer) -> None:
    answers = [keyed.client.get("/v2/usage", headers=key("bert")) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200] * 4 + [429]
    error_message(answers[-1], 429)


# -- glossaries ----------------------------------------------------------------------------------------------


def test_a_glossary_is_created_used_and_deleted(server: DeeplServer) -> None:
    request = {"name": "Animals", "source_lang": "EN", "target_lang": "FR", "entries": "cat\tminou\nthe dog\tle chien"}
    made = server.client.post("/v2/glossaries", json={**request, "entries_format": "tsv"})
    assert made.status_code == 201
    answer = made.json()
    id_, created = answer.pop("glossary_id"), answer.pop("creation_time")
    assert answer == {"name": "Animals", "ready": True, "source_lang": "en", "target_lang": "fr", "entry_count": 2}
    assert uuid.UUID(id_).version == 4
    assert datetime.strptime(created, "%Y-%m-%dT%H:%M:%S.%f%z").tzinfo

    assert server.client.get(f"/v2/glossaries/{id_}").json() == made.json()
    assert made.json() in server.client.get("/v2/glossaries").json()["glossaries"]
    entries = server.client.get(f"/v2/glossaries/{id_}/entries", headers={"Accept": "text/tab-separated-values"})
    assert entries.headers["content-type"] == "text/tab-separated-values; charset=utf-8"
    assert entries.text == "cat\tminou\nthe dog\tle chien\n"

    translated = server.post(text=["The dog, the Cat"], source_lang="EN", target_lang="FR", glossary_id=id_).json()
    assert translated["translations"][0]["text"] == "[The dog, the Cat] le chien minou"

    deleted = server.client.delete(f"/v2/glossaries/{id_}")
    assert (deleted.status_code, deleted.content) == (204, b"")
    error_message(server.client.delete(f"/v2/glossaries/{id_}"), 404)
    error_message(server.client.get(f"/v2/glossaries/{id_}"), 404)
    error_message(server.client.get(f"/v2/glossaries/{id_}/entries"), 404)
    error_message(server.post(text=["a"], source_lang="EN", target_lang="FR", glossary_id=id_), 404)


def test_a_glossary_from_a_form_with_csv(server: DeeplServer) -> None:
    request = {"name": "n", "source_lang": "en", "target_lang": "fr", "entries": '"a, b",c\n', "entries_format": "csv"}
    id_ = server.client.post("/v2/glossaries", data=request).json()["glossary_id"]
    assert server.client.get(f"/v2/glossaries/{id_}/entries").text == "a, b\tc\n"


def test_a_glossary_applies_to_all_regions(server: DeeplServer) -> None:
    assert server.client.get("/v2/glossary-language-pairs").json() == {
        "supported_languages": [
            {"source_lang": source, "target_lang": target}
            for source, target in [
                ("de", "en"),
                ("de", "fr"),
                ("de", "pt"),
                ("en", "fr"),
                ("en", "pt"),
                ("fr", "en"),
                ("fr", "pt"),
                ("zh", "en"),
                ("zh", "fr"),
                ("zh", "pt"),
            ]
        ]
    }
    for source, target in (("EN", "PT"), ("EN-GB", "PT-BR")):
        id_ = server.glossary(source_lang=source, target_lang=target)
        info = server.client.get(f"/v2/glossaries/{id_}").json()
        assert (info["source_lang"], info["target_lang"]) == ("en", "pt")
        assert server.post(text=["a"], source_lang="EN", target_lang="PT-BR", glossary_id=id_).status_code == 200
    id_ = server.glossary(source_lang="ZH", target_lang="EN")
    for source in ("ZH", "ZH-HANT"):
        assert server.post(text=["a"], source_lang=source, target_lang="EN-US", glossary_id=id_).status_code == 200


def test_a_glossary_is_refused_for_other_languages(server: DeeplServer) -> None:
    id_ = server.glossary()
    refused = server.post(text=["a"], source_lang="FR", target_lang="EN", glossary_id=id_)
    assert "is for en→fr" in error_message(refused)
    pivoted = server.post(text=["a"], source_lang="DE", target_lang="FR", glossary_id=id_)
    assert "is for en→fr" in error_message(pivoted)


def test_a_glossary_applies_to_a_translation_through_a_pivot_language(server: DeeplServer) -> None:
    id_ = server.glossary(source_lang="DE", target_lang="FR", entries="Katze\tminou")
    answer = server.post(text=["eine Katze"], source_lang="DE", target_lang="FR", glossary_id=id_)
    assert answer.json()["translations"][0]["text"] == "[eine Katze] minou"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"name": None}, "name: is missing"),
        ({"name": ""}, "name: is missing"),
        ({"name": "a\nb"}, "contains a control character"),
        ({"name": 5}, "name"),
        ({"entries": None}, "entries: is missing"),
        ({"entries": "\n"}, "at least one entry"),
        ({"entries": "cat\tminou\ncat"}, "line 2"),
        ({"entries": {"cat": "minou"}}, "entries"),
        ({"entries": "\ud800\ta"}, "entries: contains a lone surrogate"),
        ({"entries_format": "xlsx"}, "entries_format"),
        ({"source_lang": None}, "source_lang: is missing"),
        ({"source_lang": "XX"}, "xx→fr: glossaries are not supported"),
        ({"source_lang": "FR"}, "fr→fr: glossaries are not supported"),
    ],
)
def test_invalid_glossaries_are_reported(server: DeeplServer, parameters: dict[str, Any], message: str) -> None:
    request = {"name": "n", "source_lang": "EN", "target_lang": "FR", "entries": "cat\tminou", **parameters}
    answer = server.client.post(
        "/v2/glossaries", content=json.dumps(request), headers={"content-type": "application/json"}
    )
    assert message in error_message(answer)


def test_each_key_has_its_own_glossaries(keyed: DeeplServer) -> None:
    request = {"name": "n", "source_lang": "EN", "target_lang": "FR", "entries": "cat\tminou"}
    made = keyed.client.post("/v2/glossaries", json=request, headers=key("anna")).json()
    path = f"/v2/glossaries/{made['glossary_id']}"
    assert keyed.client.get("/v2/glossaries", headers=key("bert")).json() == {"glossaries": []}
    error_message(keyed.client.get(path, headers=key("bert")), 404)
    error_message(keyed.client.delete(path, headers=key("bert")), 404)
    assert keyed.client.get("/v2/glossaries", headers=key("anna")).json() == {"glossaries": [made]}


def test_too_many_glossaries_are_456(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.stores.glossaries._MAX_GLOSSARIES", 1)
    with run_deepl_server() as server:
        server.glossary()
        request = {"name": "n", "source_lang": "EN", "target_lang": "FR", "entries": "cat\tminou"}
        error_message(server.client.post("/v2/glossaries", json=request), 456)


def test_glossaries_in_a_directory_survive_a_restart(tmp_path: Path) -> None:
    with run_deepl_server(glossaries=tmp_path / "kept") as server:
        id_ = server.glossary()
    with run_deepl_server(glossaries=tmp_path / "kept") as server:
        assert server.client.get(f"/v2/glossaries/{id_}/entries").text == "cat\tminou\n"
        (tmp_path / "kept").rename(tmp_path / "away")
        (tmp_path / "kept").write_text("in the way")
        message = error_message(server.client.delete(f"/v2/glossaries/{id_}"), 503)
        assert str(tmp_path) not in message
        assert server.client.get(f"/v2/glossaries/{id_}").status_code == 200


# -- fuzzing -------------------------------------------------------------------------------------------------

NAMES = ["text", "target_lang", "source_lang", "formality", "tag_handling", "glossary_id", "auth_key", "ignore_tags"]
NAMES += ["type", "name", "entries", "entries_format"]
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.sampled_from(["EN", "FR", ["a"], "a\tb", "csv", {"a": {}}])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(NAMES), VALUES),
    st.sampled_from(["translate", "languages", "usage", "glossaries"]),
)
def test_no_parameters_are_answered_with_500(server: DeeplServer, parameters: dict[str, Any], route: str) -> None:
    answer = server.client.post(
        f"/v2/{route}", content=json.dumps(parameters), headers={"content-type": "application/json"}
    )
    assert answer.status_code in {200, 201, 400, 404, 456}, answer.text
    if answer.status_code >= 400:
        error_message(answer, answer.status_code)


def test_the_openapi_description_has_all_routes_of_deepl(server: DeeplServer) -> None:
    paths = server.client.get("/openapi.json").json()["paths"]
    assert {path for path in paths if path.startswith("/v2")} == {
        "/v2/translate",
        "/v2/languages",
        "/v2/usage",
        "/v2/document",
        "/v2/document/{document_id}",
        "/v2/document/{document_id}/result",
        "/v2/glossary-language-pairs",
        "/v2/glossaries",
        "/v2/glossaries/{glossary_id}",
        "/v2/glossaries/{glossary_id}/entries",
    }
    body = paths["/v2/translate"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json", "application/x-www-form-urlencoded"}
    assert {"400", "403", "413", "429", "456", "503"} <= set(paths["/v2/translate"]["post"]["responses"])


@pytest.mark.parametrize(
    "parameter", [{"style_id": "x"}, {"custom_instructions": ["Be brief."]}, {"translation_memory_id": "x"}]
)
def test_what_would_change_the_translation_is_refused(server: DeeplServer, parameter: dict[str, Any]) -> None:
    message = error_message(server.post(text=["a"], target_lang="FR", **parameter))
    assert message.startswith(f"{next(iter(parameter))}: is not supported")


def test_errors_under_v3_have_a_message(server: DeeplServer) -> None:
    assert set(server.client.get("/v3/nothing").json()) == {"message"}
