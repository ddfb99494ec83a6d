"""The server process, which listens on a port and shuts down gracefully on SIGTERM."""

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

from nmt.model_directory.built_in import BUILT_IN_MODELS, find_built_in_model
from nmt.utils.errors import CarouselError, UsageError
from serve.app import create_app
from serve.auth.api_keys import read_api_keys
from serve.http.protocol import HttpProtocol
from serve.logging import json_logs
from serve.metrics import Metrics
from serve.models.discovery import find_model_directories
from serve.models.served_model import TranslatorLoader
from serve.service import TranslationService
from serve.settings import Settings, read_settings
from serve.stores.glossaries import GlossaryStore
from serve.workers.client import ModelDirectoryLoader

_BACKLOG = 2048  # connections that may wait to be accepted
_LAST_RESPONSES_TIMEOUT = 5  # seconds for slow clients to read the last responses at shutdown


def run(models: Sequence[Path] = (), host: str | None = None, port: int | None = None, *, check: bool = False) -> int:
    """Serve models until SIGTERM or SIGINT, and return the exit status.

    An expected error (CarouselError) is printed to stderr as one line.

    Args:
        models: Model directories, or directories that contain them; by default from the settings.
        host: Address to listen on; by default from the settings.
        port: Port to listen on; by default from the settings.
        check: Whether to exit after reading the settings, API keys and glossaries and loading the models.
    """
    try:
        settings = read_settings(models=tuple(models) or None, host=host, port=port)
        loaders = [ModelDirectoryLoader(path, settings.threads) for path in _choose_directories(settings.models)]
        if check:
            read_api_keys(settings)
            GlossaryStore(settings.glossaries)
            asyncio.run(_check_models(settings, loaders))
        else:
            serve(settings, loaders)
    except CarouselError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


def _choose_directories(paths: Sequence[Path]) -> list[Path]:
    """Return the model directories at the given paths, or the built-in model directory if there are none."""
    if found := find_model_directories(paths):
        return found
    path_list = ", ".join(map(str, paths))
    if built_in := find_built_in_model(BUILT_IN_MODELS[0]):
        _print(f"{path_list} is empty: serving the built-in model" if paths else "Serving the built-in model")
        return [built_in]
    if paths:
        raise CarouselError(f"{path_list}: is empty; put a model directory there, as written by nmt export")
    raise UsageError("no model to serve; name a model directory or set NMT_MODELS")


def serve(settings: Settings, loaders: Sequence[TranslatorLoader]) -> None:
    """Serve until SIGTERM or SIGINT; raise CarouselError if the port is not available or a model cannot be loaded."""
    app = create_app(settings, loaders)
    listener = listen(settings.host, settings.port)
    server = TranslationServer(app, _url(settings.host, listener))
    if hasattr(signal, "SIGHUP"):  # not on Windows
        signal.signal(signal.SIGHUP, server.handle_reload)
    # Worker threads run some Python code between decoding steps. A busy event loop releases the interpreter after this
    # interval; the default of 5 ms is longer than a decoding step.
    sys.setswitchinterval(1e-3)
    # Requests leave few reference cycles; the default, a collection after every 700 allocations, takes 2% of the time.
    gc.set_threshold(20_000)
    with json_logs(settings.log_level):
        server.run(sockets=[listener])
    if server.failure is not None:
        raise server.failure


class TranslationServer(uvicorn.Server):
    """A uvicorn server that prints a line when the models are loaded, and stops listening after the last response."""

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
                timeout_keep_alive=cast(int, settings.keep_alive),  # any number will do
                timeout_graceful_shutdown=_LAST_RESPONSES_TIMEOUT,
            )
        )
        self.failure: CarouselError | None = None
        self._app, self._url = app, url
        self._service: TranslationService = app.state.service
        self._loop: asyncio.AbstractEventLoop | None = None
        self._reloads: set[asyncio.Task[None]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen; the models are still being loaded."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self._app.state.loading.add_done_callback(self._report_loading)

    def _report_loading(self, loading: asyncio.Task[None]) -> None:
        """Print the language pairs; if loading failed, shut down."""
        if loading.cancelled() or self.should_exit:
            return
        error = loading.exception()
        if error is None:
            pairs = ", ".join(f"{source}→{target}" for source, target in self._service.models.language_pairs)
            _print(f"Serving {pairs} on {self._url}")
        else:
            self.failure = _loading_error(error)
            self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down gracefully, or at the second signal immediately.

        Unlike uvicorn's method, this one does not raise the signal again at the end, so that the exit status is 0.
        """
        self.force_exit = self.should_exit
        self.should_exit = True

    def handle_reload(self, sig: int, frame: FrameType | None) -> None:
        """Reload the models unless they are still being loaded."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._reload)

    def _reload(self) -> None:
        if self._app.state.loading.done() and not self.should_exit:
            reload = asyncio.create_task(self._service.reload())
            self._reloads.add(reload)
            reload.add_done_callback(self._reloads.discard)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Refuse new requests with a response, wait for the active requests, and stop."""
        self._service.drain()
        while self._service.active and not self.force_exit:
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; raise CarouselError if the address is not available."""
    try:
        addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # "localhost" may resolve to both; clients try IPv4 more often.
        family, _, _, _, address = min(addresses, key=lambda info: info[0] != socket.AF_INET)
        # asyncio disables Nagle's algorithm, which adds 40 ms to a request, only if the protocol is given.
        listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(_BACKLOG)
        except BaseException:
            listener.close()
            raise
    except (OSError, ValueError) as error:  # ValueError: the host name cannot be encoded
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CarouselError(f"{host}:{port}: cannot listen ({reason}); choose another address or port") from None
    return listener


def _url(host: str, listener: socket.socket) -> str:
    """Return the URL of the server, with the actual port if the settings leave it open."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


async def _check_models(settings: Settings, loaders: Sequence[TranslatorLoader]) -> None:
    """Load and warm up the models, print their language pairs, and close them."""
    service = TranslationService(settings, loaders, Metrics())
    try:
        await service.start()
        for source, target in service.models.language_pairs:
            _print(f"{source}→{target} is ready")
    except Exception as error:
        raise _loading_error(error) from error
    finally:
        await service.close()


def _loading_error(error: BaseException) -> CarouselError:
    """Return an exception that was raised while a model was loaded as an error with a message of one line."""
    if isinstance(error, CarouselError):
        return error
    return CarouselError(" ".join(f"a model cannot be loaded: {type(error).__name__}: {error}".split()))


def _print(line: str) -> None:
    """Print and flush a line; characters that the terminal's encoding lacks are replaced by ``?``."""
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "replace").decode(encoding), flush=True)
