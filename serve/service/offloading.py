"""Keeps long text processing off the event loop."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_LARGE_TEXT = 5000  # characters whose processing may take milliseconds
_MAX_THREADS = 2  # they compete with the event loop and the worker threads for the interpreter


class TextOffloader:
    """Runs the processing of short texts directly, and that of long texts, which would block others, on a thread."""

    def __init__(self) -> None:
        self._threads = asyncio.Semaphore(_MAX_THREADS)

    async def run(self, texts: Sequence[str], function: Callable[[], T]) -> T:
        """Return the result of ``function``, which processes ``texts``."""
        if sum(map(len, texts)) < _LARGE_TEXT:
            return function()
        async with self._threads:
            return await asyncio.to_thread(function)
