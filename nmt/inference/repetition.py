"""Detection of translations that degenerate into repetition."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import pairwise

_MAX_PERIOD = 8  # units of the longest repeated sequence that is detected
_STRETCH = 9  # units in which few different ones count as repetition
_MAX_DIFFERENT = 3  # units in such a stretch


def has_repetition(source: Sequence[Hashable], target: Sequence[Hashable]) -> bool:
    """Return whether the target goes round in circles, and the source does not.

    The units of both are tokens or words. These count as repetition:

    - four equal units, or three equal sequences of 2 to 8 units, in succession, unless the source contains at least as
      many equal units or sequences in succession;
    - nine successive units of which at most three are different, such as "mon mon où mon où où mon où mon", unless the
      source contains such a stretch too.
    """
    return _repeats_sequences(source, target) or (
        _has_monotonous_stretch(target) and not _has_monotonous_stretch(source)
    )


def _repeats_sequences(source: Sequence[Hashable], target: Sequence[Hashable]) -> bool:
    # Any such repetition contains a duplicate bigram.
    if len(set(pairwise(target))) >= len(target) - 1:
        return False
    periods = range(1, _MAX_PERIOD + 1)
    allowed = max(_count_repetitions(source, n) for n in periods)
    return any(_count_repetitions(target, n) >= max(4 if n == 1 else 3, allowed + 1) for n in periods)


def _count_repetitions(units: Sequence[Hashable], period: int) -> int:
    """Return the largest number of consecutive occurrences of any sequence of ``period`` units."""
    longest = run = 0
    for before, after in zip(units, units[period:], strict=False):
        run = run + 1 if before == after else 0
        longest = max(longest, run)
    return longest // period + 1


def _has_monotonous_stretch(units: Sequence[Hashable]) -> bool:
    if len(units) - len(set(units)) < _STRETCH - _MAX_DIFFERENT:  # certainly not, and fast
        return False
    starts = range(len(units) - _STRETCH + 1)
    return any(len(set(units[start : start + _STRETCH])) <= _MAX_DIFFERENT for start in starts)
