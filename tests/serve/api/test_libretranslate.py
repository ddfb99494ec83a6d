"""LibreTranslate's API over real HTTP, with a fake translator."""

import json
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from fake_translator import FakeTranslator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from serving import RunningServer, run_server

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


def post(
    server: RunningServer, content: bytes = b"", headers: dict[str, str] | None = None, query: str = ""
) -> httpx.Response:
    return server.client.post(f"/translate{query}", content=content, headers=headers)


def error_message(answer: httpx.Response, status: int = 400) -> str:
    """Check that an answer is an error, and return its message."""
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    message: str = answer.json()["error"]
    assert message
    assert "\n" not in message
    return message


# -- encodings of parameters ---------------------------------------------------------------------------------

PARAMETERS = {"q": "Ça va ? 1+1=2 & 🙂 ok", "source": "en", "target": "fr", "api_key": ""}


@pytest.mark.parametrize(
    "request_",
    [
        {"json": PARAMETERS},
        {"json": {**PARAMETERS, "api_key": None, "format": None, "alternatives": None, "details": None}},
        {"json": {**PARAMETERS, "format": "text", "unknown": {"nested": [1]}}},
        {"data": PARAMETERS},
        {"data": {**PARAMETERS, "format": "", "alternatives": "", "details": ""}},
        {"params": PARAMETERS},
        {"params": PARAMETERS, "headers": JSON},
        {"params": PARAMETERS, "headers": FORM},
        {"params": {"source": "en", "target": "fr"}, "data": {"q": PARAMETERS["q"]}},
        {"params": {"source": "xx", "target": "fr"}, "json": {"q": PARAMETERS["q"], "source": "en"}},
        {"params": {"source": "en"}, "data": PARAMETERS},
        {"content": json.dumps(PARAMETERS), "headers": {"content-type": "Application/JSON; charset=utf-8"}},
        {"content": json.dumps(PARAMETERS), "headers": {"content-type": "application/vnd.api+json"}},
        {"content": b"\xef\xbb\xbf" + json.dumps(PARAMETERS).encode(), "headers": JSON},
        {"content": urlencode(PARAMETERS), "headers": {"content-type": f"{FORM['content-type']}; charset=UTF-8"}},
        # Not percent-encoded, as curl's --data sends it.
        {"content": "q=Ça va ? 1%2B1=2 %26 🙂 ok&source=en&target=fr".encode(), "headers": FORM},
    ],
)
def test_parameters_as_json_form_and_query_string(server: RunningServer, request_: dict[str, Any]):
    answer = server.client.post("/translate", **request_)
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"translatedText": f"[{PARAMETERS['q']}]"}
    assert answer.headers["content-type"] == "application/json"


def test_a_form_keeps_plus_signs_and_line_breaks(server: RunningServer):
    answer = post(server, b"q=a+b%2Bc%0D%0Ad&source=en&target=fr", FORM)
    assert answer.json() == {"translatedText": "[a b+c]\r\n[d]"}


