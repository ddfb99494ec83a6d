"""Compressed request bodies."""

import gzip
import json
import zlib

import httpx
import pytest
from fake_translator import FakeTranslator
from hypothesis import given
from hypothesis import strategies as st
from serving import RunningServer, run_server

BODY = json.dumps({"q": "a", "source": "en", "target": "fr"}).encode()


def post(server: RunningServer, content: bytes, encoding: str) -> httpx.Response:
    headers = {"Content-Type": "application/json", "Content-Encoding": encoding}
    return server.client.post("/translate", content=content, headers=headers)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (gzip.compress(BODY, mtime=0), "gzip"),
        (gzip.compress(BODY, mtime=0), "GZIP"),
        (gzip.compress(BODY, mtime=0), "x-gzip"),
        (gzip.compress(BODY[:9], mtime=0) + gzip.compress(BODY[9:], mtime=0), "gzip"),
        (BODY, "identity"),
        (BODY, ""),
    ],
)
def test_a_compressed_body_is_answered_like_a_plain_one(server: RunningServer, content: bytes, encoding: str) -> None:
    answer = post(server, content, encoding)
    assert (answer.status_code, answer.json()) == (200, {"translatedText": "[a]"})


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "x" * 1000])
def test_another_encoding_is_415_and_named(server: RunningServer, encoding: str) -> None:
    answer = post(server, BODY, encoding)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "gzip")
    assert f"Content-Encoding: '{encoding[:40]}' is not supported" in answer.json()["error"]


@pytest.mark.parametrize(
    "content", [BODY, gzip.compress(BODY, mtime=0)[:-9], gzip.compress(BODY, mtime=0) + b"x", zlib.compress(BODY)]
)
def test_invalid_gzip_data_are_400(server: RunningServer, content: bytes) -> None:
    answer = post(server, content, "gzip")
    assert (answer.status_code, answer.json()["error"]) == (
        400, "request body: invalid gzip data; compress the body again",
    )  # fmt: skip


def test_the_size_is_limited_after_decompression() -> None:
    with run_server(FakeTranslator(), max_body_bytes=100_000) as it:
        small = gzip.compress(BODY + b" " * (100_000 - len(BODY)))
        assert post(it, small, "gzip").status_code == 200
        for size in (100_001, 50_000_000):
            bomb = gzip.compress(BODY + b" " * (size - len(BODY)))
            assert len(bomb) < 100_000
            assert post(it, bomb, "gzip").status_code == 413


@given(st.binary(max_size=200))
def test_any_body_is_answered(server: RunningServer, content: bytes) -> None:
    assert post(server, content, "gzip").status_code in {200, 400}
