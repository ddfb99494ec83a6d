"""File translation, language detection, page settings and streaming over real HTTP, with fake translators."""

import json

import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server

LANGUAGES = {"source": "en", "target": "fr"}


def upload(server: RunningServer, name: str, content: bytes, **others: str):
    return server.client.post("/translate_file", data=LANGUAGES | others, files={"file": (name, content)})


@pytest.mark.parametrize(
    ("name", "content", "translated", "kind"),
    [
        ("a.txt", b"A b.\r\n\r\nC d.\n", b"[A b.]\r\n\r\n[C d.]\n", "text/plain"),
        ("A.TXT", b"\xef\xbb\xbfA b.", b"[A b.]", "text/plain"),
        ("page.html", b"<p>A b.</p><pre>x</pre>", b"<p>[A b.]</p><pre>x</pre>", "text/html"),
        ("data.xml", b"<a><x-y>A b.</x-y><pre/></a>", b"<a><x-y>[A b.]</x-y><pre/></a>", "application/xml"),
        ("empty.txt", b"", b"", "text/plain"),
    ],
)
def test_a_file_is_translated_and_downloaded(
    server: RunningServer, name: str, content: bytes, translated: bytes, kind: str
):
    answer = upload(server, name, content)
    assert answer.status_code == 200, answer.text
    fetched = server.client.get(answer.json()["translatedFileUrl"])
    assert fetched.content == translated
    assert fetched.headers["content-type"] == f"{kind}; charset=utf-8"
    assert fetched.headers["x-content-type-options"] == "nosniff"
    assert fetched.headers["content-disposition"].startswith("attachment; ")


def test_a_file_may_be_larger_than_other_bodies(server: RunningServer):
    blanks = b" " * 3_000_000
    answer = upload(server, "a.txt", blanks + b"A b.")
    assert answer.status_code == 200, answer.text
    assert server.client.get(answer.json()["translatedFileUrl"]).content == blanks + b"[A b.]"
    assert upload(server, "a.txt", b" " * 10_000_001).status_code == 413


def test_a_server_that_cannot_write_refuses_files():
    with run_server(FakeTranslator(), documents="/proc/documents") as it:
        answer = upload(it, "a.txt", b"A b.")
        assert (answer.status_code, list(answer.json())) == (503, ["error"])
        assert "/proc" not in answer.text


@pytest.mark.parametrize(
    ("name", "content", "others", "message"),
    [
        ("a.exe", b"MZ", {}, "must end in one of .csv, .tsv, .epub"),
        ("a.pdf", b"%PDF", {}, "file: damaged PDF"),
        ("a.docx", b"PK", {}, "file: damaged archive"),
        ("a.xml", b"<p>a</b>", {}, "file:1:7: not well-formed XML"),
        ("a", b"A", {}, "must end in one of"),
        ("a.txt", b"good\nb\xe9d", {}, "file:2: invalid UTF-8"),
        ("a.txt", b"\xef\xbb\xbfgood\n\xe9", {}, "file:2: invalid UTF-8"),
        ("a.txt", b"A", {"target": "xx"}, "'xx' is not supported"),
    ],
)
def test_unsupported_files_are_refused(
    server: RunningServer, name: str, content: bytes, others: dict[str, str], message: str
):
    answer = upload(server, name, content, **others)
    assert answer.status_code == 400
    assert message in answer.json()["error"]


@pytest.mark.parametrize(
    "sent", [{"data": LANGUAGES}, {"json": LANGUAGES}, {"data": LANGUAGES, "files": {"other": ("a.txt", b"A")}}]
)
def test_a_missing_file_is_400(server: RunningServer, sent: dict[str, object]):
    answer = server.client.post("/translate_file", **sent)
    assert answer.status_code == 400
    assert "file" in answer.json()["error"]


@pytest.mark.parametrize("name", ["x.txt", "..%2F..%2Fetc%2Fpasswd", "%00"])
def test_an_unknown_download_is_404(server: RunningServer, name: str):
    answer = server.client.get(f"/download_file/{name}")
    assert answer.status_code == 404
    assert list(answer.json()) == ["error"]


def test_the_download_url_has_the_scheme_of_a_trusted_proxy():
    for trusted, scheme in (("127.0.0.0/8", "https"), ("10.0.0.0/8", "http")):
        with run_server(FakeTranslator(), trusted_proxies=trusted) as it:
            headers = {"X-Forwarded-Proto": "https"}
            files = {"file": ("a.txt", b"A")}
            answer = it.client.post("/translate_file", data=LANGUAGES, files=files, headers=headers)
            assert answer.json()["translatedFileUrl"].startswith(f"{scheme}://")


def test_language_detection(multilingual_server: RunningServer):
    [found] = multilingual_server.client.post(
        "/detect", data={"q": "Le chien dort dans la maison avec le chat."}
    ).json()
    assert found["language"] == "fr"
    assert 50 < found["confidence"] <= 100
    [unknown] = multilingual_server.client.post("/detect", json={"q": "123"}).json()
    assert unknown["confidence"] == 0
    assert multilingual_server.client.post("/detect", json={"q": ["a"]}).status_code == 400
    assert multilingual_server.client.post("/detect", json={"q": "x" * 10_001}).status_code == 400


