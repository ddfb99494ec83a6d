"""Streaming reader of XML files, which yields units, such as paragraphs, as trees and copies everything else.

Expat decides what is well-formed. Nothing outside of the file is read; a file that declares entities is refused. All
text is UTF-8: files in other encodings are converted, and their declaration is changed.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from html.entities import html5
from typing import IO
from xml.parsers import expat

from nmt.inference.files.errors import MAX_UNIT_BYTES, FileFormatError, too_large

_CHUNK = 2**16
_MAX_DEPTH = 500
_DECLARATION = re.compile(rb"""\A\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
_BOMS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(eq=False, slots=True)
class XmlText:
    """Text between two tags, without character references."""

    text: str
    start: int
    stop: int


@dataclass(eq=False, slots=True)
class XmlElement:
    """An element of a unit. Offsets are in code points from the start of the unit."""

    name: str
    """Local name after the prefix that the format uses for its namespace, as in ``w:p``."""
    attributes: Mapping[str, str]
    start: int
    content_start: int = 0
    content_stop: int = 0
    stop: int = 0
    children: list[XmlElement | XmlText] = field(default_factory=list)

    @property
    def elements(self) -> list[XmlElement]:
        """The children that are elements."""
        return [child for child in self.children if isinstance(child, XmlElement)]

    @property
    def text(self) -> str:
        """Text of the element and of those in it."""
        return "".join(child.text for child in self.children)

    @property
    def has_letters(self) -> bool:
        """Whether the text of the element, or of those in it, contains a letter."""
        return any(
            any(map(str.isalpha, child.text)) if isinstance(child, XmlText) else child.has_letters
            for child in self.children
        )


@dataclass(frozen=True, slots=True)
class XmlUnit:
    """A unit as a tree."""

    source: str
    """The unit as it is in the file."""
    root: XmlElement

    def raw(self, element: XmlElement | XmlText) -> str:
        """Return an element as it is in the file."""
        return self.source[element.start : element.stop]

    def start_tag(self, element: XmlElement) -> str:
        """Return the start tag of an element."""
        return self.source[element.start : element.content_start]

    def end_tag(self, element: XmlElement) -> str:
        """Return the end tag of an element."""
        return self.source[element.content_stop : element.stop]


def read_units(
    stream: IO[bytes], place: str, namespaces: Mapping[str, str], is_unit: Callable[[str], bool]
) -> Iterator[bytes | XmlUnit]:
    """Yield the outermost units of an XML file, and the bytes between them.

    Args:
        stream: The file.
        place: Name of the file for error messages.
        namespaces: Prefixes by namespace. Names in other namespaces have no prefix that a format could mistake.
        is_unit: Whether elements of a name are units.

    Raises:
        FileFormatError: The file is not well-formed, declares entities or exceeds a limit.
    """
    reader = _UnitReader(place, namespaces, is_unit)
    for chunk in _read_utf8(stream, place):
        yield from reader.feed(chunk)
    yield from reader.close()


def _read_utf8(stream: IO[bytes], place: str) -> Iterator[bytes]:
    """Yield a file in chunks of UTF-8."""
    head = stream.read(_CHUNK)
    found = _DECLARATION.match(head)
    encoding = _BOMS.get(head[:2]) or (found[1].decode() if found else "utf-8")
    try:
        decoder = codecs.getincrementaldecoder(encoding)()
        is_utf8 = codecs.lookup(encoding).name in {"utf-8", "ascii"}
    except LookupError:
        raise FileFormatError(f"{place}: unknown encoding {encoding[:40]!r}; re-encode the file as UTF-8") from None
    first = True
    while head:
        try:
            chunk = head if is_utf8 else decoder.decode(head).encode()
        except (UnicodeError, TypeError) as error:
            raise FileFormatError(f"{place}: invalid {encoding} ({error}); re-encode the file as UTF-8") from None
        if first and not is_utf8:
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
            if declared := _DECLARATION.match(chunk):
                chunk = chunk[: declared.start(1)] + b"UTF-8" + chunk[declared.end(1) :]
        first = False
        yield chunk
        head = stream.read(_CHUNK)


