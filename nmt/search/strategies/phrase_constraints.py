"""Token constraints that follow from phrases: suppressed completions, repeated n-grams and required phrases.

This is plain Python on tuples of token ids, because few sentences have constraints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

Tokens = tuple[int, ...]
"""Token ids of a hypothesis or a phrase."""


def phrase_completions(tokens: Tokens, phrases: Iterable[Tokens]) -> set[int]:
    """Return the next tokens that would complete one of the phrases."""
    return {phrase[-1] for phrase in phrases if tokens[len(tokens) - len(phrase) + 1 :] == phrase[:-1]}


def ngram_repetitions(tokens: Tokens, n: int) -> set[int]:
    """Return the next tokens that would repeat an n-gram (Paulus et al. 2018); the set is empty if n is 0."""
    if n == 0:
        return set()
    return phrase_completions(tokens, {tokens[start : start + n] for start in range(len(tokens) - n + 1)})


class RequiredPhrases:
    """Phrases that must occur in a translation, each as often as it is listed; occurrences may overlap."""

    def __init__(self, phrases: Iterable[Tokens]) -> None:
        self._phrases = Counter(phrases)
        self.total_tokens = sum(len(phrase) * times for phrase, times in self._phrases.items())
        """Number of tokens of all phrases, which `progress` returns only when every phrase occurs."""

    def progress(self, tokens: Tokens) -> int:
        """Return the number of constraint tokens that a hypothesis satisfies.

        This counts the phrases that occur, and the longest beginning of a missing phrase at the end of the hypothesis.
        An interrupted phrase has to start again.
        """
        missing = self._missing(tokens)
        met = self.total_tokens - sum(len(phrase) * times for phrase, times in missing.items())
        return met + max((_matched_length(tokens, phrase) for phrase in missing), default=0)

    def next_tokens(self, tokens: Tokens) -> set[int]:
        """Return the next tokens that would extend a missing phrase."""
        return {phrase[_matched_length(tokens, phrase)] for phrase in self._missing(tokens)}

    def _missing(self, tokens: Tokens) -> Counter[Tokens]:
        """Return how often each phrase still has to occur."""
        return +Counter({phrase: times - _occurrences(tokens, phrase) for phrase, times in self._phrases.items()})


def _occurrences(tokens: Tokens, phrase: Tokens) -> int:
    return sum(tokens[start : start + len(phrase)] == phrase for start in range(len(tokens) - len(phrase) + 1))


def _matched_length(tokens: Tokens, phrase: Tokens) -> int:
    """Return the length of the longest proper prefix of the phrase that the hypothesis ends with."""
    return max(n for n in range(len(phrase)) if tokens[len(tokens) - n :] == phrase[:n])
