"""What search options mean, said by enumerating every translation of a tiny vocabulary and ranking all of them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from fake_engine import BEGIN, END, FakeEngine

from nmt.search.options import DecodingOptions

Words = tuple[int, ...]


def everything(engine: FakeEngine, source: Sequence[int], options: DecodingOptions) -> list[tuple[float, list[int]]]:
    """All translations that the options allow, with their ranks, best first."""
    limit = max(
        int(options.max_length_ratio * len(source)) + options.max_length_extra,
        len(options.target_prefix) + sum(map(len, options.force_phrases)) + 1,
    )
    fewest = max(1, min(int(options.min_length_ratio * len(source)), limit - 1))
    allowed = [
        words
        for length in range(fewest, limit)
        for words in itertools.product(range(2, engine.vocabulary), repeat=length)
        if words[: len(options.target_prefix)] == options.target_prefix
        and all(_allowed(words[:i], words[i], options) for i in range(len(options.target_prefix), length))
        and not list(_missing(words, options.force_phrases))
    ]
    return sorted(((_rank(engine, source, words, options), list(words)) for words in allowed), reverse=True)


def _allowed(words: Words, token: int, options: DecodingOptions) -> bool:
    """Whether no ban speaks against a token, or it brings a required phrase further."""
    longer, n = (*words, token), options.no_repeat_ngram_size
    repeats = n > 0 and any(longer[i : i + n] == longer[-n:] for i in range(len(longer) - n))
    if not repeats and not any(longer[-len(phrase) :] == phrase for phrase in options.bad_phrases):
        return True
    for phrase in _missing(words, options.force_phrases):
        begun = max(n for n in range(len(phrase)) if words[len(words) - n :] == phrase[:n])
        if phrase[begun] == token:
            return True
    return False


def _missing(words: Words, required: Sequence[Words]) -> Iterator[Words]:
    for phrase in set(required):
        found = sum(words[i : i + len(phrase)] == phrase for i in range(len(words)))
        if found < required.count(phrase):
            yield phrase


def _rank(engine: FakeEngine, source: Sequence[int], words: Words, options: DecodingOptions) -> float:
    path = (BEGIN, *words, END)
    prefixes = [path[:i] for i in range(1, len(path))]
    total = sum(float(engine.log_probabilities(source, prefix)[path[len(prefix)]]) for prefix in prefixes)
    rank = total / ((5 + len(words) + 1) / 6) ** options.length_penalty
    if options.coverage_penalty:
        attention = [engine.attention(source, prefix) for prefix in prefixes]
        rank += options.coverage_penalty * sum(
            math.log(min(max(sum(float(step[place]) for step in attention), 1e-6), 1.0)) for place in range(len(source))
        )
    return rank
