"""Plain text files, in which sentences are translated and line breaks are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nmt.inference.documents.plain import PlainDocument
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format
from nmt.inference.files.text_content import read_lines

_PIECE = 2**16


@register_format
class TextFormat(FileFormat):
    """Plain text."""

    name = "txt"
    suffixes = (".txt",)
    media_type = "text/plain"

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the lines in groups."""
        lines: list[str] = []
        size = 0
        for line in read_lines(path):
            lines.append(line)
            size += len(line)
            if size >= _PIECE:
                yield Piece(PlainDocument("".join(lines), options.source))
                lines, size = [], 0
        if lines:
            yield Piece(PlainDocument("".join(lines), options.source))