@pytest.mark.parametrize(
    ("content", "headers", "query"),
    [
        (b"", None, ""),
        (b"{", JSON, ""),
        (b"null", JSON, ""),
        (b"[]", JSON, ""),
        (b'["q"]', JSON, ""),
        (b'"q"', JSON, ""),
        (b"5", JSON, ""),
        (b"NaN", JSON, ""),
        (b'{"q": "\xff", "source": "en", "target": "fr"}', JSON, ""),
        ('{"q": "é", "source": "en", "target": "fr"}'.encode("utf-16"), JSON, ""),
        (b'{"q": "\\ud800", "source": "en", "target": "fr"}', JSON, ""),
        (b'{"q": ["ok", "x\\udc00y"], "source": "en", "target": "fr"}', JSON, ""),
        (b'{"q": "x", "source": "\\ud800", "target": "fr"}', JSON, ""),
        (b'{"q": "x", "source": "en", "target": "fr", "format": "\\ud800"}', JSON, ""),
        (b"[" * 100_000, JSON, ""),
        (b'{"q":' * 100_000, JSON, ""),
        (b'{"q": ' + b"[" * 900 + b"]" * 900 + b', "source": "en", "target": "fr"}', JSON, ""),
        (b'{"q": ' + b"9" * 5000 + b', "source": "en", "target": "fr"}', JSON, ""),
        (b'{"q": "x", "source": "en", "target": "fr", "alternatives": ' + b"9" * 4000 + b"}", JSON, ""),
        (b'{"q": "x", "source": "en", "target": "fr", "alternatives": 1e999}', JSON, ""),
        (b'{"q": "x", "source": "en", "target": "fr", "alternatives": NaN}', JSON, ""),
        (b"q=%ff&source=en&target=fr", FORM, ""),
        (b"q=\xff&source=en&target=fr", FORM, ""),
        (b"q=a&q=b&source=en&target=fr", FORM, ""),
        (b"q=a&source=en&target=fr", FORM, "?q=b"),
        (b"&".join(b"q%d=1" % n for n in range(2000)), FORM, ""),
        (b'{"q": "x", "source": "en", "target": "fr"}', FORM, ""),
        (b'{"q": "x", "source": "en", "target": "fr"}', None, ""),
        (b'{"q": "x", "source": "en", "target": "fr"}', {"content-type": "text/plain"}, ""),
        (b'{"q": "x", "source": "en", "target": "fr"}', {"content-type": ";;="}, ""),
        (b"--x\r\n\r\n--x--", {"content-type": "multipart/form-data; boundary=x"}, ""),
        (b"", None, "?q=%ff&source=en&target=fr"),
        (b"", None, "?q=a&q=b&source=en&target=fr"),
    ],
)
def test_malformed_bodies_are_400(server: RunningServer, content: bytes, headers: dict[str, str], query: str):
    error_message(post(server, content, headers, query))


def test_a_field_repeated_with_the_same_value_is_accepted(server: RunningServer):
    answer = post(server, b"q=a&source=en&target=fr&source=en", FORM)
    assert answer.json() == {"translatedText": "[a]"}


def test_the_last_of_two_equal_names_in_json_counts(server: RunningServer):
    answer = post(server, b'{"q": "a", "q": "b", "source": "en", "target": "fr"}', JSON)
    assert answer.json() == {"translatedText": "[b]"}


# -- texts ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "translated"),
    [
        ("hello", "[hello]"),
        ("", ""),
        (" ", " "),
        (" \t\r\n ", " \t\r\n "),
        ("🙂", "🙂"),
        ("👩‍👩‍👧 🇫🇷 1️⃣", "👩‍👩‍👧 🇫🇷 1️⃣"),
        ("  hello \n", "  [hello] \n"),
        ("one\n\n two\r\nthree\r", "[one]\n\n [two]\r\n[three]\r"),
        ("a\u2028b", "[a]\u2028[b]"),
        ("a\0b", "[a\0b]"),
        ("NEWLINE", "[two lines]"),
        (["a"], ["[a]"]),
        (["a", "", "b\n", " ", "🙂"], ["[a]", "", "[b]\n", " ", "🙂"]),
        ([""], [""]),
    ],
)
def test_text_and_whitespace_are_preserved(server: RunningServer, q: str | list[str], translated: str | list[str]):
    answer = server.translate(q)
    assert answer.status_code == 200
    assert answer.json() == {"translatedText": translated}


def test_an_empty_text_in_a_form(server: RunningServer):
    assert post(server, b"q=&source=en&target=fr", FORM).json() == {"translatedText": ""}


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=30))
def test_any_text_keeps_its_number_of_lines(server: RunningServer, q: str):
    translated = server.translate(q).json()["translatedText"]
    assert len(translated.splitlines()) == len(q.splitlines())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3),
    ),
    st.sampled_from(["q", "source", "target", "format", "alternatives", "details", "api_key"]),
)
def test_no_value_of_a_parameter_is_answered_with_500(server: RunningServer, value: object, name: str):
    content = json.dumps({"q": "x", "source": "en", "target": "fr", name: value}).encode()
    assert post(server, content, JSON).status_code in (200, 400)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.sampled_from([JSON, FORM, None]))
