"""What may and what must come next, given the words of a hypothesis. Plain Python: few sentences have constraints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

Words = tuple[int, ...]


def completing(words: Words, phrases: Iterable[Words]) -> set[int]:
    """The tokens that would complete one of some phrases."""
    return {phrase[-1] for phrase in phrases if words[len(words) - len(phrase) + 1 :] == phrase[:-1]}


def repeating(words: Words, n: int) -> set[int]:
    """The tokens that would repeat an n-gram (Paulus et al. 2018); none where n is 0."""
    if n == 0:
        return set()
    return completing(words, {words[start : start + n] for start in range(len(words) - n + 1)})


class Required:
    """Phrases that must occur, each so many times; occurrences may overlap."""

    def __init__(self, phrases: Iterable[Words]) -> None:
        self._phrases = Counter(phrases)
        self.total = sum(len(phrase) * times for phrase, times in self._phrases.items())
        """Tokens of all of them: the progress of words that contain them all, and only of those."""

    def progress(self, words: Words) -> int:
        """Tokens of the phrases that occur, and of the one that has got furthest at the end of the words.

        A phrase that is interrupted starts again: nothing but the words themselves is remembered.
        """
        missing = self._missing(words)
        met = self.total - sum(len(phrase) * times for phrase, times in missing.items())
        return met + max((_begun(words, phrase) for phrase in missing), default=0)

    def following(self, words: Words) -> set[int]:
        """The tokens that would bring a missing phrase further."""
        return {phrase[_begun(words, phrase)] for phrase in self._missing(words)}

    def _missing(self, words: Words) -> Counter[Words]:
        """How often each phrase still has to occur."""
        return +Counter({phrase: times - _occurrences(words, phrase) for phrase, times in self._phrases.items()})


def _occurrences(words: Words, phrase: Words) -> int:
    return sum(words[start : start + len(phrase)] == phrase for start in range(len(words) - len(phrase) + 1))


def _begun(words: Words, phrase: Words) -> int:
    """How many tokens of a phrase, short of all, the words end with."""
    return max(n for n in range(len(phrase)) if words[len(words) - n :] == phrase[:n])
