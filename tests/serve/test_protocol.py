import http.client
import json
import socket

import pytest
from serving import Running


@pytest.mark.parametrize(
    "request_",
    [
        b"garbage\r\n\r\n",
        b"GET /health HTTP/1.1\r\n\r\n",
        b"POST /translate?q=\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /translate HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /translate HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nnot a length\r\n",
    ],
)
def test_what_is_not_http_is_a_json_error(server: Running, request_: bytes):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(request_)
        answer = b""
        while received := connection.recv(65536):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body) == {"error": "Invalid HTTP request received."}


def status_of_answer(connection: socket.socket) -> int:
    """Read one whole answer: its head and its body may arrive apart."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def test_garbage_after_a_whole_request_is_refused(server: Running):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n")
        assert status_of_answer(connection) == 200
        connection.sendall(b"garbage\r\n\r\n")
        assert status_of_answer(connection) == 400


def test_a_request_on_an_open_connection_does_not_wait_for_nagle(server: Running):
    times = [server.client.get("/health").elapsed.total_seconds() for _ in range(5)]
    assert min(times) < 0.03
