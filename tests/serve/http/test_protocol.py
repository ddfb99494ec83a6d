import asyncio
import contextlib
import http.client
import inspect
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from fake_translator import FakeTranslator
from serving import RunningServer, run_server, wait_until
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from serve.http.protocol import MAX_HEAD_BYTES, CoalescingTransport
from serve.server import listen

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
POST = b"POST /translate HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def short_timeout_server() -> Iterator[RunningServer]:
    """A server with a very short time-out."""
    with run_server(FakeTranslator(), request_timeout=0.3) as it:
        yield it


class RecordingTransport(asyncio.Transport):
    """A transport that records what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.sent.append(data)

    def write_eof(self) -> None:
        self.sent.append(b"<eof>")

    def close(self) -> None:
        self.sent.append(b"<closed>")


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def read_all(connection: socket.socket) -> bytes:
    """Return everything until the server closes the connection."""
    answer = b""
    while received := connection.recv(65536):
        answer += received
    return answer


def send_and_read(server: RunningServer, request: bytes) -> bytes:
    with connect(server) as connection:
        connection.sendall(request)
        return read_all(connection)


def parse_statuses(answers: bytes) -> list[int]:
    return [int(each[:3]) for each in answers.split(b"HTTP/1.1 ")[1:]]


def test_the_attributes_of_uvicorn_that_the_protocol_uses_exist():
    """Fail if a new version of uvicorn lacks one; the upper bound in pyproject.toml is to be raised only after this."""
    config = uvicorn.Config(app=lambda: None, log_config=None)
    config.load()
    base = HttpToolsProtocol(config, ServerState(), {}, _loop=asyncio.new_event_loop())
    base.loop.close()
    names = {"cycle", "headers", "loop", "parser", "pipeline", "scope", "timeout_keep_alive_task", "transport"}
    names |= {"connection_made", "connection_lost", "data_received", "pause_writing", "resume_writing"}
    names |= {"on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body", "on_message_complete"}
    names |= {"on_response_complete", "timeout_keep_alive_handler"}
    assert names <= set(dir(base))
    cycle_source = inspect.getsource(RequestResponseCycle.__init__)
    for name in ("disconnected", "message_event", "more_body", "response_complete", "response_started"):
        assert f"self.{name}" in cycle_source
    assert STATUS_LINE[431].startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize(("end", "last"), [("write_eof", [b"<eof>"]), ("close", [b"<closed>"]), ("is_closing", [])])
def test_consecutive_writes_are_sent_together(end: str, last: list[bytes]):
    async def work() -> None:
        transport = RecordingTransport()
        transport.is_closing = lambda: False  # type: ignore[method-assign]
        coalescing = CoalescingTransport(transport, asyncio.get_running_loop())
        coalescing.write(b"head")
        coalescing.write(b"body")
        assert transport.sent == []
        await asyncio.sleep(0)
        assert transport.sent == [b"headbody"]
        coalescing.write(b"chunk")
        getattr(coalescing, end)()
        await asyncio.sleep(0)
        assert transport.sent == [b"headbody", b"chunk", *last]

    asyncio.run(work())


@pytest.mark.parametrize(
    "request_",
    [
        b"garbage\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/2.0\r\nHost: localhost\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://a HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nHost: b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: b\r\n folded\r\n\r\n",
        b"GET /health HTTP/1.1\nHost: localhost\n\n",
        b"GET /health HTTP/1.1\r\nHost: localhost\0\r\n\r\n",
        b"POST /translate?q=\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 1, 1\r\n\r\nx",
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"not a length\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n",
    ],
)
def test_a_malformed_request_is_answered_with_json(server: RunningServer, request_: bytes):
    head, _, body = send_and_read(server, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body) == {"error": "the request is not valid HTTP"}


def test_a_malformed_body_is_refused_when_its_end_arrives(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(CHUNKED + b"5\r\nhello\r\n")
        time.sleep(0.05)
        connection.sendall(b"what?\r\n")
        assert parse_statuses(read_all(connection)) == [400]


def read_status(connection: socket.socket) -> int:
    """Read one whole response, whose head and body may arrive separately."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def test_garbage_after_a_complete_request_is_refused(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(HEALTH)
        assert read_status(connection) == 200
        connection.sendall(b"garbage\r\n\r\n")
        assert read_status(connection) == 400


