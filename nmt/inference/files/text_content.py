"""Reading of text files as a whole or as lines, with limits."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from nmt.inference.files.errors import MAX_UNIT_BYTES, FileFormatError, too_large
from nmt.inference.files.xml_format import open_file
from nmt.utils.errors import invalid_utf8_line

_MAX_TEXT_BYTES = 4 * MAX_UNIT_BYTES
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 with a byte order mark.

    Raises:
        FileFormatError: The file is too large to be held in memory, or not in these encodings.
    """
    with open_file(path) as file:
        content = file.read(_MAX_TEXT_BYTES + 1)
    if len(content) > _MAX_TEXT_BYTES:
        raise FileFormatError(f"{path}: larger than {_MAX_TEXT_BYTES // 2**20} MiB; split it")
    try:
        return content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        if content.startswith(_UTF16):
            raise FileFormatError(f"{path}: invalid UTF-16; re-encode the file as UTF-8") from None
        raise _invalid_utf8(path, invalid_utf8_line(error), error) from None


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file in UTF-8 with their line feeds.

    Raises:
        FileFormatError: A line is too large to be held in memory, or not UTF-8.
    """
    with open_file(path) as file:
        number = 0
        if file.read(2) in _UTF16:
            yield from read_text(path).splitlines(keepends=True)
            return
        file.seek(0)
        while line := file.readline(MAX_UNIT_BYTES + 1):
            number += 1
            if len(line) > MAX_UNIT_BYTES:
                raise too_large(f"{path}:{number}", "a line")
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise _invalid_utf8(path, number, error) from None


def _invalid_utf8(path: Path, line: int, error: UnicodeDecodeError) -> FileFormatError:
    byte = error.object[error.start]
    return FileFormatError(f"{path}:{line}: invalid UTF-8 (byte 0x{byte:02x}); re-encode the file as UTF-8")
