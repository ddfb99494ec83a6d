"""Runs real uvicorn servers on threads."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
from fake_translator import FakeLoader, FakeTranslator

from serve.app import create_app
from serve.server import TranslationServer, listen
from serve.service import TranslationService
from serve.settings import Settings
from serve.workers.client import ModelDirectoryLoader


def wait_until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait until ``condition`` holds; fail if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.005)


@dataclass
class RunningServer:
    """A running server with a client."""

    server: TranslationServer
    port: int
    fakes: list[FakeTranslator]
    client: httpx.Client
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def service(self) -> TranslationService:
        service: TranslationService = self.server.config.app.state.service  # type: ignore[union-attr]
        return service

    @property
    def fake(self) -> FakeTranslator:
        return self.fakes[0]

    def translate(self, q: object, **others: object) -> httpx.Response:
        return self.client.post("/translate", json={"q": q, "source": "en", "target": "fr", **others})

    def translate_meanwhile(self, q: object, **others: object) -> list[httpx.Response]:
        """Translate on a thread; the response appears in the returned list."""
        answers: list[httpx.Response] = []
        thread = threading.Thread(target=lambda: answers.append(self.translate(q, **others)))
        self._threads.append(thread)
        thread.start()
        return answers

    def join(self) -> None:
        for thread in self._threads:
            thread.join(10)


@contextmanager
def run_server(
    *served: FakeTranslator | FakeLoader | ModelDirectoryLoader, ready: bool = True, port: int = 0, **settings: object
) -> Iterator[RunningServer]:
    """Serve fake translators or model directories on a port; 0 selects a free one."""
    loaders = [FakeLoader(each) if isinstance(each, FakeTranslator) else each for each in served]
    fakes = [fake for loader in loaders if isinstance(loader, FakeLoader) for fake in loader.fakes]
    chosen = Settings(port=0, **settings)  # type: ignore[arg-type]
    listener = listen("127.0.0.1", port)
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    server = TranslationServer(create_app(chosen, loaders), url)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        it = RunningServer(server, port, fakes, client)
        try:
            if ready:
                wait_until(lambda: client.get("/ready").status_code == 200)
            yield it
        finally:
            for fake in fakes:
                fake.open.set()
            it.join()
            server.should_exit = True
            thread.join(10)
    assert not thread.is_alive()
