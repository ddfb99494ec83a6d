"""Projection of inline tags from a source text to its translation by means of the word alignment.

Inserting tags by the alignment after translation is one of the approaches that Müller (2017, "Treatment of Markup in
Statistical Machine Translation") compares. This implementation also preserves the order of the tags, even if the order
of the words changes.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import heappush, heapreplace
from itertools import accumulate, pairwise

from nmt.text.alignment import AlignedSpan

# Tags are placed between words only. Each Han or Hiragana character counts as a word, since these scripts have no
# spaces, and so does punctuation beside a word. Apostrophes and hyphens inside a word belong to it: "don't".
_HAN = "\u3005-\u3007\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PUNCTUATION = (
    "!-/:-@\\[-`{-~\xa1-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf؛؟،۔।॥\u2010-\u2027\u2030-\u205e\u3001-\u3004\u3008-\u303f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_LETTERS = f"[^\\s{_HAN}{_PUNCTUATION}]+"
_WORD = re.compile(f"[{_HAN}]|{_LETTERS}(?:['’-]{_LETTERS})*|[{_PUNCTUATION}]+")

_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_CLOSING_PUNCTUATION = ".,;:!?…)]}»”’›%。，、！？；：）"

_CLOSING_MARKS = frozenset(_CLOSING_PUNCTUATION)
_MAX_WORDS_BEFORE_PUNCTUATION = 4

_UNALIGNED = sys.maxsize
_MAX_TAG_CHARACTERS = 1_000_000
"""Maximum of tags × source characters; above it, the alignment is ignored, because its use takes too long."""

WordRange = tuple[int, int]
"""Range ``[start, end)`` of a word in code points."""


class TagKind(Enum):
    """Kind of an inline tag."""

    OPENING = "opening"
    CLOSING = "closing"
    STANDALONE = "standalone"


@dataclass(frozen=True, slots=True)
class InlineTag:
    """Inline tag of a source text.

    An opening or closing tag has the range of the text that its element encloses. The range of a standalone tag is
    empty.
    """

    kind: TagKind
    start: int
    end: int

    @property
    def position(self) -> int:
        """Offset of the tag in the source text."""
        return self.end if self.kind is TagKind.CLOSING else self.start


def project_tags(
    tags: Sequence[InlineTag], source: str, target: str, alignment: Sequence[AlignedSpan] | None
) -> list[int]:
    """Return the offset of each tag in the target text.

    The preferred position of an opening tag is before the first target word aligned to the text of its element, that
    of a closing tag after the last such word, and that of a standalone tag after the words aligned to the word before
    it, or before the next word if the source has a space before the tag only. Without an alignment, the proportion of
    words before a tag is preserved. Tags inside or around a word or number that occurs unchanged in the translation
    have the same positions there. The returned positions are the closest to the preferred ones (in the sum of distances
    in words) that keep the order of the tags and at least one word in each element that contains words. Each position
    is at the edge of a word, or inside a word that occurs in the source.
    """
    if not tags:
        return []
    words = [word.span() for word in _WORD.finditer(target)]
    source_words = [word.span() for word in _WORD.finditer(source)]
    gaps = [_minimum_gap(before, after, source) for before, after in pairwise((tags[0], *tags))]
    copied = _copied_positions(tags, source, source_words, target, words)
    words = _split_words(words, sorted(set(copied.values())))
    tags = [_attach(tag, source, source_words) for tag in tags]
    use_alignment = len(tags) * len(source) <= _MAX_TAG_CHARACTERS
    aligned = _CharacterAlignment(len(source), alignment if alignment and use_alignment else ())
    preferred = []
    for n, tag in enumerate(tags):
        offset = copied.get(n)
        if offset is None and use_alignment:
            offset = aligned.target_offset(tag)
        if offset is None:
            before = _words_before(source_words, tag.position, tag.kind)
            preferred.append(round(before * len(words) / max(len(source_words), 1)))
        else:
            preferred.append(_words_before(words, offset, tag.kind))
        if _is_spaced(tag, source):
            preferred[-1] = _last_space_before(preferred[-1], words, target)
    counts = _nearest_in_order(preferred, gaps, len(words))
    return _snap_to_word_edges(tags, _avoid_punctuation(counts, tags, source, words, target), words)


def _attach(tag: InlineTag, source: str, source_words: Sequence[WordRange]) -> InlineTag:
    """Return a standalone tag that stands directly before a word as an opening tag of this word, and others as is."""
    after = source[tag.start : tag.start + 1]
    if tag.kind is not TagKind.STANDALONE or not after or after.isspace() or after in _CLOSING_PUNCTUATION:
        return tag
    if tag.start > 0 and not source[tag.start - 1].isspace():
        return tag
    word = source_words[bisect_right(source_words, tag.start, key=lambda word: word[1])]
    return InlineTag(TagKind.OPENING, tag.start, word[1])


def _is_spaced(tag: InlineTag, source: str) -> bool:
    """Return whether a standalone tag has a space on both sides."""
    is_inside = tag.kind is TagKind.STANDALONE and 0 < tag.start < len(source)
    return is_inside and source[tag.start - 1].isspace() and source[tag.start].isspace()


def _avoid_punctuation(
    counts: Sequence[int], tags: Sequence[InlineTag], source: str, words: Sequence[WordRange], target: str
) -> list[int]:
    """Return numbers of words before tags in which no standalone tag separates a word from its punctuation.

    This concerns tags that have spaces around them, follow punctuation in the source, or get a space because another
    tag is moved next to them.
    """
    adjusted: list[int] = []
    for n, (count, tag) in enumerate(zip(counts, tags, strict=True)):
        least = adjusted[-1] if adjusted else 0
        count = max(count, least)
        if tag.kind is TagKind.STANDALONE and _is_before_punctuation(count, words, target):
            is_spaced = _is_spaced(tag, source)
            moved = _last_space_before(count, words, target) if is_spaced else count
            if least <= moved < count:
                count = moved
            elif (
                is_spaced
                or source[max(tag.start - 1, 0) : tag.start] in _CLOSING_MARKS
                or (n > 0 and count == least and tag.position != tags[n - 1].position)
            ):
                count = min(count + 1, len(words))
        adjusted.append(count)
    return adjusted


def _last_space_before(count: int, words: Sequence[WordRange], target: str) -> int:
    """Return a number of words, if punctuation follows them, without those after the last space."""
    if not _is_before_punctuation(count, words, target):
        return count
    numbers = range(count - 1, max(count - _MAX_WORDS_BEFORE_PUNCTUATION, 0), -1)
    return next((number for number in numbers if target[words[number - 1][1]].isspace()), count)


def _is_before_punctuation(count: int, words: Sequence[WordRange], target: str) -> bool:
    """Return whether punctuation directly follows a number of words."""
    end = words[count - 1][1] if count else len(target)
    return end < len(target) and target[end] in _CLOSING_PUNCTUATION


def _copied_positions(
    tags: Sequence[InlineTag],
    source: str,
    source_words: Sequence[WordRange],
    target: str,
    words: Sequence[WordRange],
) -> dict[int, int]:
    """Return the offset in the target of each tag inside a word, or around a number, that the translation copies."""
    inside = {n: word for n, tag in enumerate(tags) if (word := _word_around(source_words, tag.position))}
    around = {n: (tag.start, tag.end) for n, tag in enumerate(tags) if _NUMBER.fullmatch(source, tag.start, tag.end)}
    positions: dict[int, int] = {}
    if inside:
        in_source, in_target = _starts_by_text(source, source_words), _starts_by_text(target, words)
        for n, (start, end) in inside.items():
            found = in_target[source[start:end]]
            if len(found) == len(in_source[source[start:end]]):
                occurrence = bisect_left(in_source[source[start:end]], start)
                positions[n] = found[occurrence] + tags[n].position - start
    if around:
        numbers = _starts_by_text(target, [number.span() for number in _NUMBER.finditer(target)])
        for n, (start, end) in around.items():
            found = numbers[source[start:end]]
            if len(found) == 1:
                positions[n] = found[0] + tags[n].position - start
    return positions


def _word_around(words: Sequence[WordRange], offset: int) -> WordRange | None:
    """Return the word that an offset divides, if any."""
    index = bisect_right(words, offset, key=lambda word: word[1])
    return words[index] if index < len(words) and words[index][0] < offset else None


def _starts_by_text(text: str, ranges: Sequence[WordRange]) -> defaultdict[str, list[int]]:
    """Return the start offsets of the given ranges of a text by their text, in order."""
    starts: defaultdict[str, list[int]] = defaultdict(list)
    for start, end in ranges:
        starts[text[start:end]].append(start)
    return starts


def _split_words(words: Sequence[WordRange], offsets: Sequence[int]) -> list[WordRange]:
    """Return words in order, with those divided in which one of the given offsets lies."""
    edges = [offset for offset in offsets if _word_around(words, offset)]
    starts = sorted([*(start for start, _ in words), *edges])
    ends = sorted([*(end for _, end in words), *edges])
    return list(zip(starts, ends, strict=True))


class _CharacterAlignment:
    """Range of the target text to which each source character is aligned."""

    def __init__(self, length: int, alignment: Sequence[AlignedSpan]) -> None:
        self._starts = [_UNALIGNED] * length
        self._ends = [-1] * length
        for source_start, source_end, target_start, target_end in alignment:
            for character in range(source_start, source_end):
                self._starts[character] = min(self._starts[character], target_start)
                self._ends[character] = max(self._ends[character], target_end)

    def target_offset(self, tag: InlineTag) -> int | None:
        """Return the preferred offset of a tag in the target text, or None if no word is aligned."""
        if tag.kind is TagKind.OPENING:
            start = min(self._starts[tag.start : tag.end], default=_UNALIGNED)
            if start < _UNALIGNED:
                return start
        elif tag.kind is TagKind.CLOSING:
            end = max(self._ends[tag.start : tag.end], default=-1)
            if end >= 0:
                return end
        for character in range(tag.position - 1, -1, -1):
            if self._ends[character] >= 0:
                return self._ends[character]
        return next((start for start in self._starts[tag.position :] if start < _UNALIGNED), None)


def _words_before(words: Sequence[WordRange], offset: int, kind: TagKind) -> int:
    """Return the number of words before a tag.

    If the offset lies inside a word, an opening tag is moved before the word and other tags after it.
    """
    if kind is TagKind.OPENING:
        return bisect_right(words, offset, key=lambda word: word[1])
    return bisect_left(words, offset, key=lambda word: word[0])


def _minimum_gap(before: InlineTag, after: InlineTag, source: str) -> int:
    """Return the minimum number of words between two tags: 1 if they enclose an element with words, else 0."""
    is_element = before.kind is TagKind.OPENING and after.kind is TagKind.CLOSING
    same_range = (before.start, before.end) == (after.start, after.end)
    return int(is_element and same_range and _WORD.search(source, before.start, before.end) is not None)


def _nearest_in_order(preferred: Sequence[int], gaps: Sequence[int], maximum: int) -> list[int]:
    """Return numbers from 0 to ``maximum`` with the least sum of distances from the preferred numbers.

    Each number exceeds the previous one by at least its gap; the gaps are ignored if their sum exceeds ``maximum``.
    This is isotonic regression with absolute deviations, solved with a heap of the points where the slope of the cost
    changes.
    """
    floors = list(accumulate(gaps))
    if floors and floors[-1] > maximum:
        floors = [0] * len(floors)
    heap: list[int] = []
    minima: list[int] = []
    for number, floor in zip(preferred, floors, strict=True):
        number = min(max(number - floor, 0), maximum - floors[-1])
        heappush(heap, -number)
        if -heap[0] > number:
            heapreplace(heap, -number)
        minima.append(-heap[0])
    ordered = list(accumulate(reversed(minima), min))[::-1]
    return [number + floor for number, floor in zip(ordered, floors, strict=True)]


def _snap_to_word_edges(
    tags: Sequence[InlineTag], words_before: Sequence[int], words: Sequence[WordRange]
) -> list[int]:
    """Return the offset of each tag: the start of the next word for opening tags, else the end of the previous word."""
    offsets = [0]
    for tag, count in zip(tags, words_before, strict=True):
        if not words:
            edge = 0
        elif count == 0 or (tag.kind is TagKind.OPENING and count < len(words)):
            edge = words[count][0]
        else:
            edge = words[count - 1][1]
        offsets.append(max(offsets[-1], edge))
    return offsets[1:]
