"""HTML and XML files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from nmt.inference.documents.document import Document
from nmt.inference.documents.html import HtmlDocument
from nmt.inference.documents.xml import XmlDocument
from nmt.inference.documents.xml_parser import XmlSyntaxError
from nmt.inference.files.errors import FileFormatError
from nmt.inference.files.format import FileFormat, Piece, ReadOptions, register_format
from nmt.inference.files.text_content import read_text


@register_format
class HtmlFormat(FileFormat):
    """HTML pages."""

    name = "html"
    suffixes = (".html", ".htm", ".xhtml")
    media_type = "text/html"

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the page as one piece."""
        document = HtmlDocument(read_text(path), options.source, target_language=options.target)
        yield Piece(document)


@register_format
class XmlFileFormat(FileFormat):
    """XML files of any kind."""

    name = "xml"
    suffixes = (".xml",)
    media_type = "application/xml"

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the file as one piece."""
        try:
            document: Document = XmlDocument(read_text(path), options.source, target_language=options.target)
        except XmlSyntaxError as error:
            raise FileFormatError(f"{path}:{error}") from None
        yield Piece(document)
