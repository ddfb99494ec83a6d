"""OpenDocument: the documents of LibreOffice and others (.odt, .ods, .odp)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from nmt.inference.documents.document import Document
from nmt.inference.files.format import ReadOptions, register_format
from nmt.inference.files.inline import InlineCode, InlineDocument, InlineItem, SplicedDocument
from nmt.inference.files.nested_markup import Role, inline_codes, render_inline
from nmt.inference.files.styled_runs import escape_xml
from nmt.inference.files.xml_format import XmlArchiveFormat
from nmt.inference.files.xml_units import XmlElement, XmlUnit

_NAMESPACES = {
    f"urn:oasis:names:tc:opendocument:xmlns:{name}:1.0": name for name in ("text", "office", "drawing", "style")
}
_PARAGRAPHS = frozenset({"text:p", "text:h"})
_ENCLOSING = frozenset({"text:span", "text:a", "text:meta", "text:ruby", "text:ruby-base"})
_BREAKS = frozenset({"text:tab", "text:line-break"})
_INVISIBLE = frozenset({"text:soft-page-break", "text:ruby-text", "office:annotation", "office:annotation-end"})
_INVISIBLE_PREFIXES = ("text:bookmark", "text:reference-mark", "text:change", "text:toc-mark", "text:alphabetical")
_MAX_SPACES = 1000
_COLLAPSED_SPACES = re.compile("(?<= ) +")
_COLLAPSED_SPACES_AT_START = re.compile("(?<= ) +|^ +")


class _OpenDocumentFormat(XmlArchiveFormat):
    """A format of OpenDocument."""

    namespaces: ClassVar[Mapping[str, str]] = _NAMESPACES
    required: ClassVar[str] = "content.xml"
    members = re.compile(r"(?:.+/)?(?:content|styles)\.xml")
    units = _PARAGRAPHS

    def parse_unit(self, unit: XmlUnit, options: ReadOptions) -> Document | None:
        """Return a paragraph as a document."""
        return _parse_paragraph(unit, unit.root, options.source)


def _parse_paragraph(unit: XmlUnit, element: XmlElement, language: str) -> Document:
    def add_document(code: InlineCode) -> None:
        code.document = _nested_document(unit, code.data, language)

    def render(items: Sequence[InlineItem]) -> str:
        return unit.start_tag(element) + render_inline(unit, items, _SpaceWriter().write) + unit.end_tag(element)

    content = list(inline_codes(unit, element, _classify, add_document, collapse=True))
    return InlineDocument(content, language, render, unit.raw(element))


def _classify(element: XmlElement) -> Role | str:
    name = element.name
    if name == "text:s":
        count = element.attributes.get("text:c", "1")
        return " " * min(int(count), _MAX_SPACES) if count.isdecimal() else " "
    if name in _ENCLOSING:
        return Role.ENCLOSING
    if name in _BREAKS:
        return Role.BREAK
    is_invisible = name in _INVISIBLE or name.startswith(_INVISIBLE_PREFIXES)
    return Role.INVISIBLE if is_invisible else Role.STANDALONE


def _nested_document(unit: XmlUnit, element: XmlElement, language: str) -> Document | None:
    """Return the paragraphs in an element, such as those of a footnote, as a document."""
    parts: list[tuple[int, int, Document]] = []

    def visit(parent: XmlElement) -> None:
        for child in parent.elements:
            if child.name not in _PARAGRAPHS:
                visit(child)
                continue
            document = _parse_paragraph(unit, child, language)
            if document.segments:
                parts.append((child.start - element.start, child.stop - element.start, document))

    visit(element)
    return SplicedDocument(unit.raw(element), parts) if parts else None


class _SpaceWriter:
    """Writer of text in which elements replace the spaces that would be collapsed."""

    def __init__(self) -> None:
        self._is_after_space = True  # at the beginning of a paragraph, too

    def write(self, text: str) -> str:
        """Return text as it is written between tags."""
        pattern = _COLLAPSED_SPACES_AT_START if self._is_after_space else _COLLAPSED_SPACES
        self._is_after_space = text.endswith(" ")
        return pattern.sub(lambda spaces: f'<text:s text:c="{len(spaces[0])}"/>', escape_xml(text))


@register_format
class OdtFormat(_OpenDocumentFormat):
    """Text documents of OpenDocument."""

    name = "odt"
    suffixes = (".odt", ".ott")
    media_type = "application/vnd.oasis.opendocument.text"


@register_format
class OdsFormat(_OpenDocumentFormat):
    """Spreadsheets of OpenDocument."""

    name = "ods"
    suffixes = (".ods", ".ots")
    media_type = "application/vnd.oasis.opendocument.spreadsheet"


@register_format
class OdpFormat(_OpenDocumentFormat):
    """Presentations of OpenDocument."""

    name = "odp"
    suffixes = (".odp", ".otp")
    media_type = "application/vnd.oasis.opendocument.presentation"
