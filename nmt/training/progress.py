"""What a person sees while a model trains."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

import rich.console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Advance = Callable[[int, float, float | None], None]
"""Called with the update, its loss, and the best dev score so far."""


class _Stderr(io.TextIOBase):
    """stderr, for as long as it is read: training goes on when a pipe's reader or the terminal has gone."""

    def isatty(self) -> bool:
        return bool(sys.stderr) and sys.stderr.isatty()

    def write(self, text: str) -> int:
        if sys.stderr:  # none where it was closed from the beginning
            with suppress(OSError):
                sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        if sys.stderr:
            with suppress(OSError):
                sys.stderr.flush()


class Console:
    """Messages and a progress bar on stderr; without a terminal, messages alone."""

    def __init__(self, quiet: bool = False) -> None:
        """``quiet`` is for the processes that don't lead."""
        self._console = rich.console.Console(file=cast(TextIO, _Stderr()), highlight=False, quiet=quiet)

    def say(self, message: str) -> None:
        """One line."""
        self._console.print(message, markup=False, soft_wrap=True)

    @contextmanager
    def bar(self, total: int, done: int, words: Callable[[float], str]) -> Iterator[Advance]:
        """A progress bar over updates; ``words`` tell a dev score."""
        columns = (
            TextColumn("Training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal) as progress:
            task = progress.add_task("", total=total, completed=done, status="")

            def advance(update: int, loss: float, best: float | None) -> None:
                status = f"loss {loss:.2f}" + ("" if best is None else f", best {words(best)}")
                progress.update(task, completed=update, status=status)

            yield advance
