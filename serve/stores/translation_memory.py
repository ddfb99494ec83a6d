"""Translation memory of the service, whose searches and writes run on other threads than the event loop.

Entries without an owner serve all clients; those of an API key serve requests with this key only. Other processes, such
as ``nmt memory import``, may write to the same file meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from nmt.inference.memory.store import MemoryEntry, TranslationMemory
from nmt.inference.translation import MemoryMatch
from nmt.utils.errors import CarouselError, UsageError
from serve.errors import MemoryStorageError, TooManyMemoryEntriesError

Result = TypeVar("Result")

_MAX_OWNED = 100_000  # entries of a client
_EXACT_PER_CALL = 200  # texts, some milliseconds

_log = logging.getLogger(__name__)


class ServedMemory:
    """A translation memory behind two threads, so that no exact search waits for a fuzzy one or for a write."""

    def __init__(self, path: Path) -> None:
        """Open a translation memory.

        Raises:
            CarouselError: There is no translation memory at the path.
        """
        if not path.is_file():
            raise UsageError(f"NMT_MEMORY: {path} does not exist; fill a translation memory with nmt memory import")
        self._exact, self._other = _MemoryThread(path), _MemoryThread(path)

    async def find_exact(
        self, texts: Sequence[str], languages: tuple[str, str], owner: str | None
    ) -> list[MemoryMatch | None]:
        """Return the entry with each source text, or None if there is none or the memory cannot be read."""
        found: list[MemoryMatch | None] = []
        try:
            for start in range(0, len(texts), _EXACT_PER_CALL):
                part = texts[start : start + _EXACT_PER_CALL]
                found += await self._exact.run(partial(_find_exact, part, languages, owner or ""))
        except CarouselError as error:
            _log.error("%s", error)
            return [None] * len(texts)
        return found

    async def find_similar(self, text: str, languages: tuple[str, str], owner: str | None) -> list[MemoryMatch]:
        """Return the most similar entries, best first; none if the memory cannot be read."""
        try:
            return await self._other.run(lambda memory: memory.find_similar(text, *languages, owner or ""))
        except CarouselError as error:
            _log.error("%s", error)
            return []

    async def add(self, entry: MemoryEntry, owner: str) -> None:
        """Store an entry of a client. It is on the disk when this returns.

        Raises:
            TooManyMemoryEntriesError: The client has the maximum number of entries.
            MemoryStorageError: The memory cannot be written; the log has the reason.
        """
        try:
            await self._other.run(lambda memory: _add(memory, entry, owner))
        except CarouselError as error:
            _log.error("%s", error)
            raise MemoryStorageError("the suggestion was not stored: the server cannot write to its disk") from None

    def close(self) -> None:
        """Wait for the current searches and close the memory."""
        self._exact.close()
        self._other.close()


class _MemoryThread:
    """A thread with its own connection to a translation memory."""

    def __init__(self, path: Path) -> None:
        self._memory = TranslationMemory(path)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="memory")

    async def run(self, function: Callable[[TranslationMemory], Result]) -> Result:
        """Call a function with the memory on the thread, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function, self._memory)

    def close(self) -> None:
        """End the thread and close the connection."""
        self._executor.shutdown(cancel_futures=True)
        self._memory.close()


def _find_exact(
    texts: Sequence[str], languages: tuple[str, str], owner: str, memory: TranslationMemory
) -> list[MemoryMatch | None]:
    return [memory.find_exact(text, *languages, owner) for text in texts]


def _add(memory: TranslationMemory, entry: MemoryEntry, owner: str) -> None:
    if memory.count_owned(owner) >= _MAX_OWNED:
        raise TooManyMemoryEntriesError(f"the translation memory holds at most {_MAX_OWNED:,} suggestions of a key")
    memory.add([entry], owner)
