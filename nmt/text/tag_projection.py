"""Where marks in a sentence belong in its translation.

A mark is a place in the source: the opening or closing end of a stretch of it, or a point. The alignment says where
each would best stand in the target. Their order is kept, whatever the order of the words has become.
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from heapq import heappush, heapreplace
from itertools import accumulate, pairwise

from nmt.text.alignment import AlignedSpan

# A mark stands before or after a word, never in it. Han and Hiragana, written without spaces, are words one by one; the
# punctuation beside a word is one too. Apostrophe and hyphen are of the word that they are in: "don't".
_HAN = "\u3005-\u3007\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_PUNCTUATION = (
    "!-/:-@\\[-`{-~\xa1-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb\xbf؛؟،۔।॥\u2010-\u2027\u2030-\u205e\u3001-\u3004\u3008-\u303f"
    "\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
_LETTERS = f"[^\\s{_HAN}{_PUNCTUATION}]+"
_WORD = re.compile(f"[{_HAN}]|{_LETTERS}(?:['’-]{_LETTERS})*|[{_PUNCTUATION}]+")

_NOWHERE = sys.maxsize
_AFFORDABLE = 1_000_000
"""Marks times characters, in one sentence, for which the alignment is looked at; beyond that, only proportions are."""


class TagKind(Enum):
    """What a mark does."""

    OPENING = "opening"
    CLOSING = "closing"
    STANDALONE = "standalone"


@dataclass(frozen=True, slots=True)
class InlineTag:
    """A mark, and the stretch ``[begin, end)`` of the source that it opens or closes; a point's is empty."""

    kind: TagKind
    begin: int
    end: int

    @property
    def place(self) -> int:
        """Where it stands."""
        return self.end if self.kind is TagKind.CLOSING else self.begin


def project_tags(
    marks: Sequence[InlineTag], source: str, target: str, alignment: Sequence[AlignedSpan] | None
) -> list[int]:
    """For each mark, in order, its place in ``target``: places never decrease, and lie beside words.

    An opening mark wants to be before the first word that its stretch is aligned to, a closing one after the last, a
    point after what the words before it are aligned to. Without alignment, so many words of the source are before a
    mark, so many in proportion are in the target. Of all places in order, these are the nearest to what was wanted
    that leave no stretch of words empty.
    """
    words = [word.span() for word in _WORD.finditer(target)]
    source_words = [word.span() for word in _WORD.finditer(source)]
    affordable = len(marks) * len(source) <= _AFFORDABLE
    links = _Links(len(source), alignment if alignment and affordable else ())
    wanted = []
    for mark in marks:
        linked = links.target_of(mark) if affordable else None
        if linked is None:
            before = _words_before(source_words, mark.place, mark.kind)
            wanted.append(round(before * len(words) / max(len(source_words), 1)))
        else:
            wanted.append(_words_before(words, linked, mark.kind))
    least = [_least_between(before, after, source) for before, after in pairwise((marks[0], *marks))] if marks else []
    return _characters(marks, _in_order(wanted, least, len(words)), words)


class _Links:
    """For each character of the source, the stretch of the target that it is aligned to."""

    def __init__(self, length: int, alignment: Sequence[AlignedSpan]) -> None:
        self._first = [_NOWHERE] * length
        self._last = [-1] * length
        for source_start, source_end, target_start, target_end in alignment:
            for character in range(source_start, source_end):
                self._first[character] = min(self._first[character], target_start)
                self._last[character] = max(self._last[character], target_end)

    def target_of(self, mark: InlineTag) -> int | None:
        """The place in the target that a mark wants; None if nothing near it is aligned."""
        if mark.kind is TagKind.OPENING:
            first = min(self._first[mark.begin : mark.end], default=_NOWHERE)
            if first < _NOWHERE:
                return first
        elif mark.kind is TagKind.CLOSING:
            last = max(self._last[mark.begin : mark.end], default=-1)
            if last >= 0:
                return last
        for character in range(mark.place - 1, -1, -1):
            if self._last[character] >= 0:
                return self._last[character]
        return next((first for first in self._first[mark.place :] if first < _NOWHERE), None)


def _words_before(words: Sequence[tuple[int, int]], place: int, kind: TagKind) -> int:
    """How many words come before a mark that wants ``place``; in a word, an opening one goes before it."""
    if kind is TagKind.OPENING:
        return bisect_right(words, place, key=lambda word: word[1])
    return bisect_left(words, place, key=lambda word: word[0])


def _least_between(before: InlineTag, after: InlineTag, source: str) -> int:
    """1 for the two ends of a stretch that holds words, which shall still hold one."""
    ends = before.kind is TagKind.OPENING and after.kind is TagKind.CLOSING
    same = (before.begin, before.end) == (after.begin, after.end)
    return int(ends and same and _WORD.search(source, before.begin, before.end) is not None)


def _in_order(wanted: Sequence[int], least: Sequence[int], most: int) -> list[int]:
    """The numbers that differ least from ``wanted`` in sum, from 0 to ``most``, each ``least`` above the one before.

    Where there is no room for that, each at least as large as the one before.
    """
    floors = list(accumulate(least))
    if floors and floors[-1] > most:
        floors = [0] * len(floors)
    # Isotonic regression by least absolute deviations, with a heap of the points where the sum's slope changes.
    heap: list[int] = []
    found: list[int] = []
    for number, floor in zip(wanted, floors, strict=True):
        number = min(max(number - floor, 0), most - floors[-1])
        heappush(heap, -number)
        if -heap[0] > number:
            heapreplace(heap, -number)
        found.append(-heap[0])
    ordered = list(accumulate(reversed(found), min))[::-1]
    return [number + floor for number, floor in zip(ordered, floors, strict=True)]


def _characters(marks: Sequence[InlineTag], before: Sequence[int], words: Sequence[tuple[int, int]]) -> list[int]:
    """The places that come after so many words: an opening mark close to the next word, others to the one before."""
    places = [0]
    for mark, count in zip(marks, before, strict=True):
        if not words:
            beside = 0
        elif count == 0 or (mark.kind is TagKind.OPENING and count < len(words)):
            beside = words[count][0]
        else:
            beside = words[count - 1][1]
        places.append(max(places[-1], beside))
    return places[1:]
