"""Cutting what is too long for the model into parts that are not, at the best places there are."""

from __future__ import annotations

import re
from collections.abc import Sequence

# From the best place to the worst: after a sentence, after a clause, after a word.
_PLACES = (
    re.compile(r"[.!?…]+[\"'»”’)\]]*\s|[。！？]"),
    re.compile(r"[;:,–—]\s|[；：，、]"),
    re.compile(r"\s"),
)


def split_into_chunks(text: str, ends: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Ranges ``[start, end)`` of code points that together cover ``text``, each of at most ``limit`` pieces.

    ``ends`` gives, for each piece of the text, the code point after it. Cuts fall after the last sentence that fits,
    else the last clause, else the last word, else anywhere between pieces.
    """
    ranges = []
    start, used = 0, 0
    while len(ends) - used > limit:
        furthest = max(ends[used + limit - 1], start + 1)
        cut = _best_cut(text, start, furthest)
        ranges.append((start, cut))
        start = cut
        while used < len(ends) and ends[used] <= cut:
            used += 1
    if start < len(text) or not ranges:
        ranges.append((start, len(text)))
    return ranges


def _best_cut(text: str, start: int, furthest: int) -> int:
    # A cut in the first quarter would leave a stub: the next kind of place is better then.
    earliest = start + (furthest - start) // 4
    for place in _PLACES:
        cut = max((match.end() for match in place.finditer(text, start, furthest)), default=0)
        if cut > earliest:
            return cut
    return furthest
