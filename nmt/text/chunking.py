"""Splitting of texts that exceed the maximum input length of a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

# Ends of sentences, clauses and words, in order of preference.
_BOUNDARIES = (
    re.compile(r"[.!?…]+[\"'»”’)\]]*\s|[。！？]"),
    re.compile(r"[;:,–—]\s|[；：，、]"),
    re.compile(r"\s"),
)


def split_into_chunks(text: str, token_ends: Sequence[int], max_tokens: int) -> list[tuple[int, int]]:
    """Split a text into consecutive ranges ``[start, end)`` of code points with at most ``max_tokens`` tokens each.

    ``token_ends`` are the end offsets of the tokens in the text. A chunk ends after the last sentence that fits, else
    after the last clause, else after the last word, else between any two tokens.
    """
    ranges = []
    start, used = 0, 0
    while len(token_ends) - used > max_tokens:
        furthest = max(token_ends[used + max_tokens - 1], start + 1)
        cut = _best_cut(text, start, furthest)
        ranges.append((start, cut))
        start = cut
        while used < len(token_ends) and token_ends[used] <= cut:
            used += 1
    if start < len(text) or not ranges:
        ranges.append((start, len(text)))
    return ranges


def _best_cut(text: str, start: int, furthest: int) -> int:
    """Return the best offset at which a chunk may end, if it must end at ``furthest`` at the latest."""
    # A cut in the first quarter would leave a very short chunk; a weaker boundary further on is better.
    earliest = start + (furthest - start) // 4
    for boundary in _BOUNDARIES:
        cut = max((match.end() for match in boundary.finditer(text, start, furthest)), default=0)
        if cut > earliest:
            return cut
    return furthest
