"""Entries of a file of terms."""

from __future__ import annotations

from typing import NamedTuple


class TermEntry(NamedTuple):
    """Source term with its translation, as a file spells them."""

    line: int
    """Number of the line, counted from 1."""
    source: str
    target: str


class TermFileError(ValueError):
    """Invalid file of terms. The message says what is wrong without naming the file or the line.

    Attributes:
        line: Number of the invalid line, counted from 1.
    """

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
