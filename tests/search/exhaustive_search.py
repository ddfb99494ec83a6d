"""Reference implementation of decoding options: enumerate and rank all translations over a tiny vocabulary."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

from fake_engine import BEGIN, END, FakeEngine

from nmt.search.options import DecodingOptions

Tokens = tuple[int, ...]


def rank_all_translations(
    engine: FakeEngine, source: Sequence[int], options: DecodingOptions
) -> list[tuple[float, list[int]]]:
    """Return the rank scores and tokens of all translations that the options allow, best first."""
    limit = max(
        int(options.max_length_ratio * len(source)) + options.max_length_extra,
        len(options.target_prefix) + sum(map(len, options.force_phrases)) + len(options.copy_tokens) + 1,
    )
    min_length = max(1, min(int(options.min_length_ratio * len(source)), limit - 1))
    copies = _CopyRules(engine, source, options, min_length, limit)
    allowed = [
        tokens
        for length in range(min_length, limit)
        for tokens in itertools.product(range(2, engine.vocabulary), repeat=length)
        if tokens[: len(options.target_prefix)] == options.target_prefix
        and all(_is_allowed(tokens[:i], tokens[i], options) for i in range(len(options.target_prefix), length))
        and not list(_missing_phrases(tokens, options.force_phrases))
        and all(tokens.count(token) == 1 for token in options.copy_tokens)
        and all(copies.allow(tokens[:i], tokens[i]) for i in range(len(options.target_prefix), length))
    ]
    return sorted(((_rank_score(engine, source, tokens, options), list(tokens)) for tokens in allowed), reverse=True)


class _CopyRules:
    """Rules for hypotheses of the search with copy tokens."""

    def __init__(
        self, engine: FakeEngine, source: Sequence[int], options: DecodingOptions, min_length: int, limit: int
    ) -> None:
        self._engine, self._source, self._options = engine, source, options
        self._min_length, self._limit = min_length, limit

    def allow(self, tokens: Tokens, token: int) -> bool:
        """Return false for another token than a copy token where the search forces one."""
        missing = set(self._options.copy_tokens).difference(tokens)
        if not missing or token in missing or self._options.force_phrases:
            return True
        if len(missing) >= self._limit - 1 - len(tokens):
            return False
        scores = self._engine.log_probabilities(self._source, (BEGIN, *tokens))
        others = [t for t in range(2, self._engine.vocabulary) if t in missing or self._is_proposed(tokens, t)]
        return len(tokens) < self._min_length or scores[END] < max(scores[others])

    def _is_proposed(self, tokens: Tokens, token: int) -> bool:
        return token not in self._options.copy_tokens and _is_allowed(tokens, token, self._options)


def _is_allowed(tokens: Tokens, token: int, options: DecodingOptions) -> bool:
    """Return whether a next token is not suppressed, or extends a required phrase."""
    if token in options.copy_tokens:
        return True
    longer, n = (*tokens, token), options.no_repeat_ngram_size
    repeats = n > 0 and any(longer[i : i + n] == longer[-n:] for i in range(len(longer) - n))
    continues = token in options.word_continuations and any(
        tokens[len(tokens) - len(phrase) :] == phrase for phrase in options.force_phrases
    )
    if not repeats and not continues and not any(longer[-len(phrase) :] == phrase for phrase in options.bad_phrases):
        return True
    for phrase in _missing_phrases(tokens, options.force_phrases):
        matched = max(n for n in range(len(phrase)) if tokens[len(tokens) - n :] == phrase[:n])
        if phrase[matched] == token:
            return True
    return False


def _missing_phrases(tokens: Tokens, required: Sequence[Tokens]) -> Iterator[Tokens]:
    for phrase in set(required):
        found = sum(tokens[i : i + len(phrase)] == phrase for i in range(len(tokens)))
        if found < required.count(phrase):
            yield phrase


def _rank_score(engine: FakeEngine, source: Sequence[int], tokens: Tokens, options: DecodingOptions) -> float:
    path = (BEGIN, *tokens, END)
    prefixes = [path[:i] for i in range(1, len(path))]
    total = sum(float(engine.log_probabilities(source, prefix)[path[len(prefix)]]) for prefix in prefixes)
    rank_score = total / ((5 + len(tokens) + 1) / 6) ** options.length_penalty
    if options.coverage_penalty:
        attention = [engine.attention(source, prefix) for prefix in prefixes]
        rank_score += options.coverage_penalty * sum(
            math.log(min(max(sum(float(step[position]) for step in attention), 1e-6), 1.0))
            for position in range(len(source))
        )
    return rank_score
