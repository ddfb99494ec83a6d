"""Readers for text files in one language, as plain lines, JSON lines or Parquet, which may be compressed.

Only a line feed ends a line, so that Unicode line separators are kept in the text. Files are streamed and may be larger
than memory.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from nmt.corpus.compressed_files import content_suffix, decompress
from nmt.corpus.encodings import convert_to_utf8
from nmt.utils.errors import CarouselError, UsageError, missing_extra

RECORD_SUFFIXES = (".jsonl", ".parquet")
"""Suffixes of files with named fields; every other file is plain text."""
STDIN = Path("-")
"""Name of standard input."""
MAX_LINE_CHARACTERS = 50_000
"""Maximum length of a line in a training or evaluation corpus; a longer line indicates binary data."""

_MAX_LINE_BYTES = 4 * MAX_LINE_CHARACTERS + 3  # more than any valid line takes in UTF-8, CR LF included
_PARQUET_BATCH_ROWS = 1000
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # valid in JSON escapes, but not encodable in UTF-8


@dataclass(frozen=True)
class FileStatistics:
    """Number of texts in a file, and hash of its content."""

    num_texts: int
    sha256: str


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a UTF-8 corpus file; the last line may lack its line feed.

    Raises CarouselError if a line is not UTF-8, contains a NUL character or exceeds `MAX_LINE_CHARACTERS`.
    """
    with open_file(path) as file:
        for number, line in enumerate(decode_lines(_bounded_lines(file, path), str(path)), start=1):
            if "\0" in line:
                raise _nul_error(path, number)
            if len(line) > MAX_LINE_CHARACTERS:
                raise _length_error(path, number, f"{len(line):,}")
            yield line


def _bounded_lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """Yield undecoded lines. Raises CarouselError before an overlong line of a binary file fills the memory."""
    for number in itertools.count(1):
        raw = file.readline(_MAX_LINE_BYTES)
        if not raw:
            return
        if len(raw) == _MAX_LINE_BYTES:
            raise _nul_error(path, number) if b"\0" in raw else _length_error(path, number, "too many")
        yield raw


def _nul_error(path: Path, number: int) -> CarouselError:
    return CarouselError(f"{path}:{number}: contains a NUL character; remove it, or name a text file")


def _length_error(path: Path, number: int, characters: str) -> CarouselError:
    limit = f"{MAX_LINE_CHARACTERS:,}"
    return CarouselError(f"{path}:{number}: {characters} characters (limit {limit}); write one sentence per line")


def read_texts(path: Path, fields: Sequence[str]) -> Iterator[str]:
    """Return an iterator over the texts of a file to translate; the suffix of the file determines its format.

    The text of a record (a JSON object or table row) is the value of the first of ``fields`` that the record contains,
    at the top level or inside its ``translation`` (the layout of Hugging Face data sets). Null is read as an empty
    text. Raises CarouselError if the file is unreadable or a record has no text.
    """
    match content_suffix(path):
        case ".jsonl":
            return _read_jsonl_texts(path, fields)
        case ".parquet":
            return _read_parquet_texts(path, fields)
        case _:
            return _read_plain_texts(path)


def file_statistics(path: Path, fields: Sequence[str]) -> FileStatistics:
    """Return the number of texts in a file and its hash. Raises CarouselError as `read_texts` and `hash_file` do."""
    sha256 = hash_file(path).hex()
    return FileStatistics(sum(1 for _ in read_texts(path, fields)), sha256)


def hash_file(path: Path) -> bytes:
    """Return the SHA-256 hash of a file. Raises CarouselError for pipes and devices, which can be read only once."""
    if path == STDIN or (path.exists() and not (path.is_file() or path.is_dir())):
        raise CarouselError(f"{path}: not a regular file, but it must be read several times; copy the text to a file")
    with _open_stored(path) as file:
        return hashlib.file_digest(file, "sha256").digest()


