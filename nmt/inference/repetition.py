"""Detection of translations that degenerate into repetition, and the options for decoding them again.

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
    may_retry = options.retry_repetition and options.no_repeat_ngram_size == 0
    return may_retry and has_repetition(source, hypotheses[0].tokens)


def retry_options(options: DecodingOptions) -> DecodingOptions:
    """Return the options of the second attempt."""
    return replace(options, no_repeat_ngram_size=_RETRY_NGRAM_SIZE)


def choose_attempt(source: Sequence[int], first: list[Hypothesis], second: list[Hypothesis]) -> list[Hypothesis]:
    """Return the hypotheses of the second attempt, or of the first attempt if the second also contains repetition."""
    return first if has_repetition(source, second[0].tokens) else second


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
