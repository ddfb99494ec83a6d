import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fake_translator import FakeTranslator
from serving import running, wait_until

from serve import health_check as probe_module
from serve.health_check import probe
from serve.settings import Settings

ROOT = Path(__file__).parents[2]


def ask(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NMT_HOST": "0.0.0.0", "NMT_PORT": str(port)}  # as in the image
    command = [sys.executable, "-m", "serve.health_check", *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)


def test_alive_from_the_start_and_ready_later():
    fake = FakeTranslator()
    fake.open.clear()
    with running(fake, ready=False) as it:
        wait_until(lambda: fake.loops)
        assert ask(it.port).returncode == 0
        loading = ask(it.port, "/ready")
        assert (loading.returncode, loading.stderr) == (1, f"/ready of 0.0.0.0:{it.port}: status 503\n")
        fake.open.set()
        wait_until(lambda: it.client.get("/ready").status_code == 200)
        assert ask(it.port, "/ready").returncode == 0
    gone = ask(it.port)
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"/health of 0.0.0.0:{it.port}: ConnectionRefusedError")


def test_one_that_hangs_is_not_well(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(probe_module, "_PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("NMT_PORT", str(silent.getsockname()[1]))
        assert "TimeoutError" in (probe("/health") or "")


def test_it_asks_where_the_server_listens_by_default(monkeypatch: pytest.MonkeyPatch):
    asked: list[tuple[str, int]] = []

    class Nobody:
        def __init__(self, host: str, port: int, timeout: float) -> None:
            asked.append((host, port))

        def request(self, method: str, route: str) -> None:
            raise ConnectionRefusedError

        def close(self) -> None: ...

    monkeypatch.setattr(probe_module, "HTTPConnection", Nobody)
    monkeypatch.setenv("NMT_PORT", "")
    assert probe("/health")
    assert asked == [(Settings().host, Settings().port)]


def test_it_imports_nothing_heavy():
    program = "import sys, serve.health_check; print({'nmt', 'pydantic', 'fastapi', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "set()\n"
