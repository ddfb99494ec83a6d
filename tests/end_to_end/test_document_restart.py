"""Documents of a server that ends and is started again, as real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from nmt import Translator

MODEL = Path(__file__).parents[2] / "data" / "demo-en-fr" / "model"
SENTENCES = ["The black cat sleeps.", "Where is my key?", "The small dog sees the red house."]
LINES = [SENTENCES[n % 3] for n in range(4000)]


@contextmanager
def run_server(**settings: object) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """Run a server and yield its process and a client; at the end kill it unless it has ended."""
    environment = {f"NMT_{name.upper()}": str(value) for name, value in ({"cache": 0, "threads": 1} | settings).items()}
    command = [sys.executable, "-m", "nmt", "serve", str(MODEL), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment) as process:
        try:
            assert process.stdout is not None
            with httpx.Client(base_url=process.stdout.readline().split()[-1], timeout=30, trust_env=False) as client:
                yield process, client
        finally:
            process.kill()


def upload(client: httpx.Client, lines: list[str]) -> dict[str, str]:
    data, files = {"source_lang": "EN", "target_lang": "FR"}, {"file": ("a.txt", "\n".join(lines).encode())}
    handle: dict[str, str] = client.post("/v2/document", data=data, files=files).raise_for_status().json()
    return handle


def ask(client: httpx.Client, handle: dict[str, str], path: str = "") -> httpx.Response:
    body = {"document_key": handle["document_key"]}
    return client.post(f"/v2/document/{handle['document_id']}{path}", json=body)


def wait_for_result(client: httpx.Client, handle: dict[str, str]) -> str:
    deadline = time.monotonic() + 200
    status: Any = {}
    while status.get("status") != "done":
        assert time.monotonic() < deadline
        assert status.get("status") != "error", status
        time.sleep(0.05)
        status = ask(client, handle).json()
    return ask(client, handle, "/result").content.decode()


def num_translated(client: httpx.Client) -> int:
    """Return the number of sentences that the server has decoded."""
    lines = client.get("/metrics").text.splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith("nmt_sentences_total{"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_restarted_server_goes_on_with_its_documents(number: signal.Signals, tmp_path: Path) -> None:
    with run_server(documents=tmp_path) as (process, client):
        handles = [upload(client, LINES), upload(client, LINES[:5]), upload(client, LINES[:7])]
        journal = tmp_path / f"document-{handles[0]['document_id']}.journal"
        deadline = time.monotonic() + 100
        while not (journal.exists() and journal.read_bytes().count(b"\n") > 500):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(30) == (-number if number is signal.SIGKILL else 0)
    recorded = journal.read_bytes().count(b"\n") - 1
    expected = [each.text for each in Translator.load(MODEL).translate(LINES)]
    with run_server(documents=tmp_path) as (_, client):
        for handle, count in zip(handles, (len(LINES), 5, 7), strict=True):
            assert wait_for_result(client, handle) == "\n".join(expected[:count])
        # Some sentences more: those of the warm-up, and of the short documents.
        assert num_translated(client) <= len(LINES) - recorded + 5 + 7 + 50
