import asyncio
import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest
from fake_translator import FakeTranslator
from serving import Running, running, wait_until

from serve.http.protocol import MAX_HEAD_BYTES, Joining
from serve.server import listen

HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /translate HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def hasty() -> Iterator[Running]:
    """A server that waits for nobody."""
    with running(FakeTranslator(), request_timeout=0.3) as it:
        yield it


class Wire(asyncio.Transport):
    """A transport that notes what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []

    def write(self, data: bytes) -> None:  # type: ignore[override]
        self.sent.append(data)

    def write_eof(self) -> None:
        self.sent.append(b"<eof>")

    def close(self) -> None:
        self.sent.append(b"<closed>")


def connect(server: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=30)


def everything(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    answer = b""
    while received := connection.recv(65536):
        answer += received
    return answer


def exchange(server: Running, request: bytes) -> bytes:
    with connect(server) as connection:
        connection.sendall(request)
        return everything(connection)


def statuses(answers: bytes) -> list[int]:
    return [int(each[:3]) for each in answers.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(("end", "last"), [("write_eof", [b"<eof>"]), ("close", [b"<closed>"]), ("is_closing", [])])
def test_what_is_written_in_one_go_is_sent_in_one_go(end: str, last: list[bytes]):
    async def work() -> None:
        wire = Wire()
        wire.is_closing = lambda: False  # type: ignore[method-assign]
        joining = Joining(wire, asyncio.get_running_loop())
        joining.write(b"head")
        joining.write(b"body")
        assert wire.sent == []
        await asyncio.sleep(0)
        assert wire.sent == [b"headbody"]
        joining.write(b"chunk")
        getattr(joining, end)()
        await asyncio.sleep(0)
        assert wire.sent == [b"headbody", b"chunk", *last]

    asyncio.run(work())


@pytest.mark.parametrize(
    "request_",
    [
        b"garbage\r\n\r\n",
        b"BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /health\r\n\r\n",
        b"GET /health HTTP/2.0\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost : a\r\n\r\n",
        b"GET /health HTTP/1.1\r\nHost: a\r\nX: b\r\n folded\r\n\r\n",
        b"GET /health HTTP/1.1\nHost: a\n\n",
        b"GET /health HTTP/1.1\r\nHost: a\0\r\n\r\n",
        b"POST /translate?q=\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        POST + b"Content-Length: -1\r\n\r\n",
        POST + b"Content-Length: 1, 1\r\n\r\nx",
        POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        CHUNKED + b"not a length\r\n",
        CHUNKED + b"-1\r\n",
        CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nhello!\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n",
    ],
)
def test_what_is_not_http_is_a_json_error(server: Running, request_: bytes):
    head, _, body = exchange(server, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body) == {"error": "Invalid HTTP request received."}


def test_the_end_of_a_bad_body_may_come_late(server: Running):
    with connect(server) as connection:
        connection.sendall(CHUNKED + b"5\r\nhello\r\n")
        time.sleep(0.05)
        connection.sendall(b"what?\r\n")
        assert statuses(everything(connection)) == [400]


def status_of_answer(connection: socket.socket) -> int:
    """Read one whole answer: its head and its body may arrive apart."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def test_garbage_after_a_whole_request_is_refused(server: Running):
    with connect(server) as connection:
        connection.sendall(HEALTH)
        assert status_of_answer(connection) == 200
        connection.sendall(b"garbage\r\n\r\n")
        assert status_of_answer(connection) == 400


def test_a_request_on_an_open_connection_does_not_wait_for_nagle(server: Running):
    times = [server.client.get("/health").elapsed.total_seconds() for _ in range(5)]
    assert min(times) < 0.03


def test_garbage_does_not_overtake_the_answer_before_it():
    with running(FakeTranslator()) as it, connect(it) as connection:
        it.fake.open.clear()
        query = b"POST /translate?q=x&source=en&target=fr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(query + b"garbage\r\n\r\n")
        wait_until(lambda: it.fake.seen() == ["x"])
        it.fake.open.set()
        answers = everything(connection)
        assert statuses(answers) == [200, 400]
        assert b'{"translatedText":"[x]"}' in answers


def test_garbage_after_a_refused_body_is_refused(server: Running):
    with connect(server) as connection:
        connection.sendall(POST + b"Content-Length: 2000001\r\n\r\n")
        assert status_of_answer(connection) == 413
        connection.sendall(b"x" * 2_000_001 + b"GET /health HTTP/1.1\r\n\r\n")
        assert statuses(everything(connection)) == [400]


def test_pipelined_requests_are_answered_in_order(server: Running):
    with connect(server) as connection:
        requests = [b"GET /health", b"GET /nowhere", b"POST /health", b"GET /ready"] * 50
        connection.sendall(b"".join(each + b" HTTP/1.1\r\nHost: a\r\n\r\n" for each in requests))
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert statuses(everything(connection)) == [200, 404, 405, 200] * 50 + [200]


def test_a_client_of_pipelined_requests_that_leaves_is_noticed():
    with running(FakeTranslator()) as it:
        it.fake.open.clear()
        with connect(it) as connection:
            query = b"POST /translate?q=x&source=en&target=fr HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
            connection.sendall(query + query)
            wait_until(lambda: it.fake.seen() == ["x"])
        service = it.server.config.app.state.service
        wait_until(lambda: service.active == 0)


def test_http_1_0(server: Running):
    answer = exchange(server, b"GET /health HTTP/1.0\r\n\r\n")
    assert statuses(answer) == [200]
    assert b"connection: close" in answer


