"""Files that are compressed with gzip, xz or Zstandard, opened for reading."""

from __future__ import annotations

import gzip
import io
import lzma
import zlib
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from nmt.utils.errors import CarouselError, missing_extra

COMPRESSED_SUFFIXES = (".gz", ".xz", ".zst")


class _Content(Protocol):
    """Uncompressed content as the libraries return it."""

    def read(self, size: int, /) -> bytes: ...

    def close(self) -> None: ...


def content_suffix(path: Path) -> str:
    """Return the lower-case suffix of a file's uncompressed content, such as ``.jsonl`` of ``text.JSONL.gz``."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in COMPRESSED_SUFFIXES else suffix


def decompress(file: BufferedReader, path: Path) -> BufferedReader:
    """Return the uncompressed content of an open file, whose compression ``path`` tells by its suffix.

    Reading raises CarouselError if the file is damaged. Raises CarouselError if a package for Zstandard is missing.
    """
    match path.suffix.lower():
        case ".gz":
            content: _Content = gzip.GzipFile(fileobj=file)
        case ".xz":
            content = lzma.LZMAFile(file)  # noqa: SIM115
        case ".zst":
            content = _open_zstandard(file, path)
        case _:
            return file
    return BufferedReader(_CheckedStream(content, file, path))


def _open_zstandard(file: BufferedReader, path: Path) -> _Content:
    try:
        import pyarrow
    except ModuleNotFoundError:
        raise missing_extra("train", f"reading {path.name}") from None
    content: _Content = pyarrow.CompressedInputStream(pyarrow.PythonFile(file, mode="r"), "zstd")
    return content


class _CheckedStream(io.RawIOBase):
    """Uncompressed content, whose errors name the file."""

    def __init__(self, content: _Content, file: BufferedReader, path: Path) -> None:
        self._content, self._file, self._path = content, file, path

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            content = self._content.read(len(buffer))
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise CarouselError(f"{self._path}: can't be decompressed ({reason}); copy the file again") from None
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._content.close()
        self._file.close()
        super().close()
