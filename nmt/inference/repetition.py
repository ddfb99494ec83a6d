"""Detection of translations that degenerate into repetition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_MAX_PERIOD = 8  # tokens of the longest repeated sequence that is detected


def has_repetition(source: Sequence[int], target: Sequence[int]) -> bool:
    """Return whether a sequence of tokens occurs several times in succession in the target, but not in the source.

    Four equal tokens, or three equal sequences of 2 to 8 tokens, count as repetition unless the source contains at
    least as many equal tokens or sequences in succession.
    """
    # Any such repetition contains a duplicate bigram.
    if len(set(pairwise(target))) == len(target) - 1:
        return False
    periods = range(1, _MAX_PERIOD + 1)
    allowed = max(_count_repetitions(source, n) for n in periods)
    return any(_count_repetitions(target, n) >= max(4 if n == 1 else 3, allowed + 1) for n in periods)


def _count_repetitions(ids: Sequence[int], period: int) -> int:
    """Return the largest number of consecutive occurrences of any sequence of ``period`` token ids."""
    longest = run = 0
    for before, after in zip(ids, ids[period:], strict=False):
        run = run + 1 if before == after else 0
        longest = max(longest, run)
    return longest // period + 1