def test_responses_are_not_delayed_by_nagles_algorithm(server: RunningServer):
    times = [server.client.get("/health").elapsed.total_seconds() for _ in range(5)]
    assert min(times) < 0.03


def test_garbage_is_refused_after_the_response_to_the_request_before_it():
    with run_server(FakeTranslator()) as it, connect(it) as connection:
        it.fake.open.clear()
        query = b"POST /translate?q=x&source=en&target=fr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(query + b"garbage\r\n\r\n")
        wait_until(lambda: it.fake.decoded() == ["x"])
        it.fake.open.set()
        answers = read_all(connection)
        assert parse_statuses(answers) == [200, 400]
        assert b'{"translatedText":"[x]"}' in answers


def test_garbage_after_a_refused_body_is_refused(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(POST + b"Content-Length: 2000001\r\n\r\n")
        assert read_status(connection) == 413
        connection.sendall(b"x" * 2_000_001 + b"GET /health HTTP/1.1\r\n\r\n")
        assert parse_statuses(read_all(connection)) == [400]


def test_pipelined_requests_are_answered_in_order(server: RunningServer):
    with connect(server) as connection:
        requests = [b"GET /health", b"GET /nowhere", b"POST /health", b"GET /ready"] * 50
        connection.sendall(b"".join(each + b" HTTP/1.1\r\nHost: localhost\r\n\r\n" for each in requests))
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert parse_statuses(read_all(connection)) == [200, 404, 405, 200] * 50 + [200]


def test_a_disconnected_client_cancels_its_pipelined_requests():
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        with connect(it) as connection:
            query = b"POST /translate?q=x&source=en&target=fr HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(query + query)
            wait_until(lambda: it.fake.decoded() == ["x"])
        service = it.server.config.app.state.service
        wait_until(lambda: service.active == 0)


def test_http_1_0(server: RunningServer):
    answer = send_and_read(server, b"GET /health HTTP/1.0\r\n\r\n")
    assert parse_statuses(answer) == [200]
    assert b"connection: close" in answer


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("OPTIONS", 204)])
def test_head_and_options(server: RunningServer, method: str, status: int):
    for _ in range(2):  # the second request fails if the first response has no clear end
        answer = server.client.request(method, "/health")
        assert answer.status_code == status
    if method == "HEAD":
        assert answer.content == b""


def test_options_for_the_whole_server(server: RunningServer):
    assert server.client.get("/health").status_code == 200
    answer = send_and_read(server, b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert parse_statuses(answer) == [404]


def test_a_body_with_expect_100_continue(server: RunningServer):
    body = b'{"q": "x", "source": "en", "target": "fr"}'
    head = POST + b"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
    with connect(server) as connection:
        connection.sendall(head)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_status(connection) == 200


def test_a_refused_body_with_expect_100_continue_closes_the_connection(server: RunningServer):
    head = POST + b"Content-Length: 2000001\r\nExpect: 100-continue\r\n\r\n"
    assert parse_statuses(send_and_read(server, head)) == [413]


def test_an_offer_to_switch_protocols_is_ignored(server: RunningServer):
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    body = b'{"q": "x", "source": "en", "target": "fr"}'
    get = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + offer + b"\r\n"
    post = POST + offer + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(post)
            assert read_status(connection) == 200
            connection.sendall(get)
            assert read_status(connection) == 200
        connection.sendall(CHUNKED.replace(b"\r\n\r\n", b"\r\n" + offer + b"\r\n") + b"1\r\nx\r\n0\r\n\r\n")
        assert read_status(connection) == 400  # the content type is missing
        connection.sendall(get + get + b"GET /health HTTP/1.0\r\n\r\n")
        assert parse_statuses(read_all(connection)) == [200] * 3


def test_trailer_fields_are_not_headers(server: RunningServer):
    with connect(server) as connection:
        connection.sendall(CHUNKED + b"0\r\nContent-Type: application/json\r\nX-Request-ID: late\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.headers["x-request-id"] != "late"


def test_a_request_head_of_the_allowed_size(server: RunningServer):
    q = "🙂" * 9_999 + "a"
    target = f"/translate?q={quote(q)}&source=en&target=fr".encode()
    answer = send_and_read(server, b"POST " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"translatedText": f"[{q}]"}


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health?" + b"x" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /health?" + b"x" * 3_000_000,
        b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 3_000_000,
        b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 30_000,
        CHUNKED + b"0\r\nX: " + b"x" * 3_000_000,
    ],
    ids=["target", "endless target", "endless header", "many headers", "endless field after the body"],
)
def test_a_request_head_that_is_too_large_is_refused(server: RunningServer, head: bytes):
    with connect(server) as connection:
        with contextlib.suppress(OSError):  # the server may refuse it before everything is sent
            connection.sendall(head)
        answer, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body) == {"error": "request head: too large; send at most 131072 bytes"}


