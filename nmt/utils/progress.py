"""Messages and progress bars on stderr."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TextIO, cast

import rich.console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

ProgressUpdate = Callable[[int, str], None]
"""Function that takes the number of completed steps and a short status text, which may be empty."""


class _Stderr(io.TextIOBase):
    """stderr that ignores errors, so that work continues after its terminal or the reader of its pipe has gone."""

    def isatty(self) -> bool:
        return bool(sys.stderr) and sys.stderr.isatty()

    def write(self, text: str) -> int:
        if sys.stderr:  # None if the process was started with stderr closed
            with suppress(OSError):
                sys.stderr.write(text)
        return len(text)

    def flush(self) -> None:
        if sys.stderr:
            with suppress(OSError):
                sys.stderr.flush()


class Console:
    """Prints messages and, on a terminal, a progress bar to stderr."""

    def __init__(self, quiet: bool = False) -> None:
        """Create a console; if ``quiet``, it prints nothing."""
        self._console = rich.console.Console(file=cast(TextIO, _Stderr()), highlight=False, quiet=quiet)

    def print(self, message: str) -> None:
        """Print a message on a line of its own."""
        self._console.print(message, markup=False, soft_wrap=True)

    @contextmanager
    def progress_bar(self, total: int, completed: int, label: str) -> Iterator[ProgressUpdate]:
        """Show a progress bar in the block; yield the function that updates it."""
        columns = TextColumn(label), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[status]}")
        times = TimeElapsedColumn(), TimeRemainingColumn()
        with Progress(*columns, *times, console=self._console, disable=not self._console.is_terminal) as progress:
            task = progress.add_task("", total=total, completed=completed, status="")

            def update(steps: int, status: str) -> None:
                progress.update(task, completed=steps, status=status)

            yield update
