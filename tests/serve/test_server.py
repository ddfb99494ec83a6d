import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest
import uvicorn
from fake_translator import FakeLoader, FakeTranslator
from serving import run_server, wait_until

from nmt.utils.errors import CarouselError
from serve import server as server_module
from serve.server import TranslationServer, listen, run, serve
from serve.settings import Settings

HERE = Path(__file__).parent


class FailingLoader(FakeLoader):
    """Cannot load its model."""

    def __init__(self, error: Exception) -> None:
        super().__init__(FakeTranslator())
        self._error = error

    def load(self) -> FakeTranslator:
        raise self._error


def test_while_draining_new_requests_are_refused_and_active_ones_finish():
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        begun = it.translate_meanwhile("begun")
        wait_until(lambda: it.fake.decoded() == ["begun"])
        it.server.handle_exit(signal.SIGTERM, None)
        wait_until(lambda: it.client.get("/ready").status_code == 503)
        for answer in (it.client.get("/ready"), it.translate("new"), it.client.get("/languages")):
            assert answer.status_code == 503
            assert answer.json() == {"error": "the server is shutting down"}
            assert int(answer.headers["retry-after"]) > 0
        assert it.client.get("/health").status_code == 200
        it.fake.open.set()
        it.join()
        assert begun[0].json() == {"translatedText": "[begun]"}


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_shuts_a_real_process_down_gracefully(sig: signal.Signals):
    environment = os.environ | {
        "PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}",
        "PYTHONIOENCODING": "utf-8",
    }
    command = [sys.executable, str(HERE / "drain_program.py"), "0.5"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env=environment
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("Serving en→fr on http://127.0.0.1:")
            url = line.split()[-1]
            answers: list[httpx.Response] = []
            body = {"q": ["one", "two"], "source": "en", "target": "fr"}
            client = threading.Thread(target=lambda: answers.append(httpx.post(f"{url}/translate", json=body)))
            client.start()
            assert process.stdout.readline() == "translating\n"
            process.send_signal(sig)
            client.join(10)
            assert answers[0].json() == {"translatedText": ["[one]", "[two]"]}
            assert process.wait(10) == 0
            assert process.stderr is not None
            records = [json.loads(line) for line in process.stderr]
            assert [(each["level"], each["route"], each["status"]) for each in records] == [("INFO", "/translate", 200)]
        finally:
            process.kill()


def test_a_second_signal_stops_at_once():
    with run_server(FakeTranslator()) as it:
        it.fake.open.clear()
        it.translate_meanwhile("begun", details=False)
        wait_until(lambda: it.fake.decoded() == ["begun"])
        it.server.handle_exit(signal.SIGTERM, None)
        assert not it.server.force_exit
        it.server.handle_exit(signal.SIGTERM, None)
        assert it.server.force_exit


def test_a_taken_port_is_one_line_and_status_1(capfd: pytest.CaptureFixture[str]):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert run([Path("model")], "127.0.0.1", port) == 1
    out, err = capfd.readouterr()
    assert err == f"127.0.0.1:{port}: cannot listen (Address already in use); choose another address or port\n"
    assert out == ""


@pytest.mark.parametrize("host", ["a\0b", "x" * 300, "203.0.113.1"])
def test_an_address_of_another_host_is_refused(host: str):
    with pytest.raises(CarouselError, match="cannot listen"):
        listen(host, 0)


def test_localhost_resolves_to_ipv4():
    with listen("localhost", 0) as listener:
        assert listener.family == socket.AF_INET


@pytest.mark.parametrize("check", [True, False])
def test_a_model_that_fails_to_load_is_one_line_and_status_1(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, check: bool
):
    monkeypatch.setattr(
        server_module, "ModelDirectoryLoader", lambda path, threads: FailingLoader(CarouselError("model: no config"))
    )
    assert run([Path("model")], port=0, check=check) == 1
    assert capfd.readouterr() == ("", "model: no config\n")


def test_an_unexpected_exception_while_loading_is_one_line_too():
    with pytest.raises(CarouselError, match="a model cannot be loaded: MemoryError: so much"):
        serve(Settings(port=0), [FailingLoader(MemoryError("so\nmuch"))])


def test_check_loads_and_warms_but_does_not_listen(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    fakes = [FakeTranslator("en", "fr"), FakeTranslator("fr", "en")]
    waiting = iter(fakes)
    monkeypatch.setattr(server_module, "ModelDirectoryLoader", lambda path, threads: FakeLoader(next(waiting)))
    monkeypatch.delattr(server_module, "listen")
    assert run([Path("a"), Path("b")], check=True) == 0
    assert capfd.readouterr() == ("en→fr is ready\nfr→en is ready\n", "")
    assert all(fake.admitted for fake in fakes)


def test_check_reports_what_prevents_a_server_from_starting(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_module, "ModelDirectoryLoader", lambda path, threads: FakeLoader(FakeTranslator()))
    assert run([Path("a"), Path("b")], check=True) == 1
    assert (
        capfd.readouterr().err == "en→fr: two models translate this direction, fake and fake; serve only one of them\n"
    )
    (tmp_path / "broken.json").write_text("{}")
    monkeypatch.setenv("NMT_GLOSSARIES", str(tmp_path))
    assert run([Path("a")], check=True) == 1
    assert "broken.json: the glossary is damaged" in capfd.readouterr().err


def test_no_model_or_invalid_settings_are_wrong_usage(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(server_module, "find_built_in_model", lambda name: None)
    assert run() == 2
    assert capfd.readouterr().err == "no model to serve; name a model directory or set NMT_MODELS\n"
    monkeypatch.setenv("NMT_REQUIRE_API_KEY", "1")
    for check in (True, False):
        assert run([Path("model")], check=check) == 2
        assert capfd.readouterr().err.startswith("NMT_REQUIRE_API_KEY: there are no API keys; set NMT_API_KEYS")
    monkeypatch.setenv("NMT_QUEUE_LIMIT", "many")
    assert run([Path("model")]) == 2
    err = capfd.readouterr().err
    assert err.startswith("NMT_QUEUE_LIMIT: ")
    assert err.count("\n") == 1


def test_models_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    asked: list[tuple[Path, int]] = []

    def loader(path: Path, threads: int):
        asked.append((path, threads))
        return FakeLoader(FakeTranslator("en", str(path)))

    monkeypatch.setattr(server_module, "ModelDirectoryLoader", loader)
    monkeypatch.setenv("NMT_MODELS", "one,two")
    monkeypatch.setenv("NMT_THREADS", "3")
    assert run(check=True) == 0
    assert asked == [(Path("one"), 3), (Path("two"), 3)]


def test_the_built_in_model_is_served_if_the_directory_is_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    mounted, built_in = tmp_path / "models", tmp_path / "built-in"
    mounted.mkdir()
    monkeypatch.setattr(server_module, "find_built_in_model", lambda name: built_in if built_in.exists() else None)
    monkeypatch.setattr(
        server_module, "ModelDirectoryLoader", lambda path, _: FakeLoader(FakeTranslator("en", path.name))
    )
    monkeypatch.setenv("NMT_MODELS", str(mounted))
    assert run(check=True) == 1
    assert capfd.readouterr().err == f"{mounted}: is empty; put a model directory there, as written by nmt export\n"
    built_in.mkdir()
    assert run(check=True) == 0
    shown = capfd.readouterr().out
    assert shown == f"{mounted} is empty: serving the built-in model\nen→built-in is ready\n"
    (mounted / "de").mkdir()
    (mounted / "fr").mkdir()
    assert run(check=True) == 0
    assert capfd.readouterr().out == "en→de is ready\nen→fr is ready\n"
    # A wrong path is an error, unlike an empty directory.
    monkeypatch.undo()
    monkeypatch.setattr(server_module, "find_built_in_model", lambda name: built_in)
    assert run([tmp_path / "modles"], check=True) == 1
    assert "modles: no model directory" in capfd.readouterr().err


def test_the_built_in_model_is_served_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(server_module, "find_built_in_model", lambda name: tmp_path)
    monkeypatch.setattr(
        server_module, "ModelDirectoryLoader", lambda path, _: FakeLoader(FakeTranslator("en", path.name))
    )
    assert run(check=True) == 0
    assert capfd.readouterr().out.splitlines()[0] == "Serving the built-in model"


def test_the_service_imports_no_torch():
    program = "import sys, serve.server; print([name for name in ('torch', 'onnxruntime') if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=HERE.parents[1], check=True
    )
    assert done.stdout == "[]\n"


def test_serving_works_without_sighup_and_fcntl(tmp_path: Path):
    """As on Windows; sitecustomize applies to the worker processes as well."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, signal, sys\ndel signal.SIGHUP, os.nice\nsys.modules['fcntl'] = None\n"
        "print('customised', file=sys.stderr)\n"
    )
    root = HERE.parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "nmt", "serve", str(root / "data" / "demo-en-fr" / "model"), "--check"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ
        | {
            "PYTHONPATH": f"{tmp_path}{os.pathsep}{root}",
            "PYTHONIOENCODING": "utf-8",
            "NMT_THREADS": "1",
        },
    )
    assert done.stdout == "en→fr is ready\n"
    assert done.stderr == "customised\n" * 2
    assert done.returncode == 0


@pytest.mark.parametrize("name", ["startup", "shutdown", "handle_exit"])
def test_uvicorn_still_has_the_methods_that_the_server_overrides(name: str):
    overridden = inspect.signature(getattr(TranslationServer, name))
    assert list(overridden.parameters) == list(inspect.signature(getattr(uvicorn.Server, name)).parameters)
