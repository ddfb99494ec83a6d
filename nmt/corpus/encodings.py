"""Conversion of UTF-16 text files with a byte order mark to UTF-8 while they are read."""

from __future__ import annotations

import codecs
import io
from io import BufferedReader
from pathlib import Path

from nmt.utils.errors import CarouselError

_ENCODINGS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CHUNK_BYTES = 1 << 16


def convert_to_utf8(file: BufferedReader, path: Path) -> BufferedReader:
    """Return a file as UTF-8 if it begins with the byte order mark of UTF-16, else the same file.

    Reading raises CarouselError if the text is not valid UTF-16.
    """
    encoding = _ENCODINGS.get(file.peek(2)[:2])
    return BufferedReader(_Utf16Stream(file, encoding, path)) if encoding else file


class _Utf16Stream(io.RawIOBase):
    """UTF-8 bytes of a UTF-16 file."""

    def __init__(self, file: BufferedReader, encoding: str, path: Path) -> None:
        self._file, self._path = file, path
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._pending = b""
        file.read(2)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._pending:
            raw = self._file.read(_CHUNK_BYTES)
            try:
                self._pending = self._decoder.decode(raw, final=not raw).encode()
            except UnicodeDecodeError as error:
                problem = f"begins as UTF-16, but is not valid UTF-16 ({error.reason})"
                raise CarouselError(f"{self._path}: {problem}; re-encode the file as UTF-8") from None
            if not raw:
                break
        count = min(len(buffer), len(self._pending))
        buffer[:count], self._pending = self._pending[:count], self._pending[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
