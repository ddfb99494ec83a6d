"""Context managers that handle SIGINT, SIGTERM and, where it exists, SIGHUP."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")

_SIGNALS = {getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)}


class Interrupted(BaseException):
    """Raised when a signal interrupts work that can be stopped at any point.

    It is not an Exception, so that ``except Exception`` does not catch it.
    """


class StopRequest:
    """A request to stop, which the first signal makes; a second signal has its default effect."""

    def __init__(self) -> None:
        self.requested = False
        self._raise_at_once = False

    @contextmanager
    def handle_signals(self, announce: bool) -> Iterator[StopRequest]:
        """Turn signals into requests in the block; with ``announce``, print a line if work goes on for a while."""

        def handle(number: int, frame: FrameType | None) -> None:
            self.requested = True
            signal.signal(number, previous[number])
            if self._raise_at_once:
                raise Interrupted
            if announce:
                _print_from_handler(b"Stopping after the present step; a second signal stops at once\n")

        with handle_signals(handle) as previous:
            yield self

    def run_interruptible(self, work: Callable[[], T]) -> T:
        """Call ``work`` and return its result; raise Interrupted if a signal arrives now or has arrived before."""
        self._raise_at_once = True
        try:
            if self.requested:
                raise Interrupted
            return work()
        finally:
            self._raise_at_once = False


def _print_from_handler(message: bytes) -> None:
    # The same signal may have ended the reader of stderr, as in `nmt train … 2>&1 | tee log`.
    if sys.stderr:
        with suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), message)


@contextmanager
def handle_signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, Any]]:
    """Call ``handler`` for signals in the block; yield the previous handlers, which are restored at the end.

    SIGHUP stays ignored if it was ignored before, as under nohup. Outside the main thread, for example of a notebook,
    Python allows no handlers, and signals keep their effect.
    """
    if threading.current_thread() is not threading.main_thread():
        yield {}
        return
    hangup = getattr(signal, "SIGHUP", None)
    ignored = {hangup} if hangup is not None and signal.getsignal(hangup) == signal.SIG_IGN else set()
    previous: dict[int, Any] = {number: signal.signal(number, handler) for number in _SIGNALS - ignored}
    try:
        yield previous
    finally:
        for number, previous_handler in previous.items():
            signal.signal(number, previous_handler)


def prepare_to_serve() -> None:
    """Make SIGTERM and SIGINT end the process with status 0, and SIGHUP have no effect, until a server handles them.

    Before a server listens, it has no requests to finish and no models to reload.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop_serving)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def is_prepared_to_serve() -> bool:
    """Return whether `prepare_to_serve` has set the signal handlers, and nothing has replaced them."""
    return signal.getsignal(signal.SIGTERM) is _stop_serving


def _stop_serving(number: int, frame: FrameType | None) -> None:
    os._exit(0)


@contextmanager
def exit_on_signal() -> Iterator[None]:
    """End the process at once and silently if a signal arrives in the block, for imports, which have nothing to save.

    Raising an exception is not enough, because extension modules may replace it by one of their own. A server's
    handlers are left as they are; see `prepare_to_serve`.
    """
    if is_prepared_to_serve():
        yield
        return
    with handle_signals(lambda number, frame: os._exit(128 + number)):
        yield
