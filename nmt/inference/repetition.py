"""Detection of translations that degenerate into repetition, and the rule for decoding them again.

A translation with repetition is decoded once more with repeated n-grams forbidden. The second attempt replaces the
first unless it repeats too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions

_RETRY_NGRAM_SIZE = 3
_MAX_PERIOD = 8  # tokens of the longest repeated sequence that is detected


def needs_retry(source: Sequence[int], hypotheses: Sequence[Hypothesis], options: DecodingOptions) -> bool:
    """Return whether a sentence should be decoded again, given the hypotheses of the first attempt, best first."""
    if not options.retry_repetition or options.no_repeat_ngram_size > 0:
        return False
    return has_repetition(source, hypotheses[0].tokens)


def retry_options(options: DecodingOptions) -> DecodingOptions:
    """Return the options of the second attempt."""
    return replace(options, no_repeat_ngram_size=_RETRY_NGRAM_SIZE)


def choose_attempt(source: Sequence[int], first: list[Hypothesis], second: list[Hypothesis]) -> list[Hypothesis]:
    """Return the hypotheses of the second attempt, or those of the first if the second repeats too."""
    return first if has_repetition(source, second[0].tokens) else second


def has_repetition(source: Sequence[int], target: Sequence[int]) -> bool:
    """Return whether a sequence of tokens repeats consecutively in the target more often than in the source.

    Four equal tokens, or three equal sequences of 2 to 8 tokens, count as repetition unless the source has as many.
    """
    # Any such repetition contains a duplicate bigram.
    if len(set(pairwise(target))) == len(target) - 1:
        return False
    allowed = max(_repetitions(source, period) for period in range(1, _MAX_PERIOD + 1))
    return any(
        _repetitions(target, period) >= max(4 if period == 1 else 3, allowed + 1)
        for period in range(1, _MAX_PERIOD + 1)
    )


def _repetitions(ids: Sequence[int], period: int) -> int:
    """Return the maximum number of consecutive occurrences of any sequence of ``period`` ids."""
    longest = run = 0
    for before, after in zip(ids, ids[period:], strict=False):
        run = run + 1 if before == after else 0
        longest = max(longest, run)
    return longest // period + 1