def test_any_invalid_body_is_400(server: RunningServer, content: bytes, headers: dict[str, str] | None):
    assert post(server, content, headers).status_code == 400


# -- invalid parameters ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"q": None}, "q: "),
        ({"q": []}, "q: "),
        ({"q": 5}, "q: "),
        ({"q": True}, "q: "),
        ({"q": {"text": "x"}}, "q: "),
        ({"q": ["a", None]}, "q: "),
        ({"q": ["a", ["b"]]}, "q: "),
        ({"source": None}, "source: "),
        ({"source": 5}, "source: "),
        ({"source": ["en"]}, "source: "),
        ({"source": "xx"}, "'xx'"),
        ({"source": ""}, "''"),
        ({"target": None}, "target: "),
        ({"target": "xx"}, "'xx'"),
        ({"target": "auto"}, "'auto'"),
        ({"source": "fr", "target": "en"}, "fr→en is not supported; served are en→fr"),
        ({"source": "xx", "target": "xx"}, "'xx'"),
        ({"format": "markdown"}, "format: "),
        ({"format": 5}, "format: "),
        ({"alternatives": -1}, "from 0 to 5"),
        ({"alternatives": 6}, "from 0 to 5"),
        ({"alternatives": "x"}, "alternatives: "),
        ({"alternatives": 1.5}, "alternatives: "),
        ({"alternatives": True}, "alternatives: "),
        ({"alternatives": [1]}, "alternatives: "),
        ({"details": "perhaps"}, "details: "),
        ({"q": "x" * 10_001}, "at most 10000"),
        ({"q": ["a", "x" * 10_001]}, "at most 10000"),
        ({"q": ["x"] * 129}, "at most 128"),
    ],
)
def test_invalid_parameters_are_reported(server: RunningServer, parameters: dict[str, object], message: str):
    calls = len(server.fake.admitted)
    answer = server.client.post("/translate", json={"q": "x", "source": "en", "target": "fr", **parameters})
    assert message in error_message(answer)
    assert len(server.fake.admitted) == calls


@pytest.mark.parametrize("missing", ["q", "source", "target"])
@pytest.mark.parametrize("encoding", ["json", "data", "params"])
def test_a_missing_parameter_is_reported_by_name(server: RunningServer, missing: str, encoding: str):
    parameters = {"q": "x", "source": "en", "target": "fr"}
    del parameters[missing]
    assert error_message(server.client.post("/translate", **{encoding: parameters})).startswith(f"{missing}: ")


def test_requests_at_the_limits_are_accepted(server: RunningServer):
    assert server.translate("x" * 10_000).status_code == 200
    assert server.translate(["🙂a" * 10] * 128).json()["translatedText"] == [f"[{'🙂a' * 10}]"] * 128


# -- languages -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["en", "fr", "FR"])
def test_source_equal_to_target_is_unchanged(server: RunningServer, code: str):
    calls = len(server.fake.admitted)
    answer = server.translate([" a\nb ", ""], source=code, target=code.lower(), alternatives=2, details=True)
    language = code.lower()
    unchanged = details(0.0, None, []) | {"direction": {"kind": "copy", "languages": [language, language]}}
    assert answer.json() == {
        "translatedText": [" a\nb ", ""],
        "alternatives": [[], []],
        "details": [unchanged, unchanged],
    }
    assert len(server.fake.admitted) == calls


def test_language_codes_are_case_insensitive(multilingual_server: RunningServer):
    assert multilingual_server.translate("x", source="EN", target="pt-br").json() == {"translatedText": "[x]"}


def test_detection_with_one_source_language(server: RunningServer):
    answer = server.translate(["a", "", "The black cat sleeps on the old sofa."], source="auto").json()
    assert answer["translatedText"] == ["[a]", "", "[The black cat sleeps on the old sofa.]"]
    assert [detected["language"] for detected in answer["detectedLanguage"]] == ["en"] * 3
    short, empty, sentence = (detected["confidence"] for detected in answer["detectedLanguage"])
    assert empty == 0
    assert 0 < short < 50 < 90 < sentence <= 100