class _UnitReader:
    """Adapter of Expat, which buffers the bytes of a unit until its end."""

    def __init__(self, place: str, namespaces: Mapping[str, str], is_unit: Callable[[str], bool]) -> None:
        self._place, self._namespaces, self._is_unit = place, namespaces, is_unit
        self._buffer = bytearray()
        self._buffer_start = self._fed = self._depth = 0
        self._unit_depth = 0  # depth of the unit that is being read; 0 between units
        self._events: list[tuple[int, str, str | Mapping[str, str]]] = []
        self._ready: list[bytes | XmlUnit] = []
        self._names: dict[str, str] = {}
        self._parser = parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = False
        parser.UseForeignDTD(True)  # so that a reference to an unknown entity, such as &nbsp;, is no error
        parser.StartElementHandler = self._on_start
        parser.EndElementHandler = self._on_end
        parser.EntityDeclHandler = self._on_entity_declaration

    def feed(self, chunk: bytes, *, is_last: bool = False) -> list[bytes | XmlUnit]:
        """Return the units that end in a chunk, and the bytes between them."""
        self._buffer += chunk
        self._fed += len(chunk)
        try:
            self._parser.Parse(chunk, is_last)
        except expat.ExpatError as error:
            where = f"{self._place}:{error.lineno}:{error.offset + 1}"
            message = expat.ErrorString(error.code)
            raise FileFormatError(f"{where}: not well-formed XML ({message}); correct the markup") from None
        if self._fed - max(self._parser.CurrentByteIndex, 0) > MAX_UNIT_BYTES:
            raise too_large(self._where(), "a tag")
        if self._unit_depth:
            if len(self._buffer) > MAX_UNIT_BYTES:
                raise too_large(self._where(), "a paragraph")
        else:
            self._copy_until(self._parser.CurrentByteIndex if not is_last else self._fed)
        ready, self._ready = self._ready, []
        return ready

    def close(self) -> list[bytes | XmlUnit]:
        """Return the bytes after the last unit."""
        return self.feed(b"", is_last=True)

    def _copy_until(self, position: int) -> None:
        """Move the bytes before a position out of the buffer."""
        length = max(position, 0) - self._buffer_start
        if length > 0:
            self._ready.append(bytes(self._buffer[:length]))
            del self._buffer[:length]
            self._buffer_start += length

    def _where(self) -> str:
        return f"{self._place}:{self._parser.CurrentLineNumber}"

    def _name(self, name: str) -> str:
        if (short := self._names.get(name)) is None:
            namespace, _, local = name.rpartition(" ")
            prefix = self._namespaces.get(namespace, f"{{{namespace}}}" if namespace else "")
            short = self._names[name] = f"{prefix}:{local}" if prefix else local
        return short

    def _on_start(self, name: str, attributes: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise FileFormatError(f"{self._where()}: more than {_MAX_DEPTH} nested elements; flatten the markup")
        short = self._name(name)
        if not self._unit_depth and self._is_unit(short):
            self._copy_until(self._parser.CurrentByteIndex)
            self._unit_depth = self._depth
            self._parser.CharacterDataHandler = self._on_text
            self._parser.DefaultHandler = self._on_other
            self._parser.SkippedEntityHandler = self._on_entity
        if self._unit_depth:
            named = {self._name(key): value for key, value in attributes.items()}
            self._add(short, named)

    def _on_end(self, name: str) -> None:
        if self._unit_depth:
            self._add("", "")
            if self._depth == self._unit_depth:
                self._end_unit()
        self._depth -= 1

    def _on_text(self, text: str) -> None:
        self._add("#", text)

    def _on_entity(self, name: str, is_parameter: bool) -> None:
        self._add("#", "" if is_parameter else html5.get(f"{name};", ""))

    def _on_other(self, _: str) -> None:
        self._add("?", "")

    def _add(self, kind: str, value: str | Mapping[str, str]) -> None:
        """Add an event: the name of a start tag, an empty string for an end tag, ``#`` for text, ``?`` for others."""
        self._events.append((self._parser.CurrentByteIndex - self._buffer_start, kind, value))

    def _end_unit(self) -> None:
        end = self._events[-1][0]
        is_empty = len(self._events) == 2 and self._buffer[end - 2 : end] == b"/>"
        stop = end if is_empty else self._buffer.index(b">", end) + 1
        self._ready.append(_build_unit(bytes(self._buffer[:stop]), self._events))
        del self._buffer[:stop]
        self._buffer_start += stop
        self._events = []
        self._unit_depth = 0
        self._parser.CharacterDataHandler = None
        self._parser.DefaultHandler = None
        self._parser.SkippedEntityHandler = None

    def _on_entity_declaration(self, *_: object) -> None:
        message = "the file declares entities; replace the references to them and remove the declarations"
        raise FileFormatError(f"{self._where()}: {message}")


def _build_unit(raw: bytes, events: list[tuple[int, str, str | Mapping[str, str]]]) -> XmlUnit:
    """Return the tree of a unit, given its events with their offsets in bytes."""
    source = raw.decode()
    offsets = _character_offsets(raw, [offset for offset, _, _ in events]) if len(source) < len(raw) else None
    starts = [*(offsets or [offset for offset, _, _ in events]), len(source)]
    open_elements: list[XmlElement] = []
    root: XmlElement | None = None
    for n, (_, kind, value) in enumerate(events):
        start, stop = starts[n], starts[n + 1]
        if kind == "#":
            open_elements[-1].children.append(XmlText(str(value), start, stop))
        elif kind == "":
            element = open_elements.pop()
            element.content_stop = start
            is_empty = not element.children and start == element.content_start and source[start - 2 : start] == "/>"
            element.stop = start if is_empty else source.index(">", start) + 1
        elif kind != "?":
            assert not isinstance(value, str)
            element = XmlElement(kind, value, start, content_start=stop)
            if open_elements:
                open_elements[-1].children.append(element)
            root = root or element
            open_elements.append(element)
    assert root is not None
    return XmlUnit(source, root)


def _character_offsets(raw: bytes, offsets: list[int]) -> list[int]:
    """Return ascending offsets in bytes of UTF-8 as offsets in code points."""
    found: list[int] = []
    position = count = 0
    for offset in offsets:
        count += len(raw[position:offset].decode())
        position = offset
        found.append(count)
    return found