def open_file(path: Path) -> BufferedReader:
    """Open a file for reading the bytes of its text, uncompressed and as UTF-8; ``-`` is standard input.

    Text in UTF-16 is converted if it begins with a byte order mark. Raises CarouselError if the file cannot be opened.
    """
    if path == STDIN:
        return open_stdin()
    stored = _open_stored(path)
    try:
        return convert_to_utf8(decompress(stored, path), path)
    except BaseException:
        stored.close()
        raise


def open_stdin() -> BufferedReader:
    """Open standard input for reading bytes. Raises UsageError if it is closed."""
    if sys.stdin is None:
        raise UsageError("stdin: closed; name a file, or redirect the input")
    # Its own buffer: the process would abort at exit if a thread that waits for input held the lock of sys.stdin.
    return os.fdopen(sys.stdin.fileno(), "rb", closefd=False)


def _open_stored(path: Path) -> BufferedReader:
    """Open a file for reading its bytes as they are stored."""
    try:
        return path.open("rb")
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); check the path") from None


def decode_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """Yield the decoded lines of a UTF-8 stream, without line ends and byte order mark; messages contain ``name``."""
    for number, raw in enumerate(stream, start=1):
        try:  # only the first line may begin with a byte order mark
            yield raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise CarouselError(
                f"{name}:{number}: invalid UTF-8 at byte {error.start + 1} (0x{byte:02x}); re-encode the text as UTF-8"
            ) from None


def decode_json_lines(stream: IO[bytes], name: str, key: str) -> Iterator[tuple[str, Any]]:
    """Yield the location, for messages, and the JSON value of each line; ``key`` is an example field for messages."""
    for number, line in enumerate(decode_lines(stream, name), start=1):
        where = f"{name}:{number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise CarouselError(f'{where}: invalid JSON; write one object per line, such as {{"{key}": …}}') from None
        yield where, record


def record_fields(record: Any) -> Mapping[str, Any]:
    """Return the fields of a record, or of its ``translation`` if it has one; other JSON values have no fields."""
    if not isinstance(record, dict):
        return {}
    nested = record.get("translation")
    return nested if isinstance(nested, dict) else record


def describe_fields(record: Any) -> str:
    """Return the names of the fields of a record for an error message, or the type of a value without fields."""
    return ", ".join(map(str, record_fields(record))) or type(record).__name__


def _read_plain_texts(path: Path) -> Iterator[str]:
    with open_file(path) as file:
        yield from decode_lines(file, str(path))


def _read_jsonl_texts(path: Path, fields: Sequence[str]) -> Iterator[str]:
    with open_file(path) as file:
        for where, record in decode_json_lines(file, str(path), fields[0]):
            yield _LONE_SURROGATE.sub("\ufffd", _text_from_record(record, fields, where))


def _read_parquet_texts(path: Path, fields: Sequence[str]) -> Iterator[str]:
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise missing_extra("ray", f"reading {path.name}") from None
    with open_file(path) as file:
        try:
            table = ParquetFile(file)
            columns = [name for name in table.schema_arrow.names if name in (*fields, "translation")]
            batches = table.iter_batches(batch_size=_PARQUET_BATCH_ROWS, columns=columns or None)
            rows = (row for batch in batches for row in batch.to_pylist())
            for number, row in enumerate(rows, start=1):
                yield _text_from_record(row, fields, f"{path}:{number}")
        except (pyarrow.ArrowException, OSError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise CarouselError(f"{path}: not a readable parquet file ({reason}); check that it is complete") from None


def _text_from_record(record: Any, fields: Sequence[str], where: str) -> str:
    values = record_fields(record)
    name = next((name for name in fields if name in values), None)
    if name is None:
        expected = " or ".join(f"'{name}'" for name in fields)
        raise CarouselError(
            f"{where}: no field {expected} (found: {describe_fields(record)}); name the field with --field"
        )
    text = "" if values[name] is None else values[name]
    if not isinstance(text, str):
        raise CarouselError(f"{where}: field {name!r} is {text!r:.40}, not text; fix it or name another with --field")
    return text