def test_text_in_the_target_language_is_left_unchanged(server: RunningServer):
    q = "Où est la clé de la maison de mon père ?"
    answer = server.translate(q, source="auto").json()
    assert answer["translatedText"] == q
    assert answer["detectedLanguage"]["language"] == "fr"
    assert answer["detectedLanguage"]["confidence"] > 80


@pytest.mark.parametrize(("q", "language"), [("Die schwarze Katze schläft auf dem alten Sofa.", "de"), ("안녕", "ko")])
def test_text_in_a_language_that_is_not_served_is_refused(server: RunningServer, q: str, language: str):
    answer = server.translate(q, source="auto")
    message = f"detected {language!r}, which is not translated into fr; name the source language if it is one of en"
    assert (answer.status_code, answer.json()) == (400, {"error": message})
    assert server.client.post("/detect", json={"q": q}).json()[0]["language"] == language
    assert server.translate(q, source="en").json() == {"translatedText": f"[{q}]"}


def test_the_target_language_is_a_candidate_whichever_pairs_are_served():
    texts = {"en": "The black cat sleeps.", "fr": "Le chat noir dort.", "ar": "القط الأسود نائم."}
    fakes = [FakeTranslator(*pair.split("-")) for pair in ("en-fr", "fr-en", "en-ar", "ar-en")]
    with run_server(*fakes) as it:
        for target in texts:
            for language, text in texts.items():
                answer = it.translate(text, source="auto", target=target).json()
                assert answer["detectedLanguage"]["language"] == language
                assert answer["detectedLanguage"]["confidence"] > 70
                assert (answer["translatedText"] == text) == (language == target)


@pytest.mark.parametrize(
    ("pair", "source", "target", "translated"),
    [
        ("en en", "en", "en", True),
        ("en en", "EN-US", "en_GB", True),
        ("en en", "auto", "en", True),
        ("en-US en-GB", "en", "en-GB", True),
        ("en-US en-GB", "eng", "EN_GB", True),
        ("en-US en-GB", "en", "en", False),
        ("en-US en-GB", "en-GB", "en-GB", False),
        ("en fr", "fr", "fr", False),
        ("en fr", "fr-CA", "fr", False),
        ("eng_Latn fra_Latn", "en", "fr", True),
    ],
)
def test_a_served_pair_is_used_whenever_it_is_asked_for(pair: str, source: str, target: str, translated: bool):
    with run_server(FakeTranslator(*pair.split())) as it:
        answer = it.translate("The black cat sleeps.", source=source, target=target).json()
        assert answer["translatedText"] == ("[The black cat sleeps.]" if translated else "The black cat sleeps.")
        deepl = {"text": ["The black cat sleeps."], "source_lang": source, "target_lang": target}
        if source != "auto":
            response = it.client.post("/v2/translate", json=deepl).json()
            assert response["translations"][0]["text"] == answer["translatedText"]


@pytest.mark.parametrize("target", ["fr-CA", "fr_FR", "FR", "fra", "fra_Latn"])
def test_codes_with_a_region_mean_the_served_language(server: RunningServer, target: str):
    assert server.translate("x", source="ENG_Latn", target=target).json() == {"translatedText": "[x]"}
    assert server.translate("The cat sleeps.", source="AUTO", target=target).json()["detectedLanguage"]


def test_detection_with_several_source_languages(multilingual_server: RunningServer):
    q = ["This is a dog that sleeps in the house.", "Le chien dort dans la maison avec le chat."]
    answer = multilingual_server.translate(q, source="auto", target="pt-BR").json()
    found = [detected["language"] for detected in answer["detectedLanguage"]]
    assert found[0] == "en"
    assert all(0 <= detected["confidence"] <= 100 for detected in answer["detectedLanguage"])
    assert answer["translatedText"][0] == f"[{q[0]}]"


