import json
import socket
from collections.abc import Iterator

import httpx
import pytest
from fake_translator import FakeTranslator
from serving import RunningServer, run_server

BYTES = 1000
HEAD = "POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def small_limit_server() -> Iterator[RunningServer]:
    with run_server(FakeTranslator(), max_body_bytes=BYTES, request_timeout=0.3) as it:
        yield it


def body(size: int) -> bytes:
    empty = json.dumps({"q": "", "source": "en", "target": "fr"})
    return empty.replace('""', f'"{"x" * (size - len(empty))}"').encode()


def chunked(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), 100):
        yield data[start : start + 100]


def send_and_read(port: int, *chunks: bytes) -> bytes:
    """Send bytes unchanged, and return everything until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for chunk in chunks:
            connection.sendall(chunk)
        answer = b""
        while received := connection.recv(65536):
            answer += received
        return answer


JSON = {"content-type": "application/json"}


@pytest.mark.parametrize("encode", [bytes, chunked], ids=["content-length", "chunked"])
def test_the_limit_is_exact(small_limit_server: RunningServer, encode):
    assert small_limit_server.client.post("/translate", content=encode(body(BYTES)), headers=JSON).status_code == 200
    refused = small_limit_server.client.post("/translate", content=encode(body(BYTES + 1)), headers=JSON)
    assert refused.status_code == 413
    assert refused.json() == {"error": "request body: too large; send at most 1000 bytes"}


@pytest.mark.parametrize("encode", [bytes, chunked], ids=["content-length", "chunked"])
def test_a_body_far_over_the_limit_does_not_break_the_server(small_limit_server: RunningServer, encode):
    assert small_limit_server.client.post("/translate", content=encode(b"x" * 300_000)).status_code == 413
    assert small_limit_server.client.get("/health").status_code == 200


def test_a_declared_length_over_the_limit_is_refused_before_the_body_arrives(small_limit_server: RunningServer):
    answer = send_and_read(small_limit_server.port, f"{HEAD}Content-Length: 1001\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("route", ["/health", "/languages", "/nowhere"])
def test_the_limit_applies_to_every_route(small_limit_server: RunningServer, route: str):
    assert small_limit_server.client.request("GET", route, content=b"x" * (BYTES + 1)).status_code == 413


def test_a_body_that_never_ends_times_out(small_limit_server: RunningServer):
    answer = send_and_read(small_limit_server.port, f'{HEAD}Content-Length: 100\r\n\r\n{{"q"'.encode())
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {
        "error": "request body: took too long to arrive; send it within 0.3 s"
    }


def test_a_client_may_disconnect_in_the_middle_of_its_body(small_limit_server: RunningServer):
    with socket.create_connection(("127.0.0.1", small_limit_server.port), timeout=30) as connection:
        connection.sendall(f'{HEAD}Content-Length: 100\r\n\r\n{{"q"'.encode())
    assert small_limit_server.client.get("/health").status_code == 200


def test_a_text_of_the_maximum_length_fits_into_a_query_string(server: RunningServer):
    q = "🙂a" * 5000
    answer = httpx.post(f"http://127.0.0.1:{server.port}/translate", params={"q": q, "source": "en", "target": "fr"})
    assert answer.json()["translatedText"].replace("] [", "") == f"[{q}]"
