"""Blocks of text with inline tags, which the parsers of HTML and XML produce.

A block is the text between two block-level tags. The parser adds texts and tags to a `BlockBuilder`, which builds a
`TextBlock` from them: the text to translate, and the tags with their offsets in the text.
"""

from __future__ import annotations

import re
import sys
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from nmt.inference.documents.document import to_single_line
from nmt.text.tag_projection import TagKind

_LETTER = re.compile(r"[^\W\d_]")
_VISIBLE = re.compile(r"\S")
# Characters other than letters and those that belong to any sentence, such as commas and quotation marks.
_NUMBER_OR_SYMBOL = re.compile(r"""[^\W_a-zA-Z]|[^\s\w.,;:!?…'"()\[\]«»“”„‘’‚‹›¿¡/%-]""")
_DIGIT = re.compile(r"\d")
# Text that may have a mark after it, such as the number of a footnote.
_MARKABLE = re.compile(r"(?:\w|(?<!\d)[.,;:!?…)\]»”’])\Z")
_WORD_END = re.compile(r"[\w.,;:!?…)\]»”’%]\Z")


@dataclass(slots=True, eq=False)
class BlockTag:
    """An inline tag of a text block, or other markup that is kept in place: a comment, a void or a copied element."""

    start: int
    """Start offset in the source."""
    stop: int
    """End offset in the source."""
    kind: TagKind
    name: str = ""
    """Name of the element; empty for comments and the like."""
    partner: BlockTag | None = None
    """Matching start or end tag in the same block, if any."""
    separates_words: bool = False
    """True for a standalone tag that stands visibly between two words, such as an image."""
    is_visible: bool = True
    """False for a standalone tag that is not displayed, such as a comment."""
    offset: int = 0
    """Offset in the text of the block."""

    @property
    def matching_offset(self) -> int:
        """Offset of the matching tag in the text; an element without one extends to the edge of the block."""
        if self.kind is TagKind.STANDALONE:
            return self.offset
        if self.partner is None:
            return sys.maxsize if self.kind is TagKind.OPENING else 0
        return self.partner.offset


@dataclass(frozen=True, slots=True)
class _Run:
    """Text of a block and the range of the source from which it was decoded."""

    text: str
    start: int
    stop: int


class TextBlock:
    """Text between two block-level tags, with the inline tags in it."""

    def __init__(self) -> None:
        self.text = ""
        """Text of the block, with each line break replaced by a space."""
        self._strings: list[str] = []
        self._length = 0
        self._offsets = array("q")
        self._starts = array("q")
        self._stops = array("q")
        self.tags: list[BlockTag] = []

    def append(self, text: str, start: int, stop: int) -> None:
        """Append text that was decoded from ``source[start:stop]``; it is a copy if the lengths are equal."""
        self._strings.append(text)
        self._offsets.append(self._length)
        self._starts.append(start)
        self._stops.append(stop)
        self._length += len(text)

    def append_tag(self, tag: BlockTag) -> None:
        """Append a tag."""
        tag.offset = self._length
        self.tags.append(tag)

    def finish(self) -> None:
        """Set the text, after everything has been appended."""
        self.text = to_single_line("".join(self._strings))

    def source_start(self, offset: int) -> int:
        """Return the offset in the source at which a character of the text begins."""
        run = bisect_right(self._offsets, offset) - 1
        within = offset - self._offsets[run]
        if self._is_copy(run):
            return self._starts[run] + within
        return self._stops[run] if within else self._starts[run]

    def source_stop(self, offset: int) -> int:
        """Return the offset in the source at which a character of the text ends."""
        run = bisect_right(self._offsets, offset) - 1
        return self._starts[run] + offset - self._offsets[run] + 1 if self._is_copy(run) else self._stops[run]

    def _is_copy(self, run: int) -> bool:
        return self._stops[run] - self._starts[run] == len(self._strings[run])


