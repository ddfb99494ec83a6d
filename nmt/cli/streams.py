"""Input and output of text, in which lines of a slow pipe are processed without delay."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Generic, TypeVar

from nmt.corpus.text_files import decode_lines, open_stdin
from nmt.utils.files import atomic_file

T = TypeVar("T")

_MAX_DELAY = 0.1
"""Seconds that a batch waits for more items after the first one."""


def read_stdin() -> Iterator[str]:
    """Yield the lines of standard input.

    Raises:
        CarouselError: A line is not UTF-8, or standard input is closed.
    """
    yield from decode_lines(open_stdin(), "stdin")


def batches_as_available(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Group items into batches of at most ``size``, without waiting for a batch to fill while the input pauses.

    A thread reads the items, at most one batch ahead. A batch is complete 0.1 seconds after its first item, so it is
    full if the input is fast and short if the input is slow. An error in reading is raised after the items before it.
    """
    reader = _ReadAhead(items, size)
    threading.Thread(target=reader.run, daemon=True).start()
    try:
        while batch := reader.take():
            yield batch
    finally:
        reader.close()


class _ReadAhead(Generic[T]):
    """Buffer between a thread that reads items and a consumer of batches."""

    def __init__(self, items: Iterable[T], size: int) -> None:
        self._items, self._size = items, size
        self._buffer: list[T] = []
        self._changed = threading.Condition()
        self._ended = self._closed = False
        self._error: BaseException | None = None

    def run(self) -> None:
        """Read all items into the buffer, waiting while it is full."""
        try:
            for item in self._items:
                with self._changed:
                    self._changed.wait_for(lambda: len(self._buffer) < self._size or self._closed)
                    if self._closed:
                        return
                    self._buffer.append(item)
                    if len(self._buffer) in {1, self._size}:  # the only lengths that the consumer waits for
                        self._changed.notify_all()
        except BaseException as error:
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def take(self) -> list[T]:
        """Return the next batch, which is empty at the end. Raises the error of the reading thread, if it failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._buffer or self._ended)
            self._changed.wait_for(lambda: len(self._buffer) == self._size or self._ended, timeout=_MAX_DELAY)
            batch, self._buffer = self._buffer, []
            self._changed.notify_all()
        if not batch and self._error is not None:
            raise self._error
        return batch

    def close(self) -> None:
        """Let the thread end at its next item."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def write_lines(lines: Iterable[str], output: Path | None) -> None:
    """Write lines to a file, atomically, or to standard output."""
    write_batches([lines], output)


def write_batches(batches: Iterable[Iterable[str]], output: Path | None, end: str = "\n") -> None:
    """Write texts to a file, atomically, or to standard output, which is flushed after each batch."""
    if output is None:
        _write(batches, sys.stdout.buffer, end)
        return
    with atomic_file(output) as temporary, temporary.open("wb") as stream:
        _write(batches, stream, end)


def _write(batches: Iterable[Iterable[str]], stream: IO[bytes], end: str) -> None:
    for batch in batches:
        for text in batch:
            stream.write(f"{text}{end}".encode())
        stream.flush()
