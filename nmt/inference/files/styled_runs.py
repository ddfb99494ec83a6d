"""Paragraphs of Office Open XML: runs of text, each with its properties, in containers such as links.

Most runs of a paragraph look alike. The properties that most of the text has are the base of the paragraph, or of a
container; runs with other properties become inline codes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from nmt.inference.documents.document import Document
from nmt.inference.files.inline import InlineCode, InlineDocument, InlineItem, SplicedDocument
from nmt.inference.files.xml_units import XmlElement, XmlText, XmlUnit
from nmt.text.tag_projection import TagKind

# Properties that do not change how text looks. Word splits runs at them.
_PROOFING = re.compile(r"<(?:\w+:)?(?:lang|noProof)\b[^>]*/>|\s(?:lang|altLang|dirty|err|smtClean)=\"[^\"]*\"")
_PREFIX = re.compile(r"<([^\s:/>]+:)?")
_EMPTY_PROPERTIES = re.compile(r"<(?:\w+:)?rPr\s*(?:/>|></(?:\w+:)?rPr>)")
_FORBIDDEN_CHARACTERS = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class RunNames:
    """Names of the elements of a paragraph."""

    run: str
    properties: str
    text: str
    containers: frozenset[str]
    """Elements whose runs belong to the sentence, such as links."""
    dropped: frozenset[str] = frozenset()
    """Elements that a translation makes invalid, such as marks of spelling errors."""
    breaks: frozenset[str] = frozenset()
    """Line breaks and tabs."""
    invisible: frozenset[str] = frozenset()
    """Elements that are not displayed."""
    untranslated: frozenset[str] = frozenset()
    """Elements whose text is not translated."""
    characters: tuple[tuple[str, str], ...] = ()
    """Names of elements that represent a character, each with the character."""
    head: frozenset[str] = frozenset()
    """Elements that come before the first run, or after the last one, and have no text."""


class _Text(NamedTuple):
    text: str
    style: str


class _Standalone(NamedTuple):
    element: XmlElement
    style: str | None
    """Properties of the run in which the element is; None if it is not in a run."""


@dataclass(eq=False)
class _Container:
    element: XmlElement
    items: list[_Text | _Standalone | _Container]
    base: str = ""

    def find_base(self) -> str:
        """Choose the properties that most of the text has."""
        lengths: Counter[str] = Counter()
        for item in self.items:
            if isinstance(item, _Text):
                lengths[item.style] += len(item.text)
        self.base = lengths.most_common(1)[0][0] if lengths else ""
        return self.base


NestedUnits = Callable[[XmlUnit, XmlElement], Document | None]
"""Function that returns a unit inside an inline code as a document."""


class StyledParagraph:
    """A paragraph that consists of runs."""

    def __init__(self, unit: XmlUnit, element: XmlElement, names: RunNames, language: str, nested: NestedUnits) -> None:
        self._unit, self._element, self._names, self._nested = unit, element, names, nested
        self._root = _Container(element, [])
        self._has_runs = False
        prefix = _PREFIX.match(unit.start_tag(element))
        self._prefix = prefix[1] or "" if prefix else ""
        self._head: list[XmlElement] = []
        self._tail: list[XmlElement] = []
        self._collect(element, self._root)
        self.document = InlineDocument(list(self._codes(self._root)), language, self._render, unit.raw(element))

    # --- reading ---------------------------------------------------------------------------------------------------

    def _collect(self, parent: XmlElement, container: _Container) -> None:
        names = self._names
        for child in parent.elements:
            if child.name == names.run:
                self._collect_run(child, container)
            elif child.name == names.text:
                container.items.append(_Text(child.text, ""))
            elif child.name in names.head:
                (self._tail if self._root.items else self._head).append(child)
            elif child.name in names.containers:
                inner = _Container(child, [])
                container.items.append(inner)
                self._collect(child, inner)
            elif child.name not in names.dropped:
                container.items.append(_Standalone(child, None))

    def _collect_run(self, run: XmlElement, container: _Container) -> None:
        names, unit = self._names, self._unit
        style = next((unit.raw(child) for child in run.elements if child.name == names.properties), "")
        style = _EMPTY_PROPERTIES.sub("", _PROOFING.sub("", style))
        characters = dict(names.characters)
        self._has_runs = True
        for child in run.elements:
            if child.name == names.text:
                container.items.append(_Text(child.text, style))
            elif child.name in characters:
                container.items.append(_Text(characters[child.name], style))
            elif child.name != names.properties and child.name not in names.dropped:
                container.items.append(_Standalone(child, style))

    def _codes(self, container: _Container) -> Iterator[str | InlineCode]:
        base = container.find_base()
        opened: InlineCode | None = None
        for item in container.items:
            if opened is not None and not (isinstance(item, _Text) and item.style == opened.data):
                yield InlineCode(TagKind.CLOSING, opened.data, "span", opened)
                opened = None
            if isinstance(item, _Text):
                if item.style != base and opened is None:
                    yield (opened := InlineCode(TagKind.OPENING, item.style, "span"))
                yield item.text
            elif isinstance(item, _Standalone):
                yield self._standalone_code(item)
            else:
                yield (start := InlineCode(TagKind.OPENING, item, "a"))
                yield from self._codes(item)
                yield InlineCode(TagKind.CLOSING, item, "a", start)
        if opened is not None:
            yield InlineCode(TagKind.CLOSING, opened.data, "span", opened)

    def _standalone_code(self, item: _Standalone) -> InlineCode:
        name = item.element.name
        is_break = name in self._names.breaks
        return InlineCode(
            TagKind.STANDALONE,
            item,
            "br" if is_break else name,
            is_visible=name not in self._names.invisible,
            separates_words=is_break,
            document=self._nested_document(item.element),
        )

    def _nested_document(self, element: XmlElement) -> Document | None:
        """Return the paragraphs in an element, such as those of a text box, as a document."""
        parts: list[tuple[int, int, Document]] = []

        def visit(parent: XmlElement) -> None:
            for child in parent.elements:
                document = self._nested(self._unit, child)
                if document is None:
                    visit(child)
                elif document.segments:
                    parts.append((child.start - element.start, child.stop - element.start, document))

        if element.name not in self._names.untranslated:
            visit(element)
        return SplicedDocument(self._unit.raw(element), parts) if parts else None

    # --- writing ---------------------------------------------------------------------------------------------------

    def _render(self, items: Sequence[InlineItem]) -> str:
        unit = self._unit
        parts = [unit.start_tag(self._element), *map(unit.raw, self._head)]
        containers = [self._root]
        style: str | None = None
        for item in items:
            code = item.code
            if code is None:
                parts.append(self._text_run(item.text, containers[-1].base if style is None else style))
            elif isinstance(code.data, _Standalone):
                raw = item.text or unit.raw(code.data.element)
                parts.append(raw if code.data.style is None else self._in_run(raw, code.data.style))
            elif isinstance(code.data, _Container):
                if code.kind is TagKind.OPENING:
                    containers.append(code.data)
                    parts.append(unit.start_tag(code.data.element))
                else:
                    containers.pop()
                    parts.append(unit.end_tag(code.data.element))
            else:
                style = code.data if code.kind is TagKind.OPENING else None
        return "".join((*parts, *map(unit.raw, self._tail), unit.end_tag(self._element)))

    def _text_run(self, text: str, style: str) -> str:
        tag = self._qualified(self._names.text)
        space = "" if self._names.text == "a:t" else ' xml:space="preserve"'  # DrawingML always preserves space
        written = f"<{tag}{space}>{escape_xml(text)}</{tag}>"
        return self._in_run(written, style) if self._has_runs else written

    def _in_run(self, content: str, style: str) -> str:
        tag = self._qualified(self._names.run)
        return f"<{tag}>{style}{content}</{tag}>"

    def _qualified(self, name: str) -> str:
        """Return a name with the prefix that the file uses for the namespace of the paragraph."""
        return self._prefix + name.partition(":")[2]


def escape_xml(text: str) -> str:
    """Return text as it is written between tags, without characters that XML forbids."""
    return escape(_FORBIDDEN_CHARACTERS.sub("", text), quote=False)


def collapse_space(text: XmlText) -> str:
    """Return text with each sequence of white space as one space, as formats display it that do not preserve it."""
    return re.sub(r"[ \t\r\n]+", " ", text.text)
