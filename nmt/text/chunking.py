"""Splitting of texts that exceed the maximum input length of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

# In order of preference: after a sentence, after a clause, after a word.
_BOUNDARIES = (
    re.compile(r"[.!?…]+[\"'»”’)\]]*\s|[。！？]"),
    re.compile(r"[;:,–—]\s|[；：，、]"),
    re.compile(r"\s"),
)


def split_into_chunks(text: str, ends: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Return consecutive ranges ``[start, end)`` of code points that cover a text with at most ``limit`` tokens each.

    ``ends`` are the ends of the tokens in the text. A chunk ends after the last sentence that fits, else after the last
    clause, else after the last word, else between any two tokens.
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
    # A cut in the first quarter would leave a very short chunk; a weaker boundary further on is better.
    earliest = start + (furthest - start) // 4
    for boundary in _BOUNDARIES:
        cut = max((match.end() for match in boundary.finditer(text, start, furthest)), default=0)
        if cut > earliest:
            return cut
    return furthest
