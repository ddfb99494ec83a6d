"""Places inside a text block where a sentence cannot continue, although no block-level tag stands there.

These are line breaks, and boundaries of elements that are displayed apart although no space separates their texts, such
as the links of a menu, buttons and badges.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from nmt.inference.documents.text_block import BlockTag, TextBlock
from nmt.text.scripts import is_spaced_word_character, is_unspaced_script
from nmt.text.tag_projection import TagKind

# Links and the like. If a block contains nothing else, they are labels that do not form a sentence.
_CONTROLS = frozenset({"a", "button", "label", "summary"})
_CLOSING_PUNCTUATION = ".!?:;,…)]%"
_MIN_WORDS_BEFORE_BREAK = 3


class Cut(NamedTuple):
    """A place where the text of a block is divided."""

    offset: int
    """Offset in the text."""
    tag_index: int
    """Number of tags before the place."""


def find_cuts(block: TextBlock) -> list[Cut]:
    """Return the places where the text of a block is divided, in order."""
    if not block.tags:
        return []
    text = block.text
    cuts = {*_label_cuts(block, text), *_break_cuts(block, text), *_boundary_cuts(block, text)}
    return sorted(cuts)


def _label_cuts(block: TextBlock, text: str) -> list[Cut]:
    """Return the edges of links and the like, if there are several and no words outside of them."""
    cuts: list[Cut] = []
    count = end = 0
    for index, tag in enumerate(block.tags):
        if tag.name not in _CONTROLS or tag.kind is TagKind.STANDALONE or tag.offset < end:
            continue
        if tag.kind is TagKind.OPENING:
            start, stop = tag.offset, min(tag.matching_offset, len(text))
            cuts.append(Cut(start, index))
        else:
            start, stop = (end, tag.offset) if tag.partner is None else (tag.offset, tag.offset)
            cuts.append(Cut(stop, index + 1))
        if _has_word(text[end:start]):
            return []
        count += stop > start
        end = max(end, stop)
    return cuts if count > 1 and not _has_word(text[end:]) else []


def _break_cuts(block: TextBlock, text: str) -> Iterator[Cut]:
    """Yield the line breaks at which a sentence ends.

    A sentence continues if the line has several words without final punctuation, and the next one begins in lower case.
    """
    line_start = 0
    for index, tag in enumerate(block.tags):
        if tag.name != "br":
            continue
        line = text[line_start : tag.offset].rstrip()
        after = text[tag.offset : tag.offset + 100].lstrip()[:1]
        has_words = line.count(" ") >= _MIN_WORDS_BEFORE_BREAK - 1
        if not (has_words and (line[-1].isalnum() or line[-1] == ",") and after.islower()):
            yield Cut(tag.offset, index)
        line_start = tag.offset


def _boundary_cuts(block: TextBlock, text: str) -> Iterator[Cut]:
    """Yield the boundaries of adjacent elements, or beside a button, where the text would join two words."""
    groups = [(offset, list(tags)) for offset, tags in groupby(block.tags, key=lambda tag: tag.offset)]
    edges = [0, *(offset for offset, _ in groups), len(text)]
    index = 0
    for n, (offset, tags) in enumerate(groups):
        if 0 < offset < len(text) and _is_word(text[offset]):
            place = _boundary(tags)
            if place is not None and _is_apart(text, edges[n], offset, edges[n + 2], tags):
                yield Cut(offset, index + place)
        index += len(tags)


def _boundary(tags: Sequence[BlockTag]) -> int | None:
    """Return the index of the tag at which the next of two adjacent elements begins, or that follows a button."""
    after_button = None
    closed = False
    for n, tag in enumerate(tags):
        if tag.kind is TagKind.OPENING and (closed or tag.name == "button"):
            return n
        if tag.kind is TagKind.CLOSING:
            closed = True
            after_button = n + 1 if tag.name == "button" else after_button
    return after_button


def _is_apart(text: str, start: int, offset: int, stop: int, tags: Sequence[BlockTag]) -> bool:
    """Return whether elements are displayed apart, rather than parts of one word or sentence.

    Args:
        text: Text of the block.
        start: Offset of the previous tag.
        offset: Offset of the boundary between the elements.
        stop: Offset of the next tag.
        tags: Tags at the boundary.
    """
    before, after = text[offset - 1], text[offset]
    if not _is_word(before) and before not in _CLOSING_PUNCTUATION:
        return False
    if any(tag.name in _CONTROLS for tag in tags):
        return True
    if before in _CLOSING_PUNCTUATION:
        return after.isalpha() and not text[offset - 2 : offset - 1].isdigit()
    if is_unspaced_script(before) and is_unspaced_script(after):
        return False
    # Single letters, and an initial in a style of its own, are parts of a word.
    single_before = start == offset - 1 or not _is_word(text[offset - 2 : offset - 1])
    single_after = stop == offset + 1 or not _is_word(text[offset + 1 : offset + 2])
    return not (single_before and (single_after or (before.isupper() and after.islower())))


def _is_word(character: str) -> bool:
    return character != "" and (is_spaced_word_character(character) or is_unspaced_script(character))


def _has_word(text: str) -> bool:
    return re.search(r"\w", text) is not None
