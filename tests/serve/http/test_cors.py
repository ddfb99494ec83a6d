from collections.abc import Iterator

import httpx
import pytest
from fake_translator import FakeTranslator
from serving import Running, running

PAGE = "https://page.example"


@pytest.fixture(scope="module", params=[PAGE, f"https://another.example,{PAGE}", "*"])
def open_(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(FakeTranslator(), cors_origins=request.param, max_body_bytes=1000) as it:
        yield it


def preflight(it: Running, origin: str = PAGE, method: str = "POST", headers: str = "content-type") -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return it.client.options("/translate", headers=asked)


def test_it_is_off_by_default(server: Running):
    assert preflight(server).status_code == 405
    assert "access-control-allow-origin" not in server.client.get("/health", headers={"Origin": PAGE}).headers


def test_preflights_are_answered(open_: Running):
    answer = preflight(open_, headers="authorization,content-type,x-api-key,x-request-id")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in (PAGE, "*")
    assert {"GET", "POST", "DELETE"} == set(answer.headers["access-control-allow-methods"].split(", "))
    assert answer.headers["x-request-id"]


def test_answers_and_errors_may_be_read(open_: Running, monkeypatch: pytest.MonkeyPatch):
    def ask(**body: object) -> httpx.Response:
        return open_.client.post("/translate", json=body, headers={"Origin": PAGE})

    good = {"q": "x", "source": "en", "target": "fr"}
    answers = [ask(**good), ask(), ask(q="x" * 1000), open_.client.get("/nowhere", headers={"Origin": PAGE})]
    monkeypatch.setattr("serve.service.PlainDocument", None)
    answers.append(ask(**good))
    assert [each.status_code for each in answers] == [200, 400, 413, 404, 500]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] in (PAGE, "*")
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


def test_other_origins_are_refused_in_json(open_: Running):
    if preflight(open_).headers["access-control-allow-origin"] == "*":
        pytest.skip("there are no others")
    refused = preflight(open_, origin="https://evil.example")
    assert (refused.status_code, refused.json()) == (400, {"error": "Disallowed CORS origin"})
    assert "access-control-allow-origin" not in refused.headers
    answer = open_.client.get("/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_other_methods_are_refused_in_json(open_: Running):
    assert preflight(open_, method="DELETE").status_code == 200
    refused = preflight(open_, method="PUT")
    assert (refused.status_code, refused.json()) == (400, {"error": "Disallowed CORS method"})
