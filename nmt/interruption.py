"""SIGINT and SIGTERM, for who has something better to do about them than to die."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


@contextmanager
def interruptions(handle: Callable[[int, FrameType | None], None]) -> Iterator[dict[int, Any]]:
    """Both signals go to ``handle`` in the block; gives their handlers from before, which have them again after it."""
    previous: dict[int, Any] = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield previous
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
