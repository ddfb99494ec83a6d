"""Token-level constraints: tokens that complete a forbidden phrase, tokens that repeat an n-gram, required phrases.

The functions use tuples of token ids instead of arrays, because few sentences have constraints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

Tokens = tuple[int, ...]
"""Token ids of a hypothesis or a phrase."""


def tokens_completing_phrases(tokens: Tokens, phrases: Iterable[Tokens]) -> set[int]:
    """Return the next tokens that would complete one of the phrases."""
    return {phrase[-1] for phrase in phrases if tokens[len(tokens) - len(phrase) + 1 :] == phrase[:-1]}


def ends_with_phrase(tokens: Tokens, phrases: Iterable[Tokens]) -> bool:
    """Return whether a hypothesis ends with one of the phrases."""
    return any(tokens[-len(phrase) :] == phrase for phrase in phrases)


def tokens_repeating_ngrams(tokens: Tokens, n: int) -> set[int]:
    """Return the next tokens that would repeat an n-gram (Paulus et al. 2018); the set is empty if n is 0."""
    if n == 0:
        return set()
    return tokens_completing_phrases(tokens, {tokens[start : start + n] for start in range(len(tokens) - n + 1)})


class RequiredPhrases:
    """Phrases that must occur in a translation, each as often as it is listed; occurrences may overlap."""

    def __init__(self, phrases: Iterable[Tokens]) -> None:
        self._phrases = Counter(phrases)
        self.total_tokens = sum(len(phrase) * times for phrase, times in self._phrases.items())
        """Number of tokens of all phrases, each counted as often as the phrase is listed."""

    def count_satisfied(self, tokens: Tokens) -> int:
        """Return the number of tokens of required phrases that a hypothesis satisfies.

        These are the tokens of the phrases that occur, and of the longest prefix of a missing phrase with which the
        hypothesis ends. The result is `total_tokens` only if every phrase occurs.
        """
        missing = self._missing_counts(tokens)
        met = self.total_tokens - sum(len(phrase) * times for phrase, times in missing.items())
        return met + max((_matched_prefix_length(tokens, phrase) for phrase in missing), default=0)

    def next_tokens(self, tokens: Tokens) -> set[int]:
        """Return the next tokens that would extend a missing phrase."""
        return {phrase[_matched_prefix_length(tokens, phrase)] for phrase in self._missing_counts(tokens)}

    def _missing_counts(self, tokens: Tokens) -> Counter[Tokens]:
        """Return the number of times that each phrase still has to occur."""
        return +Counter({phrase: times - _count_occurrences(tokens, phrase) for phrase, times in self._phrases.items()})


def _count_occurrences(tokens: Tokens, phrase: Tokens) -> int:
    """Return the number of times that a phrase occurs in a hypothesis."""
    return sum(tokens[start : start + len(phrase)] == phrase for start in range(len(tokens) - len(phrase) + 1))


def _matched_prefix_length(tokens: Tokens, phrase: Tokens) -> int:
    """Return the length of the longest proper prefix of the phrase with which the hypothesis ends."""
    return max(n for n in range(len(phrase)) if tokens[len(tokens) - n :] == phrase[:n])
