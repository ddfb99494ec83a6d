"""Parser that divides XML into the tags, texts and other markup of which it consists, with their offsets.

Expat, the parser of Python's standard library, decides what is well-formed and where each part begins. Nothing outside
of the document is read. Entities are not expanded, and documents that declare any are refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from html.entities import html5
from typing import NamedTuple
from xml.parsers import expat

from nmt.utils.errors import CarouselError

_PROLOG = re.compile(r"\ufeff?\s*(?:<\?xml\s|<!DOCTYPE\s)")
_WRAPPER_START, _WRAPPER_END = "<x>", "</x>"
_BYTE_ORDER_MARK = "\ufeff"


class XmlSyntaxError(CarouselError):
    """The document is not well-formed or declares entities; the message begins with the line and column."""


class XmlKind(Enum):
    """Kind of a part of an XML document."""

    START_TAG = "start tag"
    END_TAG = "end tag"
    TEXT = "text"
    CDATA_START = "CDATA start"
    CDATA_END = "CDATA end"
    OTHER = "other"
    """A comment, processing instruction, declaration, or reference to an unknown entity."""


class XmlPart(NamedTuple):
    """A part of an XML document. An empty element is a start tag and an end tag of length 0."""

    kind: XmlKind
    start: int
    """Start offset in the document."""
    stop: int
    """End offset in the document."""
    text: str
    """Name of the element, or text without character references."""
    attributes: Mapping[str, str]
    """Attributes of a start tag."""


def parse_xml(xml: str) -> list[XmlPart]:
    """Return the parts of an XML document or fragment, in order and without gaps after a byte order mark.

    A fragment may have several elements or text at its top level. Raises XmlSyntaxError.
    """
    is_document = _PROLOG.match(xml) is not None
    try:
        return _Parser(xml, is_fragment=not is_document).parse()
    except XmlSyntaxError:
        if is_document:
            raise
        try:  # a document type may also follow a comment
            return _Parser(xml, is_fragment=False).parse()
        except XmlSyntaxError:
            pass
        raise


class _Parser:
    """Adapter of Expat, which reports the offset in bytes at which each part begins."""

    def __init__(self, xml: str, *, is_fragment: bool) -> None:
        self._source = xml
        self._skipped = int(xml.startswith(_BYTE_ORDER_MARK))
        self._prefix = _WRAPPER_START if is_fragment else ""
        self._xml = self._prefix + xml[self._skipped :] + (_WRAPPER_END if is_fragment else "")
        self._events: list[tuple[XmlKind, int, str, Mapping[str, str]]] = []
        self._parser = parser = expat.ParserCreate("utf-8")
        parser.UseForeignDTD(True)  # so that a reference to an unknown entity, such as &nbsp;, is no error
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = lambda name: self._add(XmlKind.END_TAG, name)
        parser.CharacterDataHandler = lambda text: self._add(XmlKind.TEXT, text)
        parser.StartCdataSectionHandler = lambda: self._add(XmlKind.CDATA_START)
        parser.EndCdataSectionHandler = lambda: self._add(XmlKind.CDATA_END)
        parser.SkippedEntityHandler = self._on_entity
        parser.DefaultHandler = lambda text: self._add(XmlKind.OTHER)
        parser.EntityDeclHandler = self._on_entity_declaration

    def parse(self) -> list[XmlPart]:
        """Return the parts of the document; raise XmlSyntaxError if it is not well-formed."""
        encoded = self._xml.encode("utf-8", "surrogatepass")
        try:
            self._parser.Parse(encoded, True)
        except expat.ExpatError as error:
            message = f"not well-formed XML ({expat.ErrorString(error.code)}); correct the markup"
            raise self._error(error.lineno, error.offset, message) from None
        parts: list[XmlPart] = []
        byte = offset = 0
        starts = []
        for _, start, _, _ in self._events:
            offset += len(encoded[byte:start].decode("utf-8", "surrogatepass"))
            byte = start
            starts.append(offset - len(self._prefix) + self._skipped)
        end = len(self._source)
        for (kind, _, text, attributes), start, stop in zip(self._events, starts, [*starts[1:], end], strict=True):
            parts.append(XmlPart(kind, start, stop, text, attributes))
        return parts[1:-1] if self._prefix else parts

    def _add(self, kind: XmlKind, text: str = "", attributes: Mapping[str, str] | None = None) -> None:
        self._events.append((kind, self._parser.CurrentByteIndex, text, attributes or {}))

    def _on_start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._add(XmlKind.START_TAG, name, attributes)

    def _on_entity(self, name: str, is_parameter: bool) -> None:
        character = html5.get(f"{name};")
        if character is None or is_parameter:
            self._add(XmlKind.OTHER)
        else:
            self._add(XmlKind.TEXT, character)

    def _on_entity_declaration(self, *_: object) -> None:
        message = "the document declares entities; replace the references to them and remove the declarations"
        raise self._error(self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber, message)

    def _error(self, line: int, column: int, message: str) -> XmlSyntaxError:
        """Return an error at a position, of which the column is counted from 0."""
        column -= len(self._prefix) if line == 1 else 0
        last_line, last_column = self._source.count("\n") + 1, len(self._source) - self._source.rfind("\n") - 1
        if line >= last_line:  # the end tag around a fragment is not part of the document
            column = min(column, last_column)
        return XmlSyntaxError(f"{line}:{max(column, 0) + 1}: {message}")
