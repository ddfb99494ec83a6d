"""Text in one language, as it lies on disk: plain lines, JSON lines or parquet; one text a line, object or row.

A line ends at a line feed alone. Files may be larger than memory.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

from nmt.corpus.readers import decode_lines, decode_records
from nmt.utils.errors import CarouselError, missing_extra

HAVE_FIELDS = (".jsonl", ".parquet")  # what names of such files end in; all others are plain text

_ROWS = 1000  # of a parquet file that are in memory at once
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can spell it, UTF-8 can't


@dataclass(frozen=True)
class FileStatistics:
    """What a file held when it was looked through."""

    texts: int
    sha256: str


def read_texts(path: Path, fields: Sequence[str]) -> Iterator[str]:
    """The texts of a file, in order; what its name ends in tells its form.

    The text of a JSON object or a row is in the first of the ``fields`` that it has, or in that of its ``translation``,
    as Hugging Face's data sets have it; null is an empty text. Raises CarouselError that names file and line.
    """
    match path.suffix:
        case ".jsonl":
            return _jsonl_texts(path, fields)
        case ".parquet":
            return _parquet_texts(path, fields)
        case _:
            return _plain_texts(path)


def file_statistics(path: Path, fields: Sequence[str]) -> FileStatistics:
    """Look through a whole file. Raises CarouselError as `read_texts` does, and for what can be read only once."""
    if path.exists() and not path.is_file():
        raise CarouselError(f"{path}: is no plain file, and has to be read several times; write the text to one")
    with _open(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileStatistics(sum(1 for _ in read_texts(path, fields)), digest)


def _plain_texts(path: Path) -> Iterator[str]:
    with _open(path) as file:
        yield from decode_lines(file, str(path))


def _jsonl_texts(path: Path, fields: Sequence[str]) -> Iterator[str]:
    with _open(path) as file:
        for where, record in decode_records(file, str(path), fields[0]):
            yield _LONE_SURROGATE.sub("\ufffd", _text_of(record, fields, where))


def _parquet_texts(path: Path, fields: Sequence[str]) -> Iterator[str]:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise missing_extra("ray", f"reading {path.name}") from None
    with _open(path) as file:
        try:
            table = ParquetFile(file)
            wanted = [name for name in table.schema_arrow.names if name in (*fields, "translation")]
            batches = table.iter_batches(batch_size=_ROWS, columns=wanted or None)
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield _text_of(row, fields, f"{path}, row {number}")
        except (pyarrow.ArrowException, OSError) as error:
            raise CarouselError(f"{path}: is no readable parquet file ({_first_line(error)})") from None


def _text_of(record: Any, fields: Sequence[str], where: str) -> str:
    if isinstance(record, dict) and isinstance(record.get("translation"), dict):
        record = record["translation"]
    held = record if isinstance(record, dict) else {}
    name = next((name for name in fields if name in held), None)
    text = "" if name is None or held[name] is None else held[name]
    if not isinstance(text, str):
        raise CarouselError(f"{where}, {name!r}: holds no text but {text!r:.40}; mend it, or name another with --field")
    if name is None:
        wanted = " or ".join(f"'{name}'" for name in fields)
        found = ", ".join(map(str, held)) or type(record).__name__
        raise CarouselError(f"{where}: no text under {wanted} (found: {found}); name where it is with --field")
    return text


def _open(path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); name a text file") from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0]
