"""Second attempts at decoding sentences whose first translation has a flaw that other options can avoid.

- A translation with repetition is decoded again with repeated n-grams forbidden.
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
_MIN_COPY_PROBABILITY = 0.02  # of a copy token; lower ones have been forced
_MAX_ALLOCATED_COPIES = 8  # the time of dynamic beam allocation grows with the number of constraints


def retry_options(
    source: Sequence[int], hypotheses: Sequence[Hypothesis], options: DecodingOptions
) -> DecodingOptions | None:
    """Return the options of the second attempt, given the hypotheses of the first; None if the first is accepted."""
    best = hypotheses[0]
    retry = options
    if options.retry_repetition and options.no_repeat_ngram_size == 0 and has_repetition(source, best.tokens):
        retry = replace(retry, no_repeat_ngram_size=_RETRY_NGRAM_SIZE)
    if _has_forced_copies(best, options):
        retry = replace(retry, allocate_copies=True)
    return None if retry is options else retry


def choose_attempt(source: Sequence[int], first: list[Hypothesis], second: list[Hypothesis]) -> list[Hypothesis]:
    """Return the hypotheses of the attempt without repetition, or with the better rank score if they do not differ."""
    repetitions = [has_repetition(source, attempt[0].tokens) for attempt in (first, second)]
    if repetitions[0] != repetitions[1]:
        return first if repetitions[1] else second
    return second if second[0].rank_score > first[0].rank_score else first


def _has_forced_copies(hypothesis: Hypothesis, options: DecodingOptions) -> bool:
    """Return whether a copy token of a hypothesis is improbable, and dynamic beam allocation can be tried."""
    if not 0 < len(options.copy_tokens) <= _MAX_ALLOCATED_COPIES:
        return False
    if options.forces_phrases or options.sampling_temperature > 0 or options.num_beam_groups > 1:
        return False
    scores = zip(hypothesis.tokens, hypothesis.token_scores, strict=False)
    return any(score < math.log(_MIN_COPY_PROBABILITY) for token, score in scores if token in options.copy_tokens)
