import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from fake_translator import FakeTranslator
from serving import run_server, wait_until

from serve import health_check
from serve.health_check import check_health
from serve.settings import Settings

ROOT = Path(__file__).parents[2]


def run_health_check(port: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"NMT_HOST": "0.0.0.0", "NMT_PORT": str(port)}  # as in the image
    command = [sys.executable, "-m", "serve.health_check", *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)


def test_exit_status_of_the_health_check():
    fake = FakeTranslator()
    fake.open.clear()
    with run_server(fake, ready=False) as it:
        wait_until(lambda: fake.batchers)
        assert run_health_check(it.port).returncode == 0
        loading = run_health_check(it.port, "/ready")
        assert (loading.returncode, loading.stderr) == (1, f"http://0.0.0.0:{it.port}/ready: status 503\n")
        fake.open.set()
        wait_until(lambda: it.client.get("/ready").status_code == 200)
        assert run_health_check(it.port, "/ready").returncode == 0
    gone = run_health_check(it.port)
    assert gone.returncode == 1
    assert gone.stderr.startswith(f"http://0.0.0.0:{it.port}/health: ConnectionRefusedError")


def test_a_server_that_does_not_answer_is_unhealthy(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(health_check, "_TIMEOUT", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("NMT_PORT", str(silent.getsockname()[1]))
        assert "TimeoutError" in (check_health("/health") or "")


def test_the_default_address_is_that_of_the_settings(monkeypatch: pytest.MonkeyPatch):
    addresses: list[tuple[str, int]] = []

    class RefusingConnection:
        def __init__(self, host: str, port: int, timeout: float) -> None:
            addresses.append((host, port))

        def request(self, method: str, route: str) -> None:
            raise ConnectionRefusedError

        def close(self) -> None: ...

    monkeypatch.setattr(health_check, "HTTPConnection", RefusingConnection)
    monkeypatch.setenv("NMT_PORT", "abc")
    assert check_health("/health") == "NMT_PORT: 'abc' is not a port; set it to a number"
    monkeypatch.setenv("NMT_PORT", "")
    assert check_health("/health")
    assert addresses == [(Settings().host, Settings().port)]


def test_the_health_check_imports_no_heavy_packages():
    program = "import sys, serve.health_check; print({'nmt', 'pydantic', 'fastapi', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "set()\n"
