"""Base class of the formats that are XML files, or archives of XML files, with units such as paragraphs."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, ClassVar

from nmt.inference.documents.document import Document
from nmt.inference.files.archive import ArchiveWriter, open_archive
from nmt.inference.files.errors import FileFormatError
from nmt.inference.files.format import FileFormat, Piece, PieceWriter, ReadOptions
from nmt.inference.files.xml_units import XmlUnit, read_units


class XmlFormat(FileFormat):
    """A format that is an XML file with units."""

    namespaces: ClassVar[Mapping[str, str]]
    """Prefixes by namespace, for the names of elements and attributes."""
    units: ClassVar[frozenset[str]]
    """Names of the elements that are units."""

    @abstractmethod
    def parse_unit(self, unit: XmlUnit, options: ReadOptions) -> Document | None:
        """Return a unit as a document, or None if it has no text to translate."""

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the units of a file and the bytes between them."""
        with open_file(path) as stream:
            yield from self.read_stream(stream, str(path), options)

    def read_stream(self, stream: IO[bytes], place: str, options: ReadOptions, member: str = "") -> Iterator[Piece]:
        """Yield the units of an XML stream and the bytes between them."""
        for item in read_units(stream, place, self.namespaces, self.units.__contains__):
            if isinstance(item, bytes):
                yield Piece(item, member)
                continue
            document = self.parse_unit(item, options)
            if document is None or not document.segments:
                yield Piece(item.source.encode(), member)
            else:
                yield Piece(document, member)


class XmlArchiveFormat(XmlFormat):
    """A format that is an archive of XML files."""

    members: ClassVar[re.Pattern[str]]
    """Pattern of the names of the members that contain text."""
    required: ClassVar[str]
    """Member that every file of the format has."""

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the pieces of all members that contain text, in the order of the archive."""
        with open_archive(path) as archive:
            names = archive.namelist()
            if self.required not in names:
                raise FileFormatError(f"{path}: has no {self.required}; name a file in the format {self.name}")
            for name in filter(self.members.fullmatch, names):
                with archive.open(name) as stream:
                    yield from self.read_stream(stream, f"{path}/{name}", options, name)

    def writer(self, source: Path, output: Path) -> AbstractContextManager[PieceWriter]:
        """Return the writer of an archive."""
        return ArchiveWriter(source, output)


def open_file(path: Path) -> IO[bytes]:
    """Open a file for reading. Raises FileFormatError if that fails."""
    try:
        return path.open("rb")
    except OSError as error:
        raise FileFormatError(f"{path}: can't be read ({error.strerror}); name a document") from None