@dataclass(slots=True)
class BlockBuilder:
    """Builder of a text block from the texts and tags that a parser finds, in order."""

    _items: list[_Run | BlockTag] = field(default_factory=list)

    def add_text(self, text: str, start: int, stop: int) -> None:
        """Add text that was decoded from ``source[start:stop]``; it is a copy if the lengths are equal."""
        if text:
            self._items.append(_Run(text, start, stop))

    def add_invisible(self, start: int, stop: int) -> None:
        """Add a comment, or an element that is not displayed."""
        self._items.append(BlockTag(start, stop, TagKind.STANDALONE, is_visible=False))

    def add_standalone(self, start: int, stop: int, name: str, *, separates_words: bool = False) -> None:
        """Add an element that contains no text of the block."""
        self._items.append(BlockTag(start, stop, TagKind.STANDALONE, name, separates_words=separates_words))

    def add_start_tag(self, start: int, stop: int, name: str) -> BlockTag:
        """Add a start tag, whose element extends to the end of the block unless an end tag closes it."""
        tag = BlockTag(start, stop, TagKind.OPENING, name)
        self._items.append(tag)
        return tag

    def add_end_tag(self, start: int, stop: int, name: str, start_tag: BlockTag | None) -> None:
        """Add an end tag, given its start tag, or None if that is not in this block."""
        tag = BlockTag(start, stop, TagKind.CLOSING, name, start_tag)
        if start_tag is not None:
            start_tag.partner = tag
        self._items.append(tag)

    def build(self) -> TextBlock:
        """Return the block.

        Some elements without letters become standalone tags: those without any text, symbols, and marks such as the
        number of a footnote, which would otherwise be joined with a word. If nothing else separates two words, a space
        is added between them.
        """
        block = TextBlock()
        elements = _Elements(self._items)
        before = ""  # the last two characters
        index = 0
        while index < len(self._items):
            item = self._items[index]
            index += 1
            if isinstance(item, _Run):
                block.append(item.text, item.start, item.stop)
                before = (before + item.text)[-2:]
                continue
            end = elements.end_of_standalone(index - 1, before)
            if end is not None:
                item, index = elements.as_standalone(index - 1, end), end + 1
            block.append_tag(item)
            if item.separates_words and _WORD_END.search(before) and elements.next_character(index).isalnum():
                block.append(" ", item.stop, item.stop)
                before = " "
        block.finish()
        return block


class _Elements:
    """Elements in a sequence of texts and tags. Each is examined in constant time, however deeply it is nested."""

    def __init__(self, items: Sequence[_Run | BlockTag]) -> None:
        self._items = items
        self._indices = {id(item): n for n, item in enumerate(items) if isinstance(item, BlockTag)}
        self._letters = self._last_matches(_LETTER)
        self._visible = self._last_matches(_VISIBLE)
        self._numbers_or_symbols = self._last_matches(_NUMBER_OR_SYMBOL)
        self._digits = self._last_matches(_DIGIT)
        self._texts = self._last_matches(re.compile(""))
        self._separators = [0] * (len(items) + 1)
        for n, item in enumerate(items):
            is_separator = isinstance(item, BlockTag) and item.separates_words
            self._separators[n + 1] = n if is_separator else self._separators[n]
        self._next_characters = [""] * (len(items) + 1)
        for n in range(len(items) - 1, -1, -1):
            item = items[n]
            self._next_characters[n] = item.text[0] if isinstance(item, _Run) else self._next_characters[n + 1]

    def _last_matches(self, pattern: re.Pattern[str]) -> list[int]:
        """Return, for each index, the index of the last text before it in which a pattern is found, else -1."""
        found = [-1]
        for n, item in enumerate(self._items):
            found.append(n if isinstance(item, _Run) and pattern.search(item.text) else found[-1])
        return found

    def next_character(self, index: int) -> str:
        """Return the first character of text at or after an index, or an empty string."""
        return self._next_characters[index]

    def end_of_standalone(self, index: int, before: str) -> int | None:
        """Return the index of the end tag of an element that becomes a standalone tag, or None for other items.

        Args:
            index: Index of the start tag.
            before: The last characters of the text before it.
        """
        tag = self._items[index]
        if not isinstance(tag, BlockTag) or tag.kind is not TagKind.OPENING or tag.partner is None:
            return None
        end = self._indices[id(tag.partner)]
        if self._letters[end] > index:
            return None
        if self._visible[end] < index:
            return end
        if self._numbers_or_symbols[end] < index or tag.name == "sub":
            return None
        if self._digits[end] < index:
            return end
        after = self.next_character(end)
        if before and not before[-1].isspace():
            is_mark = _MARKABLE.search(before) is not None and not (before[-1].isalpha() and after.isalpha())
        else:
            is_mark = after.isupper()
        return end if is_mark else None

    def as_standalone(self, start: int, end: int) -> BlockTag:
        """Return an element as a standalone tag, given the indices of its tags."""
        first, last = self._items[start], self._items[end]
        assert isinstance(first, BlockTag)
        assert isinstance(last, BlockTag)
        separates = self._texts[end] > start or self._separators[end] > start or first.name == "br"
        return BlockTag(first.start, last.stop, TagKind.STANDALONE, first.name, separates_words=separates)
