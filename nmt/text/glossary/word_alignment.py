"""Word alignment of a translation from the point of view of terms: which target words belong to which term."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence

from nmt.text.alignment import AlignedSpan
from nmt.text.glossary.term_list import TermMatch
from nmt.text.glossary.words import find_words, is_article, is_function_word

OTHER = -1
"""Stands for source text outside all matches where a match is expected."""


class TermAlignment:
    """Target words with the matches to which they are aligned. Words and matches are identified by their numbers.

    Attributes:
        matches: Matches of terms in the source text.
        source: Source text.
        translation: Its translation.
        language: Language of the translation.
        words: Range of each target word.
        taken: For each word, whether it belongs to a term already; changed by the caller.
        weights: For each word, the number of its characters that are aligned to each match or to `OTHER`.
        spans: For each word, the aligned spans that overlap it.
        owned_words: For each match, the words of which at least half of the aligned characters are aligned to it.
        shared_words: For each match, the words of which fewer characters are aligned to it, but more than to others.
    """

    def __init__(
        self,
        matches: Sequence[TermMatch],
        source: str,
        translation: str,
        alignment: Sequence[AlignedSpan],
        language: str,
    ) -> None:
        """Read the alignment of a source text that contains the matches, which are in order and do not overlap."""
        self.matches, self.source, self.translation, self.language = matches, source, translation, language
        self.words = find_words(translation)
        self.taken = [False] * len(self.words)
        self.weights: list[Counter[int]] = [Counter() for _ in self.words]
        self.spans: list[list[AlignedSpan]] = [[] for _ in self.words]
        match_ends, word_ends = [match.end for match in matches], [end for _, end in self.words]
        for span in alignment:
            source_start, source_end, target_start, target_end = span
            number = bisect_right(match_ends, source_start)
            owner = number if number < len(matches) and matches[number].start < source_end else OTHER
            word = bisect_right(word_ends, target_start)
            while word < len(self.words) and self.words[word][0] < target_end:
                start, end = self.words[word]
                self.weights[word][owner] += min(end, target_end) - max(start, target_start)
                self.spans[word].append(span)
                word += 1
        self.owned_words: list[list[int]] = [[] for _ in matches]
        self.shared_words: list[list[int]] = [[] for _ in matches]
        for word, weights in enumerate(self.weights):
            owner = self.owner(word)
            if owner != OTHER:
                words = self.owned_words if 2 * weights[owner] >= weights.total() else self.shared_words
                words[owner].append(word)

    def owner(self, word: int) -> int:
        """Return the match to which most characters of a word are aligned, or `OTHER` if it is aligned to none."""
        weights = self.weights[word]
        return max((match for match in weights if match != OTHER), key=weights.__getitem__, default=OTHER)

    def words_in(self, start: int, end: int) -> range:
        """Return the words that overlap a range of the translation."""
        first = bisect_right(self.words, start, key=lambda word: word[1])
        last = bisect_right(self.words, end - 1, key=lambda word: word[0])
        return range(first, max(first, last))

    def untaken(self, words: Sequence[int]) -> list[int]:
        """Return those of the words that belong to no term yet."""
        return [word for word in words if not self.taken[word]]

    def is_unclaimed(self, word: int) -> bool:
        """Return whether a word is a content word that belongs to no term and is aligned to none."""
        return not self.taken[word] and self.owner(word) == OTHER and not self.is_function_word(word)

    def is_article(self, word: int) -> bool:
        """Return whether a word is an article of the target language."""
        start, end = self.words[word]
        return is_article(self.translation[start:end], self.language)

    def is_function_word(self, word: int) -> bool:
        """Return whether a word is an article, a frequent preposition or "and" of the target language."""
        start, end = self.words[word]
        return is_function_word(self.translation[start:end], self.language)