def test_a_request_head_that_never_ends_times_out(short_timeout_server: RunningServer):
    with connect(short_timeout_server) as connection:
        connection.sendall(b"GET /health HT")
        head, _, body = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body) == {"error": "request head: took too long to arrive; send the request again"}


def test_a_request_head_that_arrives_slowly_times_out(short_timeout_server: RunningServer):
    begun = time.monotonic()
    with connect(short_timeout_server) as connection:
        for byte in HEALTH + b"GET /he":
            with contextlib.suppress(OSError):
                connection.sendall(bytes([byte]))
            time.sleep(0.02)
        assert parse_statuses(read_all(connection)) == [408]
    assert time.monotonic() - begun < 5


def test_a_second_request_head_that_never_ends_times_out(short_timeout_server: RunningServer):
    with connect(short_timeout_server) as connection:
        connection.sendall(HEALTH)
        assert read_status(connection) == 200
        time.sleep(0.4)  # longer than the time-out, which does not apply to an idle connection
        connection.sendall(HEALTH + b"GET")
        assert read_status(connection) == 200
        connection.sendall(b" /health")
        assert parse_statuses(read_all(connection)) == [408]


def test_a_connection_without_a_request_is_closed(short_timeout_server: RunningServer):
    with connect(short_timeout_server) as connection, contextlib.suppress(ConnectionResetError):
        assert read_all(connection) == b""


def test_the_rest_of_a_refused_body_times_out(short_timeout_server: RunningServer):
    with connect(short_timeout_server) as connection:
        connection.sendall(POST + b"Content-Length: 99999999\r\n\r\n" + b"x" * 100)
        assert read_status(connection) == 413
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            while time.monotonic() - begun < 5:
                connection.sendall(b"x")
                time.sleep(0.02)
        assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    ("texts", "header"),
    [(30, b""), (5, b"Connection: close\r\n")],
    ids=["more than the server's buffer", "less, but the last"],
)
def test_a_client_that_does_not_read_its_response_is_disconnected(
    monkeypatch: pytest.MonkeyPatch, texts: int, header: bytes
):
    def listen_with_a_small_buffer(host: str, port: int) -> socket.socket:
        listener = listen(host, port)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # keeps the response in the server
        return listener

    monkeypatch.setattr("serving.listen", listen_with_a_small_buffer)
    with run_server(FakeTranslator(), request_timeout=1) as it, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", it.port))
        body = json.dumps({"q": ["x" * 9000] * texts, "source": "en", "target": "fr"}).encode()
        head = POST + b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        connection.sendall(head + header + b"\r\n" + body)
        wait_until(lambda: unsent_bytes(it) > 0)
        wait_until(lambda: unsent_bytes(it) == 0)
        assert it.client.get("/health").status_code == 200


def unsent_bytes(server: RunningServer) -> int:
    """Return the number of bytes that the server has not sent yet."""
    return sum(each.transport.get_write_buffer_size() for each in list(server.server.server_state.connections))


def test_refusals_are_counted(server: RunningServer):
    def count() -> float:
        text = httpx.get(f"http://127.0.0.1:{server.port}/metrics").text
        lines = [line for line in text.splitlines() if line.startswith('nmt_rejected_total{reason="malformed"}')]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = count()
    send_and_read(server, b"garbage\r\n\r\n")
    assert count() == before + 1


@pytest.mark.parametrize("coding", [b"gzip", b"gzip, chunked", b"identity", b"xchunked"])
def test_an_unknown_transfer_coding_is_501(server: RunningServer, coding: bytes):
    request = POST + b"Transfer-Encoding: " + coding + b"\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    answer = send_and_read(server, request)
    assert parse_statuses(answer) == [501]
    assert b"Transfer-Encoding: not supported; send chunked" in answer


def test_the_name_of_the_chunked_coding_is_case_insensitive(server: RunningServer):
    request = POST + b"Transfer-Encoding: Chunked\r\nConnection: close\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    assert parse_statuses(send_and_read(server, request)) == [400]
