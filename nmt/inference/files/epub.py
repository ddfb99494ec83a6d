"""Electronic books in EPUB, which are archives of XHTML pages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import ClassVar

from nmt.inference.documents.document import Document
from nmt.inference.documents.html import HtmlDocument
from nmt.inference.files.archive import ArchiveWriter, open_archive, read_member
from nmt.inference.files.errors import MAX_UNIT_BYTES, FileFormatError
from nmt.inference.files.format import FileFormat, Piece, PieceWriter, ReadOptions, register_format
from nmt.inference.files.inline import InlineDocument
from nmt.inference.files.nested_markup import Role, inline_codes, render_inline
from nmt.inference.files.xml_format import XmlFormat
from nmt.inference.files.xml_units import XmlUnit, read_units

_PAGES = re.compile(r".+\.(?:xhtml|html?)", re.IGNORECASE)


class _Labels(XmlFormat):
    """Titles in the table of contents and in the package file of a book, whose language is changed."""

    namespaces: ClassVar[Mapping[str, str]] = {
        "http://www.daisy.org/z3986/2005/ncx/": "ncx",
        "http://purl.org/dc/elements/1.1/": "dc",
    }
    units = frozenset({"ncx:text", "dc:title", "dc:description", "dc:language"})

    def parse_unit(self, unit: XmlUnit, options: ReadOptions) -> Document | None:
        """Return a title as a document."""
        root = unit.root
        if root.name == "dc:language":
            return None
        content = list(inline_codes(unit, root, lambda _: Role.STANDALONE, lambda _: None, collapse=True))
        return InlineDocument(
            content,
            options.source,
            lambda items: unit.start_tag(root) + render_inline(unit, items) + unit.end_tag(root),
            unit.source,
        )

    def read_member(self, content: XmlUnit | bytes, options: ReadOptions, name: str) -> Piece:
        """Return a unit, or the bytes between two units, as a piece."""
        if isinstance(content, bytes):
            return Piece(content, name)
        if content.root.name == "dc:language":
            tags = content.start_tag(content.root), content.end_tag(content.root)
            return Piece(options.target.join(tags).encode(), name)
        document = self.parse_unit(content, options)
        has_text = document is not None and bool(document.segments)
        return Piece(document if document is not None and has_text else content.source.encode(), name)


@register_format
class EpubFormat(FileFormat):
    """Electronic books."""

    name = "epub"
    suffixes = (".epub",)
    media_type = "application/epub+zip"

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the pages, the titles in the table of contents, and the language."""
        labels = _Labels()
        with open_archive(path) as archive:
            names = archive.namelist()
            if "META-INF/container.xml" not in names:
                raise FileFormatError(f"{path}: has no META-INF/container.xml; name a book in EPUB")
            if "META-INF/encryption.xml" in names and b"EncryptedData" in read_member(
                archive, "META-INF/encryption.xml", MAX_UNIT_BYTES
            ):
                raise FileFormatError(f"{path}: is encrypted; name a book without copy protection")
            for name in names:
                if _PAGES.fullmatch(name):
                    html = _decode(read_member(archive, name, MAX_UNIT_BYTES), f"{path}/{name}")
                    document = HtmlDocument(html, options.source, target_language=options.target)
                    yield Piece(document, name)
                elif name.endswith((".ncx", ".opf")):
                    with archive.open(name) as stream:
                        place = f"{path}/{name}"
                        for unit in read_units(stream, place, labels.namespaces, labels.units.__contains__):
                            yield labels.read_member(unit, options, name)

    def writer(self, source: Path, output: Path) -> AbstractContextManager[PieceWriter]:
        """Return the writer of an archive."""
        return ArchiveWriter(source, output)


def _decode(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise FileFormatError(f"{place}: invalid UTF-8; re-encode the page as UTF-8") from None
