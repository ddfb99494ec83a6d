"""Runs the application: listens, says where, and on SIGTERM finishes what it has begun."""

import asyncio
import gc
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI

from nmt.utils.errors import CarouselError, UsageError
from serve.app import create_app
from serve.auth.api_keys import read_api_keys
from serve.http.protocol import HttpProtocol
from serve.logging import json_logs
from serve.models.discovery import BUILT_IN, model_directories
from serve.models.registry import Machine, ModelDirectoryLoader, ModelRegistry, TranslatorLoader
from serve.service import TranslationService
from serve.settings import Settings, read_settings
from serve.stores.glossaries import GlossaryStore

_KEEP_ALIVE = 30  # seconds that an idle connection stays open
_BACKLOG = 2048  # connections that may wait to be accepted
_LAST_BYTES = 5  # seconds for slow readers to fetch their answers after the last one is ready


def run(models: Sequence[Path] = (), host: str | None = None, port: int | None = None, *, check: bool = False) -> int:
    """Serves ``models`` until SIGTERM or SIGINT; returns the exit status. What is not given, settings say.

    With ``check`` only reads the settings, keys and glossaries, and loads and tries the models. A problem that the
    user can mend is one line on stderr.
    """
    try:
        settings = read_settings(models=tuple(models) or None, host=host, port=port)
        loaders = [ModelDirectoryLoader(path, settings.threads) for path in _directories(settings.models)]
        if check:
            read_api_keys(settings)
            GlossaryStore(settings.glossaries)
            _check(loaders, Machine(settings.threads, settings.slots))
        else:
            serve(settings, loaders)
    except CarouselError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


def _directories(paths: Sequence[Path]) -> list[Path]:
    """The models to serve; the built-in one where there are no others."""
    if found := model_directories(paths):
        return found
    named = ", ".join(map(str, paths))
    if BUILT_IN.exists():
        _print(f"{named} is empty: serving the built-in model" if paths else "Serving the built-in model")
        return [BUILT_IN]
    if paths:
        raise CarouselError(f"{named}: is empty; put a model directory there, which nmt export writes")
    raise UsageError("no model to serve: name a model directory or set NMT_MODELS")


def serve(settings: Settings, loaders: Sequence[TranslatorLoader]) -> None:
    """Serves until SIGTERM or SIGINT. Raises ``CarouselError`` if the port or a model can't be had."""
    app = create_app(settings, loaders)
    listener = listen(settings.host, settings.port)
    server = Server(app, _url(settings.host, listener))
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, server.hang_up)
    # A thread that has sentences to hand on needs Python for a moment. A busy event loop lets it have it after this
    # time; the default, 5 ms, is longer than a step of search.
    sys.setswitchinterval(1e-3)
    # Requests leave few cycles behind: to look for them after every 700 objects takes 2% of the time.
    gc.set_threshold(20_000)
    with json_logs(settings.log_level):
        server.run(sockets=[listener])
    if server.failure is not None:
        raise server.failure


class Server(uvicorn.Server):
    """uvicorn's server, which also says when it is ready and drains before it closes the door."""

    def __init__(self, app: FastAPI, url: str) -> None:
        settings: Settings = app.state.settings
        protocol = partial(HttpProtocol, metrics=app.state.metrics, timeout=settings.request_timeout)
        super().__init__(
            uvicorn.Config(
                app,
                http=cast(type[HttpProtocol], protocol),
                ws="none",
                lifespan="on",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_LAST_BYTES,
            )
        )
        self.failure: CarouselError | None = None
        self._app = app
        self._service: TranslationService = app.state.service
        self._url = url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reloads: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts listening, and has the models' end of loading reported."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        loading: asyncio.Task[None] = self._app.state.loading
        loading.add_done_callback(self._loaded)

    def _loaded(self, loading: asyncio.Task[None]) -> None:
        if loading.cancelled() or self.should_exit:
            return
        error = loading.exception()
        if error is None:
            pairs = ", ".join(f"{source}→{target}" for source, target in self._service.models.pairs)
            _print(f"Serving {pairs} on {self._url}")
        else:
            self.failure = _as_failure(error)
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stops in good order; at a second signal, at once.

        Unlike uvicorn's own, it doesn't raise the signal again after the end: the exit status shall be 0.
        """
        self.force_exit = self.should_exit
        self.should_exit = True

    def hang_up(self, sig: int, frame: FrameType | None) -> None:
        """Has the models loaded anew, if they have been loaded before."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reload)

    def _reload(self) -> None:
        if self._app.state.loading.done() and not self.should_exit:
            reload = asyncio.create_task(self._service.reload())
            self._reloads.add(reload)
            reload.add_done_callback(self._reloads.discard)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finishes what was begun while the door is still open, so that newcomers are told, not cut off."""
        self._service.close()
        while self._service.active and not self.force_exit:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ``CarouselError`` if the address can't be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # "localhost" may be both; clients try IPv4 more often.
        family, _, _, _, address = min(found, key=lambda each: each[0] != socket.AF_INET)
        # Without the protocol named, asyncio would leave Nagle's algorithm on: 40 ms more for each request.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except (OSError, ValueError) as error:  # ValueError: a host that can't be encoded
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CarouselError(f"cannot listen on {host}:{port}: {reason}") from None
    return listener


def _url(host: str, listener: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


def _check(loaders: Sequence[TranslatorLoader], machine: Machine) -> None:
    models = ModelRegistry(loaders, machine, lazy=False)
    try:
        asyncio.run(models.load())
    except Exception as error:
        raise _as_failure(error) from error
    for source, target in models.pairs:
        _print(f"{source}→{target} is ready to be served")


def _as_failure(error: BaseException) -> CarouselError:
    """What keeps a model from loading, in one line."""
    if isinstance(error, CarouselError):
        return error
    return CarouselError(" ".join(f"a model cannot be loaded: {type(error).__name__}: {error}".split()))


def _print(line: str) -> None:
    """Prints at once, and an arrow as ``?`` where the terminal's encoding has none."""
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), flush=True)
