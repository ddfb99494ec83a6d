"""Parser that divides HTML into blocks of text and their inline tags.

The parser separates markup from text by the rules of the tokenizer in the HTML standard, which accepts any input. The
parser in Python's standard library does not report offsets, raises exceptions for some input, and needs quadratic time
for other input.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from html import unescape
from typing import NamedTuple

from nmt.inference.documents.document import to_single_line
from nmt.text.tag_projection import TagKind

_VALUE = r""" "[^"]*+"? | '[^']*+'? | [^\s>]*+ """
_NAME = r"[^\s/>][^\s/>=]*+"
_MARKUP = re.compile(
    rf"""
      <!--(?: -?> | .*?(?:--!?>|\Z) )         # comment
    | <!\[CDATA\[.*?(?:\]\]>|\Z)
    | <[!?][^>]*+>?                           # doctype or processing instruction
    | </(?: > | [^a-z>][^>]*+>? )             # bogus comment in terms of the standard
    | <(?P<closing>/?)(?P<name>[a-z][^\s/>]*+)
      (?: \s++ | /(?!>) | {_NAME}(?:\s*+=\s*+(?:{_VALUE}))?+ )*+
      (?P<self_closing>/?)>?                  # an unterminated tag extends to the end of the input
    """,
    re.ASCII | re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_ATTRIBUTE = re.compile(rf"({_NAME})(?:\s*+=\s*+({_VALUE}))?", re.ASCII | re.VERBOSE)
_CHARACTER_REFERENCE = re.compile(r"&(?:#(?:\d+|x[\da-f]+)|[a-z][a-z\d]*);?", re.ASCII | re.IGNORECASE)


def _name_set(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Elements within sentences. All others, including unknown ones, delimit text blocks.
_INLINE = _name_set(
    "a abbr acronym b bdi bdo big cite code data del dfn em font i img ins kbd label mark math nobr q rb rp rt ruby s "
    "samp small span strike strong sub sup time tt u var wbr"
)
_VOID = _name_set("area base br col embed hr img input link meta param source track wbr")
# Elements whose content is raw text up to the end tag.
_RAW = _name_set("iframe noembed noframes script style textarea xmp")
_RAW_END = {name: re.compile(rf"</{name}(?=[\s/>])", re.ASCII | re.IGNORECASE) for name in _RAW}
# Elements that are copied instead of translated.
_COPIED = _RAW | _name_set("code kbd math pre rp rt samp var")


@dataclass(slots=True)
class BlockTag:
    """An inline tag of a text block, or other markup that is kept in place: a comment, a void or a copied element."""

    start: int
    """Start offset in the HTML."""
    stop: int
    """End offset in the HTML."""
    kind: TagKind
    offset: int
    """Offset in the text of the block."""
    matching_offset: int
    """Offset of the matching start or end tag in the text of the block; equal to ``offset`` for a standalone tag."""


class TextBlock:
    """Text between two block-level tags, with the inline tags in it."""

    def __init__(self) -> None:
        self._strings: list[str] = []
        self.starts: list[int] = []
        """Start offset of each character in the HTML."""
        self.stops: list[int] = []
        """End offset of each character in the HTML; a character reference may produce several characters."""
        self.tags: list[BlockTag] = []

    @property
    def text(self) -> str:
        """Text of the block, with each line break replaced by a space."""
        return to_single_line("".join(self._strings))

    def add_text(self, html: str, start: int, stop: int) -> None:
        """Append the text of ``html[start:stop]``, which may contain character references."""
        for reference in _CHARACTER_REFERENCE.finditer(html, start, stop):
            characters = unescape(reference.group())
            if characters != reference.group():
                self._add_literal(html, start, reference.start())
                start = reference.end()
                self._strings.append(characters)
                self.starts += [reference.start(), *[start] * len(characters)][: len(characters)]
                self.stops += [start] * len(characters)
        self._add_literal(html, start, stop)

    def _add_literal(self, html: str, start: int, stop: int) -> None:
        self._strings.append(html[start:stop])
        self.starts += range(start, stop)
        self.stops += range(start + 1, stop + 1)

    def add_standalone(self, start: int, stop: int) -> None:
        """Append a comment or element that contains no text to translate."""
        self.tags.append(BlockTag(start, stop, TagKind.STANDALONE, len(self.starts), len(self.starts)))

    def add_start_tag(self, start: int, stop: int) -> None:
        """Append a start tag, whose element extends to the end of the block unless an end tag closes it."""
        self.tags.append(BlockTag(start, stop, TagKind.OPENING, len(self.starts), sys.maxsize))

    def add_end_tag(self, start: int, stop: int, opening_index: int | None) -> None:
        """Append an end tag, given the index of its start tag in `tags`, or None if the start tag is not there."""
        offset = len(self.starts)
        if opening_index is None:
            self.tags.append(BlockTag(start, stop, TagKind.CLOSING, offset, 0))
        elif self.tags[opening_index].offset == offset:  # an element without text becomes one standalone tag
            start = self.tags[opening_index].start
            del self.tags[opening_index:]
            self.add_standalone(start, stop)
        else:
            self.tags[opening_index].matching_offset = offset
            self.tags.append(BlockTag(start, stop, TagKind.CLOSING, offset, self.tags[opening_index].offset))


def parse_text_blocks(html: str) -> list[TextBlock]:
    """Return the text blocks of an HTML document, in document order."""
    builder = _BlockBuilder(html)
    end = 0
    while markup := _MARKUP.search(html, end):
        start = markup.start()
        builder.add_text(end, start)
        end = markup.end()
        name = markup["name"] and markup["name"].lower()
        if name in _RAW and not markup["closing"]:
            builder.start_element(start, end, name)
            raw_end = _RAW_END[name].search(html, end)
            end = raw_end.start() if raw_end else len(html)
        elif name is None or name in _VOID or markup["self_closing"]:
            builder.add_empty_element(start, end, name)
        elif markup["closing"]:
            builder.end_element(start, end, name)
        else:
            builder.start_element(start, end, name)
    builder.add_text(end, len(html))
    return builder.blocks


class _OpenElement(NamedTuple):
    """An element whose end tag has not been parsed yet."""

    name: str
    block: TextBlock
    tag_index: int
    """Index of its start tag in ``block.tags``."""


class _CopiedElement(NamedTuple):
    """The outermost element that is copied instead of translated."""

    name: str
    level: int
    """Number of open elements that enclose it."""
    start: int
    """Start offset in the HTML."""


class _BlockBuilder:
    """Builder of text blocks from the tags and texts of an HTML document."""

    def __init__(self, html: str) -> None:
        self._html = html
        self.blocks = [TextBlock()]
        self._open: list[_OpenElement] = []  # outermost first
        self._levels: defaultdict[str, list[int]] = defaultdict(list)  # indices in _open by element name
        self._copied: _CopiedElement | None = None

    def add_text(self, start: int, stop: int) -> None:
        """Add text, which may contain character references."""
        if self._copied is None:
            self.blocks[-1].add_text(self._html, start, stop)

    def add_empty_element(self, start: int, stop: int, name: str | None) -> None:
        """Add an element without content, or other markup if ``name`` is None."""
        if self._copied is None:
            if name is None or name in _INLINE:
                self.blocks[-1].add_standalone(start, stop)
            else:
                self.blocks.append(TextBlock())

    def start_element(self, start: int, stop: int, name: str) -> None:
        """Add a start tag."""
        block = self.blocks[-1]
        self._levels[name].append(len(self._open))
        self._open.append(_OpenElement(name, block, len(block.tags)))
        if self._copied is None:
            if name in _COPIED or _is_protected(self._html[start:stop]):
                self._copied = _CopiedElement(name, len(self._open) - 1, start)
            elif name in _INLINE:
                block.add_start_tag(start, stop)
            else:
                self.blocks.append(TextBlock())

    def end_element(self, start: int, stop: int, name: str) -> None:
        """Add an end tag, which closes the innermost open element of that name and all elements in it."""
        element = None
        if self._levels[name]:
            level = self._levels[name][-1]
            element = self._open[level]
            while len(self._open) > level:
                self._levels[self._open.pop().name].pop()
        if self._copied is not None:
            copied = self._copied
            if len(self._open) > copied.level:
                return
            self._copied = None
            closes_copied = len(self._open) == copied.level
            self.add_empty_element(copied.start, stop if closes_copied else start, copied.name)
            if closes_copied:
                return
        if name in _INLINE:
            block = self.blocks[-1]
            block.add_end_tag(
                start, stop, element.tag_index if element is not None and element.block is block else None
            )
        else:
            self.blocks.append(TextBlock())


def _is_protected(tag: str) -> bool:
    """Return whether the attributes of a start tag exclude its element from translation."""
    if "translate" not in tag.lower():
        return False
    attributes = {name.lower(): value.strip("\"'").lower() for name, value in _ATTRIBUTE.findall(tag)}
    return attributes.get("translate") == "no" or "notranslate" in attributes.get("class", "").split()
