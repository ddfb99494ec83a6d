"""Noticing what went wrong in a translation: loops, and nothing at all."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_LONGEST_LOOP = 8  # pieces of the part that comes again and again


def has_repetition(source: Sequence[int], target: Sequence[int]) -> bool:
    """Whether pieces repeat at once, again and again, more than they do in the source.

    Four times the same piece, or three times the same few, are a loop; a source that repeats as often excuses it.
    """
    # Whatever comes three times in a row (or four times, if it is one piece) has two neighbours in common.
    if len(set(pairwise(target))) == len(target) - 1:
        return False
    allowed = max(_repetitions(source, size) for size in range(1, _LONGEST_LOOP + 1))
    return any(
        _repetitions(target, size) >= max(4 if size == 1 else 3, allowed + 1) for size in range(1, _LONGEST_LOOP + 1)
    )


def _repetitions(ids: Sequence[int], size: int) -> int:
    """How often, at most, a part of ``size`` ids stands there in a row."""
    longest = run = 0
    for before, after in zip(ids, ids[size:], strict=False):
        run = run + 1 if before == after else 0
        longest = max(longest, run)
    return longest // size + 1
