import logging

import pytest
from serving import RunningServer


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/nowhere", 404, None),
        ("POST", "/translate/x", 404, None),
        ("GET", "/%00%ff", 404, None),
        ("GET", "/translate", 405, {"POST", "OPTIONS"}),
        ("DELETE", "/languages", 405, {"GET", "HEAD", "OPTIONS", "POST"}),
        ("POST", "/health", 405, {"GET", "HEAD", "OPTIONS"}),
        ("PROPFIND", "/ready", 405, {"GET", "HEAD", "OPTIONS"}),
    ],
)
def test_404_and_405_are_json(server: RunningServer, method: str, path: str, status: int, allow: set[str] | None):
    answer = server.client.request(method, path)
    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    if allow is not None:
        assert set(answer.headers["allow"].split(", ")) == allow


def test_errors_of_deepls_routes_have_a_message(server: RunningServer):
    for path, status in (("/v2/nowhere", 404), ("/v2/", 404)):
        answer = server.client.get(path)
        assert answer.status_code == status
        assert list(answer.json()) == ["message"]
    too_large = server.client.post("/v2/translate", content=b"x" * 2_000_001)
    assert too_large.status_code == 413
    assert list(too_large.json()) == ["message"]


def test_a_failure_of_the_engine_is_500_and_reveals_nothing(server: RunningServer, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.ERROR):
        answer = server.translate("EXPLODE")
    assert answer.status_code == 500
    assert answer.json() == {"error": "the translation failed"}
    assert "RuntimeError" in caplog.text
    assert server.translate("after").json() == {"translatedText": "[after]"}


def test_an_unexpected_exception_is_500_and_json(server: RunningServer, monkeypatch: pytest.MonkeyPatch):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("serve.service.planning.PlainDocument", broken)
    answer = server.translate("x")
    assert answer.status_code == 500
    assert answer.json() == {"error": "internal server error"}