@pytest.mark.parametrize(("method", "status"), [("HEAD", 405), ("OPTIONS", 405)])
def test_head_and_options(server: Running, method: str, status: int):
    for _ in range(2):  # the answer's end is clear, or the second would fail
        answer = server.client.request(method, "/health")
        assert answer.status_code == status
    if method == "HEAD":
        assert answer.content == b""


def test_options_of_the_server_itself(server: Running):
    assert server.client.get("/health").status_code == 200
    answer = exchange(server, b"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert statuses(answer) == [404]


def test_a_body_that_waits_to_be_asked_for(server: Running):
    body = b'{"q": "x", "source": "en", "target": "fr"}'
    head = POST + b"Content-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body)
    with connect(server) as connection:
        connection.sendall(head)
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert status_of_answer(connection) == 200


def test_a_body_that_is_not_asked_for_ends_the_connection(server: Running):
    head = POST + b"Content-Length: 2000001\r\nExpect: 100-continue\r\n\r\n"
    assert statuses(exchange(server, head)) == [413]


def test_an_offer_of_another_protocol_is_ignored(server: Running):
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    body = b'{"q": "x", "source": "en", "target": "fr"}'
    get = b"GET /health HTTP/1.1\r\nHost: a\r\n" + offer + b"\r\n"
    post = POST + offer + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    with connect(server) as connection:
        for _ in range(2):
            connection.sendall(post)
            assert status_of_answer(connection) == 200
            connection.sendall(get)
            assert status_of_answer(connection) == 200
        connection.sendall(CHUNKED.replace(b"\r\n\r\n", b"\r\n" + offer + b"\r\n") + b"1\r\nx\r\n0\r\n\r\n")
        assert status_of_answer(connection) == 400  # for want of a content type
        connection.sendall(get + get + b"GET /health HTTP/1.0\r\n\r\n")
        assert statuses(everything(connection)) == [200] * 3


def test_fields_after_a_body_are_no_headers(server: Running):
    with connect(server) as connection:
        connection.sendall(CHUNKED + b"0\r\nContent-Type: application/json\r\nX-Request-ID: late\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.headers["x-request-id"] != "late"


def test_a_head_of_the_allowed_size(server: Running):
    q = "🙂" * 9_999 + "a"
    target = f"/translate?q={quote(q)}&source=en&target=fr".encode()
    answer = exchange(server, b"POST " + target + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"translatedText": f"{q[:5000]}[{q[5000:]}]"}


@pytest.mark.parametrize(
    "head",
    [
        b"GET /health?" + b"x" * MAX_HEAD_BYTES + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /health?" + b"x" * 3_000_000,
        b"GET /health HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 3_000_000,
        b"GET /health HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 30_000,
        CHUNKED + b"0\r\nX: " + b"x" * 3_000_000,
    ],
    ids=["target", "endless target", "endless header", "many headers", "endless field after the body"],
)
def test_a_head_that_is_too_large(server: Running, head: bytes):
    with connect(server) as connection:
        with contextlib.suppress(OSError):  # it may be refused before all is sent
            connection.sendall(head)
        answer, _, body = everything(connection).partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body) == {"error": "the request's head is too large; at most 131072 bytes are allowed"}


def test_a_head_that_never_ends(hasty: Running):
    with connect(hasty) as connection:
        connection.sendall(b"GET /health HT")
        head, _, body = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(body) == {"error": "the request took too long to arrive"}


def test_a_head_that_trickles_in(hasty: Running):
    begun = time.monotonic()
    with connect(hasty) as connection:
        for byte in HEALTH + b"GET /he":
            with contextlib.suppress(OSError):
                connection.sendall(bytes([byte]))
            time.sleep(0.02)
        assert statuses(everything(connection)) == [408]
    assert time.monotonic() - begun < 5


def test_a_second_head_that_never_ends(hasty: Running):
    with connect(hasty) as connection:
        connection.sendall(HEALTH)
        assert status_of_answer(connection) == 200
        time.sleep(0.4)  # an idle connection has more time
        connection.sendall(HEALTH + b"GET")
        assert status_of_answer(connection) == 200
        connection.sendall(b" /health")
        assert statuses(everything(connection)) == [408]


def test_a_connection_without_a_request_is_closed(hasty: Running):
    with connect(hasty) as connection, contextlib.suppress(ConnectionResetError):
        assert everything(connection) == b""


def test_the_rest_of_a_refused_body_must_come_in_time(hasty: Running):
    with connect(hasty) as connection:
        connection.sendall(POST + b"Content-Length: 99999999\r\n\r\n" + b"x" * 100)
        assert status_of_answer(connection) == 413
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
def test_a_client_that_does_not_fetch_its_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch, texts: int, header: bytes):
    def listen_narrowly(host: str, port: int) -> socket.socket:
        listener = listen(host, port)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # the kernel shall hold little of it
        return listener

    monkeypatch.setattr("serving.listen", listen_narrowly)
    with running(FakeTranslator(), request_timeout=1) as it, socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", it.port))
        body = json.dumps({"q": ["x" * 9000] * texts, "source": "en", "target": "fr"}).encode()
        head = POST + b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        connection.sendall(head + header + b"\r\n" + body)
        wait_until(lambda: unsent(it) > 0)
        wait_until(lambda: unsent(it) == 0)
        assert it.client.get("/health").status_code == 200


def unsent(server: Running) -> int:
    """The bytes of answers that the server still holds."""
    return sum(each.transport.get_write_buffer_size() for each in list(server.server.server_state.connections))


def test_refusals_are_counted(server: Running):
    def count() -> float:
        text = httpx.get(f"http://127.0.0.1:{server.port}/metrics").text
        lines = [line for line in text.splitlines() if line.startswith('nmt_rejected_total{reason="malformed"}')]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = count()
    exchange(server, b"garbage\r\n\r\n")
    assert count() == before + 1
