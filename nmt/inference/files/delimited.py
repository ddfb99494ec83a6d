"""Tables in delimiter-separated text (.csv, .tsv), of which columns are translated.

Fields that are not translated stay as they are, with their quotation marks, and so do delimiters and line ends.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from nmt.corpus.table_files import guess_delimiter
from nmt.inference.documents.plain import PlainDocument
from nmt.inference.files.errors import MAX_UNIT_BYTES, too_large
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format
from nmt.inference.files.text_content import read_lines
from nmt.utils.errors import UsageError

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

_SAMPLE = 2**16
_COPIED = 2**16  # characters per piece that is copied
_HEADER = re.compile(r"[^.!?。]{1,60}")


@dataclass(frozen=True)
class _Field:
    """A field of a record."""

    raw: str
    """The field as it is in the file."""
    end: str
    """Delimiter or line end after it."""

    @property
    def is_quoted(self) -> bool:
        return len(self.raw) > 1 and self.raw[0] == self.raw[-1] == '"'

    @property
    def value(self) -> str:
        return self.raw[1:-1].replace('""', '"') if self.is_quoted else self.raw

    def write(self, value: str, delimiter: str) -> str:
        """Return the field with another value."""
        if value == self.value:
            return self.raw
        has_new_mark = '"' in value and '"' not in self.raw
        needs_marks = any(character in value for character in (delimiter, "\n", "\r")) or value[:1] == '"'
        if self.is_quoted or has_new_mark or needs_marks:
            escaped = value.replace('"', '""')
            return f'"{escaped}"'
        return value


class _TextField:
    """A field to translate, as a document."""

    def __init__(self, field: _Field, language: str, delimiter: str) -> None:
        self._field, self._delimiter = field, delimiter
        self._document = PlainDocument(field.value, language)
        self.segments = self._document.segments

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the translation of the field, as it is written in the file."""
        found = self._document.assemble(translations)
        return replace(found, text=self._field.write(found.text, self._delimiter), alignment=None)


class _TableFormat(FileFormat):
    """A table of which columns are translated."""

    has_fields = True
    quotes: ClassVar[bool]
    """True if a field in quotation marks may contain line ends."""

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the fields to translate, and everything between them.

        ``options.fields`` names columns by their header or by their number, counted from 1. With numbers only, there is
        no header. Without fields, the first record is the header if it looks like one, and all columns are translated.
        """
        lines = read_lines(path)
        sample = _take_sample(lines)
        delimiter = self._delimiter(sample)
        records = _parse_records(chain(sample, lines), delimiter, path, quotes=self.quotes)
        first = next(records, None)
        if first is None:
            return
        columns, has_header = _choose_columns(first, options.fields, path)
        if has_header:
            yield Piece("".join(field.raw + field.end for field in first).encode())
        else:
            records = chain([first], records)
        copied: list[str] = []
        size = 0
        for record in records:
            for column, field in enumerate(record):
                if (columns is None or column in columns) and any(map(str.isalpha, field.raw)):
                    yield Piece("".join(copied).encode())
                    yield Piece(_TextField(field, options.source, delimiter))
                    copied, size = [field.end], len(field.end)
                else:
                    copied += (field.raw, field.end)
                    size += len(field.raw)
            if size >= _COPIED:
                yield Piece("".join(copied).encode())
                copied, size = [], 0
        yield Piece("".join(copied).encode())

    def _delimiter(self, sample: Sequence[str]) -> str:
        return "\t"


@register_format
class CsvFormat(_TableFormat):
    """Comma-separated values; semicolons, tabs and vertical bars are recognised, too."""

    name = "csv"
    suffixes = (".csv",)
    media_type = "text/csv"
    quotes = True

    def _delimiter(self, sample: Sequence[str]) -> str:
        return guess_delimiter(sample)


@register_format
class TsvFormat(_TableFormat):
    """Tab-separated values."""

    name = "tsv"
    suffixes = (".tsv",)
    media_type = "text/tab-separated-values"
    quotes = False


def _take_sample(lines: Iterator[str]) -> list[str]:
    """Return the first lines."""
    sample: list[str] = []
    size = 0
    while size < _SAMPLE and (line := next(lines, None)) is not None:
        sample.append(line)
        size += len(line)
    return sample


def _choose_columns(first: Sequence[_Field], fields: Sequence[str], path: Path) -> tuple[frozenset[int] | None, bool]:
    """Return the columns to translate, or None for all of them, and whether the first record is a header."""
    names = [field.value.strip() for field in first]
    if not fields:
        is_header = len(first) > 1 and len(set(names)) == len(names) and all(map(_HEADER.fullmatch, names))
        return None, is_header
    columns: set[int] = set()
    for field in fields:
        if field in names:
            columns.add(names.index(field))
        elif field.isdecimal() and 1 <= int(field) <= len(names):
            columns.add(int(field) - 1)
        else:
            message = f"there is no column {field!r}; use one of {', '.join(names)[:200]}, or a number"
            raise UsageError(f"{path}: {message}")
    return frozenset(columns), any(field in names for field in fields)


def _parse_records(lines: Iterator[str], delimiter: str, path: Path, *, quotes: bool) -> Iterator[list[_Field]]:
    """Yield the records of a table; with ``quotes``, a field may contain line ends."""
    # One field with what ends it. A quotation mark inside an unquoted field has no meaning.
    pattern = re.compile(
        rf'(?P<raw>"(?:[^"]|"")*+"(?=[{delimiter}\r\n]|\Z)|[^{delimiter}\r\n]*+)'
        rf"(?P<end>{re.escape(delimiter)}|\r?\n|\r|\Z)"
    )
    pending, size, num_marks = io.StringIO(newline=""), 0, 0  # a list of many short lines would take far more memory
    for number, line in enumerate(lines, 1):
        pending.write(line)
        size += len(line)
        num_marks += line.count('"')
        if size > MAX_UNIT_BYTES:
            raise too_large(f"{path}:{number}", "a record")
        if not quotes or num_marks % 2 == 0:
            yield from _split_records(pending.getvalue(), pattern, delimiter)
            pending, size, num_marks = io.StringIO(newline=""), 0, 0
    if size:
        yield from _split_records(pending.getvalue(), pattern, delimiter)


def _split_records(text: str, pattern: re.Pattern[str], delimiter: str) -> Iterator[list[_Field]]:
    """Yield the records of a text, of which there are several if a quotation mark has no partner in its line."""
    fields: list[_Field] = []
    position = 0
    while match := pattern.match(text, position):
        fields.append(_Field(match["raw"], match["end"]))
        position = match.end()
        if match["end"] != delimiter:
            yield fields
            fields = []
            if position == len(text):
                break
