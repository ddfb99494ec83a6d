"""The parameter ``glossary``: terms in the request, and stored glossaries by name or id."""

import json
from typing import Any

import pytest
from serving import RunningServer

TERMS = {"dog": "toutou", "cat": "minou"}


def store(server: RunningServer, name: str, entries: str, source: str = "en") -> str:
    body = {"name": name, "source_lang": source, "target_lang": "fr", "entries": entries}
    answer = server.client.post("/v2/glossaries", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["glossary_id"])


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"glossary": TERMS}},
        {"json": {"glossary": [*TERMS.items()]}},
        {"json": {"glossary": json.dumps(TERMS)}},
        {"data": {"glossary": json.dumps(TERMS)}},
        {"params": {"glossary": json.dumps([*TERMS.items()])}},
    ],
)
def test_terms_in_the_request(server: RunningServer, request_: dict[str, Any]):
    [(kind, values)] = request_.items()
    values = {"q": "the dog", "source": "en", "target": "fr", "details": "true", **values}
    answer = server.client.post("/translate", **{kind: values})
    assert answer.status_code == 200, answer.text
    assert answer.json()["translatedText"] == "[the dog]<toutou>"


def test_no_terms(server: RunningServer):
    for glossary in (None, "", {}, [], "{}"):
        assert server.translate("the dog", glossary=glossary).json() == {"translatedText": "[the dog]"}


def test_terms_apply_to_a_detected_language(server: RunningServer):
    assert server.translate("the dog", source="auto", glossary=TERMS).json()["translatedText"] == "[the dog]<toutou>"


def test_a_stored_glossary_by_name_and_id(server: RunningServer):
    store(server, "Tiere", "dog\tchien")
    id_ = store(server, "Tiere", "dog\tcabot")
    for name in ("Tiere", " Tiere ", id_):
        assert server.translate("the dog", glossary=name).json()["translatedText"] == "[the dog]<cabot>", name
    stream = {"q": "the dog", "source": "en", "target": "fr", "glossary": "Tiere"}
    assert "[the dog]<cabot>" in server.client.post("/translate/stream", json=stream).text
    form = {"source": "en", "target": "fr", "glossary": "Tiere"}
    answer = server.client.post("/translate_file", data=form, files={"file": ("a.txt", b"the dog")})
    assert server.client.get(answer.json()["translatedFileUrl"]).text == "[the dog]<cabot>"


@pytest.mark.parametrize(
    ("parameters", "status", "message"),
    [
        ({"glossary": "absent"}, 404, "there is no such glossary"),
        ({"glossary": 7}, 400, "glossary: "),
        ({"glossary": {"cat": 7}}, 400, "glossary: "),
        ({"glossary": [["cat"]]}, 400, "glossary: "),
        ({"glossary": "{"}, 400, "glossary: is not valid JSON"),
        ({"glossary": "[" * 100_000}, 400, "glossary: is not valid JSON"),
        ({"glossary": {"cat": ""}}, 400, "glossary: entry 1: a term is empty"),
        ({"glossary": {"a": "b", "c\nd": "e"}}, 400, "glossary: entry 2: 'c\\nd' contains a control character"),
        ({"glossary": [["a", "b"], ["a", "c"]]}, 400, "glossary: entry 2: 'a' has an entry already"),
        ({"glossary": {str(n): "x" for n in range(1001)}}, 400, "glossary: 1001 terms are too many"),
        ({"glossary": "Stored", "source": "auto"}, 400, "glossary: requires a source language; send source"),
    ],
)
def test_invalid_glossaries_are_refused(server: RunningServer, parameters: dict[str, Any], status: int, message: str):
    store(server, "Stored", "a\tb")
    answer = server.translate("the dog", **parameters)
    assert answer.status_code == status, answer.text
    assert answer.json()["error"].startswith(message)
