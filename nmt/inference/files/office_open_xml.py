"""Office Open XML: the documents of Word (.docx), Excel (.xlsx) and PowerPoint (.pptx)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import ClassVar

from nmt.inference.documents.document import Document
from nmt.inference.files.archive import open_archive
from nmt.inference.files.format import Piece, ReadOptions, register_format
from nmt.inference.files.styled_runs import RunNames, StyledParagraph
from nmt.inference.files.xml_format import XmlArchiveFormat
from nmt.inference.files.xml_units import XmlElement, XmlUnit, read_units
from nmt.inference.translation import Translation

_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument"
_NAMESPACES = {
    "http://schemas.openxmlformats.org/wordprocessingml/2006/main": "w",
    "http://purl.oclc.org/ooxml/wordprocessingml/main": "w",
    "http://schemas.openxmlformats.org/drawingml/2006/main": "a",
    "http://purl.oclc.org/ooxml/drawingml/main": "a",
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main": "x",
    "http://purl.oclc.org/ooxml/spreadsheetml/main": "x",
    "http://schemas.openxmlformats.org/markup-compatibility/2006": "mc",
}

_WORD = RunNames(
    run="w:r",
    properties="w:rPr",
    text="w:t",
    containers=frozenset(
        {"w:hyperlink", "w:ins", "w:moveTo", "w:smartTag", "w:customXml", "w:dir", "w:bdo", "w:sdt", "w:sdtContent"}
        | {"w:fldSimple"}
    ),
    dropped=frozenset({"w:proofErr", "w:lastRenderedPageBreak", "w:softHyphen"}),
    breaks=frozenset({"w:br", "w:cr", "w:tab", "w:ptab"}),
    invisible=frozenset(
        {"w:bookmarkStart", "w:bookmarkEnd", "w:commentRangeStart", "w:commentRangeEnd", "w:commentReference"}
        | {"w:fldChar", "w:instrText", "w:permStart", "w:permEnd", "w:del", "w:moveFrom", "w:delText"}
        | {"w:sdtPr", "w:sdtEndPr", "w:smartTagPr", "w:customXmlPr"}
        | {f"w:{change}Range{edge}" for change in ("moveFrom", "moveTo") for edge in ("Start", "End")}
    ),
    untranslated=frozenset({"w:del", "w:moveFrom"}),
    characters=(("w:noBreakHyphen", "\u2011"),),
    head=frozenset({"w:pPr"}),
)
_DRAWING = RunNames(
    run="a:r",
    properties="a:rPr",
    text="a:t",
    containers=frozenset(),
    breaks=frozenset({"a:br"}),
    head=frozenset({"a:pPr", "a:endParaRPr"}),
)
_CELL = RunNames(
    run="x:r",
    properties="x:rPr",
    text="x:t",
    containers=frozenset(),
    # Readings of the characters of the source text.
    dropped=frozenset({"x:rPh", "x:phoneticPr"}),
)
_NAMES = {"w:p": _WORD, "a:p": _DRAWING, "x:si": _CELL, "x:is": _CELL, "x:text": _CELL}


class _OfficeFormat(XmlArchiveFormat):
    """A format of Office Open XML."""

    namespaces: ClassVar[Mapping[str, str]] = _NAMESPACES
    required: ClassVar[str] = "[Content_Types].xml"

    def parse_unit(self, unit: XmlUnit, options: ReadOptions) -> Document | None:
        """Return a paragraph or cell as a document."""
        return _parse_element(unit, unit.root, options.source)


def _parse_element(unit: XmlUnit, element: XmlElement, language: str) -> Document | None:
    names = _NAMES.get(element.name)
    if names is None or not element.has_letters:
        return None
    nested = partial(_parse_nested, language=language)
    return StyledParagraph(unit, element, names, language, nested).document


def _parse_nested(unit: XmlUnit, element: XmlElement, language: str) -> Document | None:
    return _parse_element(unit, element, language)


@register_format
class DocxFormat(_OfficeFormat):
    """Documents of Word."""

    name = "docx"
    suffixes = (".docx", ".docm", ".dotx")
    media_type = f"{_MEDIA_TYPE}.wordprocessingml.document"
    members = re.compile(
        r"word/(?!styles|settings|fontTable|numbering|webSettings|people|glossary/)[^/]+\.xml"
        r"|word/(?:charts|diagrams)/[^/]+\.xml"
    )
    units = frozenset({"w:p", "a:p"})


@register_format
class PptxFormat(_OfficeFormat):
    """Presentations of PowerPoint."""

    name = "pptx"
    suffixes = (".pptx", ".pptm", ".potx", ".ppsx")
    media_type = f"{_MEDIA_TYPE}.presentationml.presentation"
    members = re.compile(r"ppt/(?:slides|notesSlides|charts|diagrams)/[^/]+\.xml")
    units = frozenset({"a:p"})


@register_format
class XlsxFormat(_OfficeFormat):
    """Workbooks of Excel. The header cells of tables stay as they are, because formulas refer to them by name."""

    name = "xlsx"
    suffixes = (".xlsx", ".xlsm", ".xltx")
    media_type = f"{_MEDIA_TYPE}.spreadsheetml.sheet"
    members = re.compile(
        r"xl/sharedStrings\.xml|xl/comments[^/]*\.xml|xl/(?:worksheets|drawings|charts|diagrams|comments)/[^/]+\.xml"
    )
    units = frozenset({"x:si", "x:is", "x:text", "a:p"})

    def read(self, path: Path, options: ReadOptions) -> Iterator[Piece]:
        """Yield the pieces of all members; header cells of tables are copied."""
        headers = _table_headers(path)
        for piece in super().read(path, options):
            document = piece.content
            if headers and not isinstance(document, bytes) and " ".join(document.segments).strip() in headers:
                copied = document.assemble([_untranslated(segment) for segment in document.segments])
                yield Piece(copied.text.encode(), piece.member)
            else:
                yield piece


def _untranslated(segment: str) -> Translation:
    return Translation(segment, copied=True)


def _table_headers(path: Path) -> frozenset[str]:
    """Return the names of the columns of all tables in a workbook."""
    headers: set[str] = set()
    with open_archive(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/tables/") and name.endswith(".xml"):
                with archive.open(name) as stream:
                    units = read_units(stream, f"{path}/{name}", _NAMESPACES, "x:tableColumn".__eq__)
                    headers |= {unit.root.attributes.get("name", "") for unit in units if not isinstance(unit, bytes)}
    return frozenset(headers)