def test_each_language_pair_uses_its_own_model(multilingual_server: RunningServer):
    before = [len(fake.admitted) for fake in multilingual_server.fakes]
    multilingual_server.translate("only here", source="fr", target="en")
    assert [len(fake.admitted) for fake in multilingual_server.fakes] == [before[0], before[1] + 1, before[2]]


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("GET", {}),
        ("GET", {"data": {"api_key": "x"}}),
        ("GET", {"params": {"api_key": "x"}}),
        ("POST", {}),
        ("POST", {"data": {"api_key": ""}}),
        ("POST", {"content": b"", "headers": FORM}),
        ("POST", {"json": {}}),
    ],
)
def test_languages(multilingual_server: RunningServer, method: str, options: dict[str, Any]):
    answer = multilingual_server.client.request(method, "/languages", **options)
    assert answer.status_code == 200
    assert answer.json() == [
        {"code": "en", "name": "English", "targets": ["en", "fr", "pt-BR"]},
        {"code": "fr", "name": "French", "targets": ["en", "fr", "pt-BR"]},
        {"code": "pt-BR", "name": "Portuguese (BR)", "targets": ["pt-BR"]},
    ]


# -- alternatives and details --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("q", "asked", "alternatives"),
    [
        ("a", 2, ["[a]1", "[a]2"]),
        ("a", "2", ["[a]1", "[a]2"]),
        ("SAME", 2, ["[SAME]2"]),
        ("a\n b", 1, ["[a]1\n [b]1"]),
        ("", 2, []),
        ("🙂", 1, []),
        (["a", "", "SAME"], 1, [["[a]1"], [], []]),
    ],
)
def test_alternatives(server: RunningServer, q: str | list[str], asked: object, alternatives: list[object]):
    answer = server.translate(q, alternatives=asked).json()
    assert set(answer) == {"translatedText", "alternatives"}
    assert answer["alternatives"] == alternatives


def test_no_alternatives_by_default(server: RunningServer):
    assert server.translate("a", alternatives=0).json() == {"translatedText": "[a]"}


def details(score: float, confidence: float | None, alignment: list[list[int]] | None) -> dict[str, object]:
    return {
        "score": score,
        "confidence": confidence,
        "alignment": alignment,
        "signals": [],
        "terms": [],
        "memory": [],
        "left_untranslated": False,
        "pivot": None,
        "direction": {"kind": "trained", "languages": ["en", "fr"]} if score else None,
    }


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("abcd", details(-4, 0.04, [[0, 4, 1, 5]])),
        ("a\n bbb", details(-2, 0.02, [[0, 1, 1, 2], [3, 6, 6, 9]])),
        ("UNALIGNED", details(-9, 0.09, None)),
        ("UNSURE", details(-6, None, [[0, 6, 1, 7]])),
        ("a\nCUT", details(-2, 0.02, [[0, 1, 1, 2], [2, 5, 5, 8]])),
        ("", details(0, None, [])),
        (["abcd", " "], [details(-4, 0.04, [[0, 4, 1, 5]]), details(0, None, [])]),
    ],
)
def test_details(server: RunningServer, q: str | list[str], expected: object):
    answer = server.translate(q, details=True).json()
    assert set(answer) == {"translatedText", "details"}
    assert answer["details"] == expected


@pytest.mark.parametrize("value", ["true", "1"])
def test_details_in_a_form(server: RunningServer, value: str):
    answer = post(server, f"q=abcd&source=en&target=fr&details={value}".encode(), FORM)
    assert answer.json()["details"] == details(-4, 0.04, [[0, 4, 1, 5]])


@pytest.mark.parametrize(
    ("q", "others", "message"),
    [
        ("It is cold. Come in.", {}, "requires a single sentence"),
        (["It is cold.", "Come in."], {}, "requires a single sentence"),
        ("", {}, "requires a single sentence"),
        ("<p>It is cold.</p>", {"format": "html"}, "requires plain text"),
        ("It is cold.", {"target_prefix": 3}, "target_prefix"),
    ],
)
def test_a_target_prefix_is_for_one_sentence_of_plain_text(
    server: RunningServer, q: object, others: dict[str, object], message: str
):
    answer = server.translate(q, **({"target_prefix": "x "} | others))
    assert answer.status_code == 400
    assert message in answer.json()["error"]
