from collections.abc import Iterator

import httpx
import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server

PAGE = "https://page.example"


@pytest.fixture(scope="module", params=[PAGE, f"https://another.example,{PAGE}", "*"])
def cors_server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with run_server(FakeTranslator(), cors_origins=request.param, max_body_bytes=1000) as it:
        yield it


def preflight(
    it: RunningServer, origin: str = PAGE, method: str = "POST", headers: str = "content-type"
) -> httpx.Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return it.client.options("/translate", headers=asked)


def test_cors_is_off_by_default(server: RunningServer):
    assert "access-control-allow-origin" not in preflight(server).headers
    assert "access-control-allow-origin" not in server.client.get("/health", headers={"Origin": PAGE}).headers


def test_preflights_are_answered(cors_server: RunningServer):
    answer = preflight(cors_server, headers="authorization,content-type,x-api-key,x-request-id")
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] in (PAGE, "*")
    assert {"GET", "POST", "DELETE"} == set(answer.headers["access-control-allow-methods"].split(", "))
    assert answer.headers["x-request-id"]


def test_responses_and_errors_are_readable_by_an_allowed_origin(
    cors_server: RunningServer, monkeypatch: pytest.MonkeyPatch
):
    def post(**body: object) -> httpx.Response:
        return cors_server.client.post("/translate", json=body, headers={"Origin": PAGE})

    good = {"q": "x", "source": "en", "target": "fr"}
    answers = [
        post(**good),
        post(),
        post(q="x" * 1000),
        cors_server.client.get("/nowhere", headers={"Origin": PAGE}),
    ]
    monkeypatch.setattr("serve.service.planning.PlainDocument", None)
    answers.append(post(**good))
    assert [each.status_code for each in answers] == [200, 400, 413, 404, 500]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] in (PAGE, "*")
        assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


def test_other_origins_are_refused_with_json(cors_server: RunningServer):
    if preflight(cors_server).headers["access-control-allow-origin"] == "*":
        pytest.skip("every origin is allowed")
    refused = preflight(cors_server, origin="https://evil.example")
    assert (refused.status_code, refused.json()) == (400, {"error": "Disallowed CORS origin"})
    assert "access-control-allow-origin" not in refused.headers
    answer = cors_server.client.get("/health", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_other_methods_are_refused_with_json(cors_server: RunningServer):
    assert preflight(cors_server, method="DELETE").status_code == 200
    refused = preflight(cors_server, method="PUT")
    assert (refused.status_code, refused.json()) == (400, {"error": "Disallowed CORS method"})
