"""Interface of file formats, and the registry of formats by name and by file name extension.

A format divides a file into pieces. A piece is either copied or is a `Document`, whose segments are translated. The
pieces are written in the order in which they were read, so a file need not fit in memory.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from nmt.inference.documents.document import Document
from nmt.utils.errors import UsageError

ENTRY_POINTS = "carousel.formats"
"""Group of entry points by which other packages add formats; each names a subclass of `FileFormat`."""


@dataclass(frozen=True)
class ReadOptions:
    """Languages of a file, and the parts of it to translate."""

    source: str
    """Language code of the text."""
    target: str
    """Language code of the translation."""
    fields: tuple[str, ...] = ()
    """Columns of a table, or paths of JSON values, to translate; empty for all texts."""


class Piece(NamedTuple):
    """A part of a file."""

    content: bytes | Document
    """Bytes that are copied, or a document whose translation is written as UTF-8."""
    member: str = ""
    """Name of the member to which the piece belongs, if the file is an archive."""


class PieceWriter(Protocol):
    """Destination of the translated pieces of a file."""

    def write(self, piece: Piece, content: bytes) -> None:
        """Write the translation of a piece, or the piece itself if it is copied."""


class FileFormat(ABC):
    """A file format. A subclass with its own `writer` may write anything else than the concatenated pieces."""

    name: ClassVar[str]
    """Name for ``--format``."""
    suffixes: ClassVar[tuple[str, ...]]
    """File name extensions in lower case."""
    media_type: ClassVar[str]
    """Media type of the translated file."""
    output_suffix: ClassVar[str | None] = None
    """File name extension of the translated file, if it is not that of the source."""
    has_fields: ClassVar[bool] = False
    """True if the format uses ``ReadOptions.fields``."""

    @abstractmethod
    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the pieces of a file in order; equal for equal arguments.

        Raises:
            FileFormatError: The file is damaged, hostile or in another format.
        """

    def writer(self, source: Path, output: Path) -> AbstractContextManager[PieceWriter]:
        """Return a context manager that writes the translation of ``source`` to ``output``."""
        return _SequentialWriter(output)


class _SequentialWriter(AbstractContextManager[PieceWriter]):
    """Writer of a file that consists of its pieces, one after another."""

    def __init__(self, output: Path) -> None:
        self._file = output.open("wb")

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, piece: Piece, content: bytes) -> None:
        """Append a piece."""
        self._file.write(content)


_BUILT_IN: tuple[str, ...] = (
    *("delimited", "epub", "gettext", "html", "json_values", "markdown", "office_open_xml", "open_document", "pdf"),
    *("subtitles", "text", "tmx", "xliff"),
)
_registered: dict[str, type[FileFormat]] = {}


def register_format(format_: type[FileFormat]) -> type[FileFormat]:
    """Register a format under its name and file name extensions; usable as a class decorator.

    A format replaces earlier ones of the same name, and takes over the extensions of others.
    """
    _registered[format_.name] = format_
    return format_


@cache
def _load_formats() -> None:
    """Import the built-in formats, then those of other packages, which take precedence."""
    for module in _BUILT_IN:
        import_module(f"nmt.inference.files.{module}")
    for entry_point in entry_points(group=ENTRY_POINTS):
        register_format(entry_point.load())


def available_formats() -> dict[str, FileFormat]:
    """Return all formats by name."""
    _load_formats()
    return {name: format_() for name, format_ in _registered.items()}


def find_format(suffix: str) -> FileFormat | None:
    """Return the format of files with an extension, such as ``.docx``, or None if there is none."""
    matches = [each for each in available_formats().values() if suffix.lower() in each.suffixes]
    return matches[-1] if matches else None


def get_format(name: str) -> FileFormat:
    """Return the format with a name. Raises UsageError if there is none."""
    formats = available_formats()
    if name not in formats:
        raise UsageError(f"format: there is no {name!r}; use one of {', '.join(sorted(formats))}")
    return formats[name]
