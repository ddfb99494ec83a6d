"""SIGINT, SIGTERM and SIGHUP, for who has something better to do about them than to die."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, TypeVar

Thing = TypeVar("Thing")

_SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Interrupted(BaseException):
    """A signal came during work that may be left at any point.

    It is no Exception, so that nothing on the way takes it for a failure.
    """


class StopRequest:
    """Whether a signal has asked to stop; a second one is as deadly as ever."""

    def __init__(self) -> None:
        self.made = False
        self._at_once = False

    @contextmanager
    def awaited(self, speaks: bool) -> Iterator[StopRequest]:
        """Signals are requests in the block; ``speaks`` says that one which has to wait is answered."""

        def receive(number: int, frame: FrameType | None) -> None:
            self.made = True
            signal.signal(number, previous[number])
            if self._at_once:
                raise Interrupted
            if speaks:
                _tell(b"Stopping after the present step; a second signal stops at once\n")

        with interruptions(receive) as previous:
            yield self

    def interrupts(self, work: Callable[[], Thing]) -> Thing:
        """What ``work`` gives; a request made before or meanwhile ends it at once, by Interrupted."""
        self._at_once = True
        try:
            if self.made:
                raise Interrupted
            return work()
        finally:
            self._at_once = False


def _tell(message: bytes) -> None:
    # The signal may have ended who reads stderr before: `nmt train … 2>&1 | tee log` at a terminal.
    if sys.stderr:
        with suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), message)


@contextmanager
def interruptions(handle: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, Any]]:
    """The signals go to ``handle`` in the block; gives their handlers from before, which have them again after it.

    A SIGHUP that is ignored, as under nohup, stays ignored.
    """
    ignored = {signal.SIGHUP} if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else set()
    previous: dict[int, Any] = {number: signal.signal(number, handle) for number in _SIGNALS - ignored}
    try:
        yield previous
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def abandonable() -> Iterator[None]:
    """The signals end the process without a word in the block: for imports, which have nothing to save.

    An exception would not do: what is written in C may make another one of it.
    """
    with interruptions(lambda number, frame: os._exit(128 + number)):
        yield
