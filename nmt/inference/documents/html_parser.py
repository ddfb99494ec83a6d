"""Parser that divides HTML into blocks of text with their inline tags, and the texts of attributes.

The parser separates markup from text by the rules of the tokenizer in the HTML standard, which accepts any input. The
parser in Python's standard library does not report offsets, raises exceptions for some input, and needs quadratic time
for other input.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import NamedTuple

from nmt.inference.documents import html_elements
from nmt.inference.documents.html_attributes import Attribute, parse_attributes
from nmt.inference.documents.html_text import add_html_text
from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.documents.text_block import BlockBuilder, BlockTag, TextBlock

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
_RAW_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])", re.ASCII | re.IGNORECASE) for name in sorted(html_elements.RAW)}
_MAX_NESTING = 8
"""Maximum depth of regions in regions; deeper ones are copied, since they are rendered recursively."""


class Declaration(NamedTuple):
    """A tag that describes the page: ``html``, ``body`` or ``meta``."""

    name: str
    start: int
    """Start offset in the HTML."""
    attributes: dict[str, Attribute]


@dataclass
class HtmlContent:
    """Texts of an HTML document."""

    blocks: list[TextBlock] = field(default_factory=list)
    """Blocks of text."""
    attributes: list[Attribute] = field(default_factory=list)
    """Attributes that contain text."""
    keywords: list[Attribute] = field(default_factory=list)
    """Attributes that contain a list of keywords."""
    declarations: list[Declaration] = field(default_factory=list)
    """Tags that describe the page."""


def parse_html(html: str, options: TagOptions | None = None, start: int = 0, stop: int | None = None) -> HtmlContent:
    """Return the texts of an HTML document, or of the range ``html[start:stop]`` of a text."""
    parser = _Parser(html, (options or TagOptions()).lower())
    end, stop = start, len(html) if stop is None else stop
    while markup := _MARKUP.search(html, end, stop):
        start = markup.start()
        parser.add_text(end, start)
        end = markup.end()
        name = markup["name"] and markup["name"].lower()
        if name is None:
            parser.add_markup(start, end)
        elif markup["closing"]:
            parser.end_element(start, end, name)
        elif name in _RAW_ENDS and not parser.is_foreign:
            parser.start_element(start, end, name)
            raw_end = _RAW_ENDS[name].search(html, end, stop)
            content = end
            end = raw_end.start() if raw_end else stop
            if name == "title":
                parser.add_text(content, end)
        elif name in html_elements.VOID or markup["self_closing"]:
            parser.add_empty_element(start, end, name)
        else:
            parser.start_element(start, end, name)
    parser.add_text(end, stop)
    return parser.finish()


class _Region(NamedTuple):
    """An element whose content is copied, or consists of blocks that do not belong to the text around it."""

    start: int
    """Start offset in the HTML."""
    outer: BlockBuilder
    """Block in which the element stands."""
    outer_is_copied: bool
    is_inline: bool


class _OpenElement(NamedTuple):
    """An element whose end tag has not been parsed yet."""

    name: str
    block: BlockBuilder
    start_tag: BlockTag | None
    """Its start tag, if it is inline."""
    region: _Region | None


class _Parser:
    """Builder of text blocks from the tags and texts of an HTML document."""

    def __init__(self, html: str, options: TagOptions) -> None:
        self._html = html
        self._options = options
        self._blocks = [BlockBuilder()]
        self._block = self._blocks[0]
        self._content = HtmlContent()
        self._open: list[_OpenElement] = []  # outermost first
        self._levels: defaultdict[str, list[int]] = defaultdict(list)  # indices in _open by element name
        self._num_regions = 0
        self._is_copied = False

    @property
    def is_foreign(self) -> bool:
        """Whether the position is inside SVG or MathML."""
        return any(self._levels.get(name) for name in html_elements.FOREIGN)

    def finish(self) -> HtmlContent:
        """Return the texts, after the whole document has been parsed."""
        self._content.blocks = [builder.build() for builder in self._blocks]
        return self._content

    def add_text(self, start: int, stop: int) -> None:
        """Add text, which may contain character references."""
        if not self._is_copied:
            add_html_text(self._block, self._html, start, stop)

    def add_markup(self, start: int, stop: int) -> None:
        """Add a comment or the like."""
        if not self._is_copied:
            self._block.add_invisible(start, stop)

    def add_empty_element(self, start: int, stop: int, name: str) -> None:
        """Add an element without content."""
        attributes = parse_attributes(self._html, start, stop)
        if self._is_copied:
            return
        if not _is_excluded(attributes):
            self._add_attributes(name, start, attributes)
        if self._is_inline(name):
            self._add_unit(start, stop, name)
        else:
            self._start_block()

    def start_element(self, start: int, stop: int, name: str) -> None:
        """Add a start tag."""
        attributes = parse_attributes(self._html, start, stop)
        is_excluded = _is_excluded(attributes)
        if not (self._is_copied or is_excluded):
            self._add_attributes(name, start, attributes)
        block, start_tag, region = self._block, None, None
        is_inline = self._is_inline(name)
        if self._needs_region(name, attributes, is_excluded):
            region = _Region(start, block, self._is_copied, is_inline)
            includes = _is_included(attributes) and not is_excluded and name not in html_elements.VERBATIM
            nests = not self._is_copied and name in html_elements.NESTED and not is_excluded
            self._num_regions += 1
            self._is_copied = self._num_regions > _MAX_NESTING or not (includes or nests)
            if not self._is_copied:
                self._start_block()
        elif not self._is_copied:
            if is_inline:
                start_tag = block.add_start_tag(start, stop, name)
            else:
                self._start_block()
        self._levels[name].append(len(self._open))
        self._open.append(_OpenElement(name, block, start_tag, region))

    def end_element(self, start: int, stop: int, name: str) -> None:
        """Add an end tag, which closes the innermost open element of that name and all elements in it."""
        element = None
        if self._levels[name]:
            level = self._levels[name][-1]
            while len(self._open) > level:
                element = self._open.pop()
                self._levels[element.name].pop()
                if element.region is not None:
                    self._end_region(element, stop if len(self._open) == level else start)
        if self._is_copied or (element is not None and element.region is not None):
            return
        if self._is_inline(name):
            start_tag = element.start_tag if element is not None and element.block is self._block else None
            self._block.add_end_tag(start, stop, name, start_tag)
        else:
            self._start_block()

    def _needs_region(self, name: str, attributes: dict[str, Attribute], is_excluded: bool) -> bool:
        """Return whether an element is copied in translated content, or translated in copied content, or nested."""
        if self._is_copied:
            can_include = _is_included(attributes) and not is_excluded and name not in html_elements.VERBATIM
            return can_include and self._num_regions < _MAX_NESTING
        if is_excluded or name in self._options.ignore_tags or name in html_elements.VERBATIM:
            return True
        if name in html_elements.COPIED:
            return not _is_included(attributes)
        return name in html_elements.NESTED

    def _end_region(self, element: _OpenElement, stop: int) -> None:
        """Return to the text around an element that ends at an offset."""
        region = element.region
        assert region is not None
        self._num_regions -= 1
        self._is_copied = region.outer_is_copied
        self._block = region.outer
        if self._is_copied:
            return
        if region.is_inline:
            self._add_unit(region.start, stop, element.name)
        else:
            self._start_block()

    def _add_unit(self, start: int, stop: int, name: str) -> None:
        """Add an inline element without text of the block."""
        if name in html_elements.INVISIBLE:
            self._block.add_invisible(start, stop)
        else:
            self._block.add_standalone(start, stop, name, separates_words=name in html_elements.SEPARATING)

    def _start_block(self) -> None:
        self._block = BlockBuilder()
        self._blocks.append(self._block)

    def _is_inline(self, name: str) -> bool:
        if name in self._options.splitting_tags:
            return False
        return name not in html_elements.BLOCKS or name in self._options.non_splitting_tags

    def _add_attributes(self, name: str, start: int, attributes: dict[str, Attribute]) -> None:
        """Add the attributes of a tag that contain text or describe the page."""
        if not attributes and name != "html":
            return
        values = {key: attribute.value for key, attribute in attributes.items()}
        is_list = name == "meta" and values.get("name", "").lower() == "keywords"
        texts = self._content.keywords if is_list else self._content.attributes
        texts += [attributes[key] for key in html_elements.translatable_attributes(name, values)]
        if name in {"html", "body", "meta"}:
            self._content.declarations.append(Declaration(name, start, attributes))


def _is_excluded(attributes: dict[str, Attribute]) -> bool:
    """Return whether the attributes of an element exclude it from translation."""
    if "translate" in attributes and attributes["translate"].value.strip().lower() == "no":
        return True
    return "class" in attributes and "notranslate" in attributes["class"].value.lower().split()


def _is_included(attributes: dict[str, Attribute]) -> bool:
    """Return whether an attribute of an element includes it in translation, although the element around it is not."""
    return "translate" in attributes and attributes["translate"].value.strip().lower() in {"", "yes"}
