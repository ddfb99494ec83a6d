import json
import logging
import re
import socket
from collections.abc import Iterator

import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until

from serve.logging import json_logs


@pytest.fixture
def fresh_server() -> Iterator[RunningServer]:
    """A server of its own, whose log has no requests of other tests."""
    with run_server(FakeTranslator()) as it:
        yield it


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture):
    """Return a function that waits for ``count`` logged requests, not counting those from the server's start."""
    caplog.set_level(logging.INFO)

    def wait(count: int) -> list[dict[str, object]]:
        def found() -> list[dict[str, object]]:
            records = [vars(record) for record in caplog.records if record.name == "serve.http.request_log"]
            return [record for record in records if record["route"] != "/ready"]

        wait_until(lambda: len(found()) >= count)
        return found()

    return wait


@pytest.mark.parametrize("given", ["a", "A-b_c.9" * 9])
def test_a_valid_request_id_is_kept(server: RunningServer, given: str):
    answer = server.client.get("/health", headers={"X-Request-ID": given})
    assert answer.headers["x-request-id"] == given


@pytest.mark.parametrize("given", [None, "", "a b", "ü", "a" * 65, 'a"b'])
def test_an_invalid_or_missing_request_id_is_replaced(server: RunningServer, given: str | None):
    headers = {} if given is None else {"X-Request-ID": given.encode()}
    ids = {server.client.get("/health", headers=headers).headers["x-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/health"), ("GET", "/nowhere"), ("DELETE", "/health"), ("POST", "/translate")]
)
def test_every_response_has_security_headers(server: RunningServer, method: str, path: str):
    headers = server.client.request(method, path).headers
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"


def test_unexpected_exceptions_are_logged_with_the_request_id(
    fresh_server: RunningServer, monkeypatch: pytest.MonkeyPatch, lines
):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("serve.service.planning.PlainDocument", broken)
    answer = fresh_server.client.post(
        "/translate", json={"q": "x", "source": "en", "target": "fr"}, headers={"X-Request-ID": "failing"}
    )
    assert answer.status_code == 500
    assert answer.headers["x-request-id"] == "failing"
    assert answer.headers["cache-control"] == "no-store"
    assert lines(1)[0]["status"] == 500


def test_every_request_is_logged_without_texts_and_addresses(fresh_server: RunningServer, lines):
    body = b'{"q": "the secret", "source": "en", "target": "fr"}'
    answer = fresh_server.client.post("/translate", content=body, headers={"Content-Type": "application/json"})
    fresh_server.client.get("/another/secret?q=secret")
    fresh_server.client.request("PROPFIND", "/health")
    translated, unmatched, other = lines(3)
    assert translated["route"] == "/translate"
    assert translated["method"] == "POST"
    assert translated["status"] == 200
    assert translated["bytes_in"] == len(body)
    assert translated["bytes_out"] == len(answer.content)
    assert 0 < translated["seconds"] < 5
    assert (unmatched["route"], unmatched["status"]) == ("unmatched", 404)
    assert (other["route"], other["method"], other["status"]) == ("/health", "other", 405)
    assert "secret" not in str((translated, unmatched, other))
    assert "127.0.0.1" not in str((translated, unmatched, other))


def test_refused_bodies_are_logged(lines):
    with run_server(FakeTranslator(), max_body_bytes=10, request_timeout=0.2) as it:
        it.client.post("/translate", content=b"x" * 11)
        with socket.create_connection(("127.0.0.1", it.port), timeout=30) as connection:
            connection.sendall(b"POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nx")
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
        found = lines(2)
    assert [(each["status"], each["rejected"]) for each in found] == [(413, "body_too_large"), (408, "body_too_slow")]


def test_a_disconnected_client_is_logged_with_status_499(lines):
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        with socket.create_connection(("127.0.0.1", it.port), timeout=30) as connection:
            connection.sendall(b"POST /translate?q=x&source=en&target=fr HTTP/1.1\r\nHost: localhost\r\n\r\n")
            wait_until(lambda: it.fake.decoded() == ["x"])
        assert lines(1)[0]["status"] == 499


def test_log_lines_are_json_with_the_request_id(
    fresh_server: RunningServer, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    def broken(*_, **__):
        raise ZeroDivisionError

    monkeypatch.setattr("serve.service.planning.PlainDocument", broken)
    with json_logs("info"):
        body = {"q": "x", "source": "en", "target": "fr"}
        fresh_server.client.post("/translate", json=body, headers={"X-Request-ID": "mine"})
        fresh_server.client.get("/health", headers={"X-Request-ID": "next"})
        written = ""
        while "next" not in written:
            written += capfd.readouterr().err
    records = [each for line in written.splitlines() if "request_id" in (each := json.loads(line))]
    records = [each for each in records if each.get("route") != "/ready"]
    assert [(each["request_id"], each["level"], each["message"].strip()) for each in records] == [
        ("mine", "INFO", "request"),
        ("mine", "ERROR", "Exception in ASGI application"),
        ("next", "INFO", "request"),
    ]
    assert records[1]["exc_info"].endswith("ZeroDivisionError")
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", each["time"]) for each in records)


def test_the_level_limits_what_is_logged(fresh_server: RunningServer, capfd: pytest.CaptureFixture[str]):
    with json_logs("warning"):
        fresh_server.client.get("/health")
        logging.getLogger("elsewhere").warning("two\nlines")
    written = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [(each["level"], each["logger"], each["message"]) for each in written] == [
        ("WARNING", "elsewhere", "two\nlines")
    ]
    assert "request_id" not in written[0]
