"""Rows of comma-separated and tab-separated files.

Cells may be quoted as RFC 4180 describes, and may then contain delimiters and line feeds. Quotation marks in
tab-separated files are text unless the first lines of the file show that cells are quoted.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

TABLE_SUFFIXES = (".tsv", ".csv")
"""Suffixes of tables."""

_SAMPLE_LINES = 1000
_MAX_RECORD_LINES = 20  # a quoted cell with more lines has a quotation mark that is never closed
_QUOTED_CELL = re.compile(r'"(?:[^"]|"")*"')
_QUOTED_START = re.compile(r'"[^"]*"[^"]')  # a quotation at the beginning of a text


@dataclass(frozen=True, slots=True)
class TableRow:
    """A row of a table."""

    line: int
    """Number of its first line, counted from 1."""
    cells: list[str]
    """Texts of its cells, without quotation marks around them."""
    is_unclosed: bool = False
    """True if a quotation mark is not closed within the following lines, so that the cells are the raw text."""


def read_table(lines: Iterable[str], suffix: str) -> Iterator[TableRow]:
    """Yield the rows of a table from its lines without line ends; ``suffix`` is one of `TABLE_SUFFIXES`."""
    remaining = iter(lines)
    sample = list(itertools.islice(remaining, _SAMPLE_LINES))
    delimiter = "\t" if suffix == ".tsv" else guess_delimiter(sample)
    numbered = enumerate(itertools.chain(sample, remaining), start=1)
    if suffix == ".tsv" and not _has_quoted_cells(sample):
        return (TableRow(number, line.split(delimiter)) for number, line in numbered)
    return _read_quoted_rows(numbered, delimiter)


def _read_quoted_rows(numbered: Iterator[tuple[int, str]], delimiter: str) -> Iterator[TableRow]:
    pending = list[tuple[int, str]]()
    while True:
        pending += itertools.islice(numbered, max(_MAX_RECORD_LINES - len(pending), 0))
        if not pending:
            return
        number, first = pending[0]
        quotes = 0
        for length, (_, line) in enumerate(pending, start=1):
            quotes += line.count('"')
            if quotes % 2 == 0:
                cells = _parse([line for _, line in pending[:length]], delimiter)
                yield TableRow(number, cells or first.split(delimiter), is_unclosed=not cells)
                del pending[: length if cells else 1]
                break
        else:
            yield TableRow(number, first.split(delimiter), is_unclosed=True)
            del pending[0]


def _parse(lines: list[str], delimiter: str) -> list[str]:
    """Return the cells of a row that spans some lines, or no cells if the quotation marks are misplaced."""
    try:
        rows = list(csv.reader([line + "\n" for line in lines], delimiter=delimiter))
    except csv.Error:
        return []
    return (rows[0] or [""]) if len(rows) == 1 else []


def guess_delimiter(sample: Iterable[str]) -> str:
    """Return the delimiter of comma-separated values: a comma, semicolon, tab or vertical bar.

    It is the one that occurs equally often, at least once, in most of the lines; a comma if there is none.
    """
    lines = [_QUOTED_CELL.sub("", line) for line in sample if line.strip("\r\n")]

    def support(delimiter: str) -> int:
        counts = Counter(line.count(delimiter) for line in lines)
        return max((number for count, number in counts.items() if count), default=0)

    return max((",", ";", "\t", "|"), key=support)


def _has_quoted_cells(sample: list[str]) -> bool:
    """Return whether the cells of tab-separated lines are quoted, at least where it is needed."""
    cells = [cell for line in sample for cell in line.split("\t") if cell]
    escaped = sum('""' in cell[1:-1] for cell in cells if _QUOTED_CELL.fullmatch(cell))
    contradictions = sum(bool(_QUOTED_START.match(cell)) for cell in cells if not _QUOTED_CELL.fullmatch(cell))
    all_quoted = sum(bool(_QUOTED_CELL.fullmatch(cell)) for cell in cells) > 0.9 * len(cells)
    return bool(cells) and contradictions <= escaped and bool(escaped or all_quoted)