def test_settings_for_the_web_page():
    with run_server(FakeTranslator(), char_limit=77, api_keys="secret", require_api_key=True) as it:
        settings = it.client.get("/frontend/settings").json()
    assert (settings["charLimit"], settings["keyRequired"], settings["apiKeys"]) == (77, True, True)
    assert settings["language"] == {
        "source": {"code": "en", "name": "English"},
        "target": {"code": "fr", "name": "French"},
    }


@pytest.mark.parametrize("path", ["/translate", "/translate/stream", "/detect", "/translate_file"])
def test_translation_routes_require_a_key_if_configured(path: str):
    with run_server(FakeTranslator(), api_keys="secret", require_api_key=True) as it:

        def status(**key: str) -> int:
            if path == "/translate_file":
                return it.client.post(path, data=LANGUAGES | key, files={"file": ("a.txt", b"A")}).status_code
            return it.client.post(path, data=LANGUAGES | {"q": "a"} | key).status_code

        assert (status(), status(api_key=""), status(api_key="wrong"), status(api_key="secret")) == (403, 403, 403, 200)


def events(server: RunningServer, q: object, **others: object) -> list[tuple[str, dict[str, object]]]:
    answer = server.client.post("/translate/stream", json=LANGUAGES | {"q": q} | others)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", "message"), json.loads(lines["data"])))
    return found


def test_sentences_are_streamed_as_they_are_finished_over_http(server: RunningServer):
    assert events(server, ["STEPS9 a.\nb", "", "STEPS5 c"]) == [
        ("message", {"index": 1, "translatedText": "[b]"}),
        ("message", {"index": 2, "translatedText": "[STEPS5 c]"}),
        ("message", {"index": 0, "translatedText": "[STEPS9 a.]"}),
        ("done", {}),
    ]
    assert events(server, "") == [("done", {})]


def test_a_stream_with_details_says_where_each_sentence_belongs(server: RunningServer):
    texts = [" It is cold.  Come in.", "", "雨。雪。"]
    answer = server.client.post("/translate/stream", json=LANGUAGES | {"q": texts, "details": True})
    events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith('data: {"')]
    events.sort(key=lambda event: event["index"])
    assert [(each["sentences"], each["text"], each["source"]) for each in events] == [
        (4, 0, [1, 12]), (4, 0, [14, 22]), (4, 2, [0, 2]), (4, 2, [2, 4]),
    ]  # fmt: skip
    whole = server.translate(texts).json()["translatedText"]
    for number, text in enumerate(texts):
        end, parts = 0, []
        for event in events:
            if event["text"] == number:
                parts += [text[end : event["source"][0]], event["translatedText"]]
                end = event["source"][1]
        assert "".join([*parts, text[end:]]) == whole[number]
    assert events[1]["details"]["alignment"] == [[0, 8, 1, 9]]
    assert "detectedLanguage" not in events[0]


def test_a_stream_with_details_contains_the_detected_language(multilingual_server: RunningServer):
    body = {"q": "Le chat dort.\nIl pleut.", "source": "auto", "target": "en", "details": True}
    answer = multilingual_server.client.post("/translate/stream", json=body)
    events = [json.loads(line[6:]) for line in answer.text.split("\n") if line.startswith('data: {"')]
    assert [each["detectedLanguage"]["language"] for each in events] == ["fr", "fr"]


def test_a_stream_of_html_contains_escaped_text_and_untranslated_texts(server: RunningServer):
    assert events(server, "<p>a <b>c</b> &lt;d&gt;</p>", format="html") == [
        ("message", {"index": 0, "translatedText": "[a c &lt;d&gt;]"}),
        ("done", {}),
    ]
    assert events(server, ["<p>a</p>", "b"], format="html", target="en") == [
        ("message", {"index": 0, "translatedText": "<p>a</p>"}),
        ("message", {"index": 1, "translatedText": "b"}),
        ("done", {}),
    ]


def test_an_abandoned_stream_is_charged_but_not_one_that_fails_at_once():
    with run_server(FakeTranslator(), slots=1) as it:
        body = LANGUAGES | {"q": "a.\nSTEPS1000000 b"}
        with it.client.stream("POST", "/translate/stream", json=body) as answer:
            assert next(answer.iter_lines()).startswith("data: ")
        assert it.client.get("/v2/usage").json()["character_count"] == len(body["q"])
        assert it.client.post("/translate/stream", json=LANGUAGES | {"q": "EXPLODE"}).status_code == 500
        assert it.client.get("/v2/usage").json()["character_count"] == len(body["q"])


def test_a_stream_fails_with_a_status_before_the_first_sentence_and_with_an_event_after(server: RunningServer):
    for q, status in (("EXPLODE", 500), (5, 400)):
        assert server.client.post("/translate/stream", json=LANGUAGES | {"q": q}).status_code == status
    assert events(server, "quick\nSTEPS30 a|EXPLODE")[-1] == ("error", {"error": "the translation failed"})
