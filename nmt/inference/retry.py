"""Second attempts at decoding sentences whose first translation has a flaw that other options can avoid.

- A translation with repetition is decoded again with repeated n-grams forbidden. If that repeats itself too, another
  hypothesis of the two searches is taken.
- Where the network did not place a copy token by itself, beam search has forced it where the hypothesis would have
  ended. Dynamic beam allocation finds a more probable place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from nmt.inference.repetition import has_repetition
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions

_RETRY_NGRAM_SIZE = 3
_RETRY_HYPOTHESES = 5  # to choose from if the best one repeats itself again
_MIN_COPY_PROBABILITY = 0.02  # of a copy token; lower ones have been forced
_MAX_ALLOCATED_COPIES = 8  # the time of dynamic beam allocation grows with the number of constraints


def retry_options(
    source: Sequence[int], hypotheses: Sequence[Hypothesis], options: DecodingOptions
) -> DecodingOptions | None:
    """Return the options of the second attempt, given the hypotheses of the first; None if the first is accepted."""
    best = hypotheses[0]
    retry = options
    if options.retry_repetition and options.no_repeat_ngram_size == 0 and has_repetition(source, best.tokens):
        count = max(options.num_hypotheses, _RETRY_HYPOTHESES)
        retry = replace(retry, no_repeat_ngram_size=_RETRY_NGRAM_SIZE, num_hypotheses=count)
    if _has_forced_copies(best, options):
        retry = replace(retry, allocate_copies=True)
    return None if retry is options else retry


def choose_attempt(source: Sequence[int], first: list[Hypothesis], second: list[Hypothesis]) -> list[Hypothesis]:
    """Return the hypotheses of the better attempt, as many as the first attempt has.

    The better attempt is the one without repetition or, if they do not differ, with the better rank score. If both
    repeat themselves, the best hypothesis without repetition comes first or, if there is none, the shortest one.
    """
    repetitions = [has_repetition(source, attempt[0].tokens) for attempt in (first, second)]
    if all(repetitions):
        return _put_first(_least_repetitive(source, first, second), first, second)
    if repetitions[0] != repetitions[1]:
        better = first if repetitions[1] else second
    else:
        better = second if second[0].rank_score > first[0].rank_score else first
    return better[: len(first)]


def _least_repetitive(source: Sequence[int], first: Sequence[Hypothesis], second: Sequence[Hypothesis]) -> Hypothesis:
    """Return the best hypothesis without repetition or, if there is none, the shortest one."""
    hypotheses = [*first, *second]
    varied = [hypothesis for hypothesis in hypotheses if not has_repetition(source, hypothesis.tokens)]
    if varied:
        return max(varied, key=lambda hypothesis: hypothesis.rank_score)
    return min(hypotheses, key=lambda hypothesis: len(hypothesis.tokens))


def _put_first(chosen: Hypothesis, first: list[Hypothesis], second: list[Hypothesis]) -> list[Hypothesis]:
    """Return a hypothesis and the others of its attempt, as many as the first attempt has."""
    attempt = first if any(each is chosen for each in first) else second
    return [chosen, *(each for each in attempt if each is not chosen)][: len(first)]


def _has_forced_copies(hypothesis: Hypothesis, options: DecodingOptions) -> bool:
    """Return whether a copy token of a hypothesis is improbable, and dynamic beam allocation can be tried."""
    if not 0 < len(options.copy_tokens) <= _MAX_ALLOCATED_COPIES:
        return False
    if options.forces_phrases or options.sampling_temperature > 0 or options.num_beam_groups > 1:
        return False
    scores = zip(hypothesis.tokens, hypothesis.token_scores, strict=False)
    return any(score < math.log(_MIN_COPY_PROBABILITY) for token, score in scores if token in options.copy_tokens)
