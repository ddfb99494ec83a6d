"""Choice of target words for terms to which no word of the translation is aligned."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from os.path import commonprefix

from nmt.text.glossary.word_alignment import OTHER, TermAlignment
from nmt.text.glossary.words import WordRange, find_words
from nmt.text.languages import primary_subtag
from nmt.text.scripts import is_unspaced_script

_MIN_COMMON_PREFIX = 4  # letters of forms of the same word
_ROMANCE_LANGUAGES = frozenset(("ca", "es", "fr", "gl", "it", "pt", "ro"))  # in which adjectives follow nouns


class UnalignedWords:
    """Words of a translation that a term without aligned words may replace."""

    def __init__(self, aligned: TermAlignment) -> None:
        self._aligned = aligned

    def similar_word(self, number: int) -> range | None:
        """Return the first word that begins like the term and belongs to no other, or None if there is none."""
        target = self._aligned.matches[number].target.casefold()
        for word in self._words_by_prefix.get(target[:_MIN_COMMON_PREFIX], ()):
            start, end = self._aligned.words[word]
            longer = max(end - start, len(target))
            common = len(commonprefix((self._aligned.translation[start:end].casefold(), target)))  # noqa: RUF071
            if not self._aligned.taken[word] and self._aligned.owner(word) in (number, OTHER) and 2 * common >= longer:
                return range(word, word + 1)
        return None

    def attributive_word(self, number: int) -> range | None:
        """Return the first of several adjacent words that are aligned to the next source word, or None.

        The attention often links the translation of an adjective to the noun, which follows in Germanic languages.
        """
        match = self._aligned.matches[number]
        if primary_subtag(self._aligned.language) in _ROMANCE_LANGUAGES or is_unspaced_script(match.target[0]):
            return None
        following = bisect_left(self._source_words, match.end, key=lambda word: word[0])
        words = [word for word in self._words_by_source_word[following] if self._aligned.is_unclaimed(word)]
        return range(words[0], words[0] + 1) if len(words) > 1 and words[1] == words[0] + 1 else None

    def nearest_words(self, numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield for each match the nearest word at the same relative position in the translation, while there are any.

        Function words are used only if there are no others.
        """
        words = [word for word in range(len(self._aligned.taken)) if not self._aligned.taken[word]]
        words = [word for word in words if not self._aligned.is_function_word(word)] or words
        centres = [sum(self._aligned.words[word]) / 2 for word in words]
        for number in numbers:
            if not words:
                return
            match = self._aligned.matches[number]
            centre = (match.start + match.end) / 2 * len(self._aligned.translation) / len(self._aligned.source)
            after = bisect_left(centres, centre)
            nearest = min(range(max(after - 1, 0), min(after + 1, len(words))), key=lambda n: abs(centres[n] - centre))
            yield number, words.pop(nearest)
            centres.pop(nearest)

    @cached_property
    def _source_words(self) -> list[WordRange]:
        return find_words(self._aligned.source)

    @cached_property
    def _words_by_source_word(self) -> dict[int, list[int]]:
        """Numbers of the target words by the number of the only source word to which they are aligned."""
        words: dict[int, list[int]] = defaultdict(list)
        for word, spans in enumerate(self._aligned.spans):
            sources = {bisect_right(self._source_words, span[0], key=lambda source: source[1]) for span in spans}
            if len(sources) == 1:
                words[sources.pop()].append(word)
        return words

    @cached_property
    def _words_by_prefix(self) -> dict[str, list[int]]:
        words: dict[str, list[int]] = defaultdict(list)
        for word, (start, end) in enumerate(self._aligned.words):
            if end - start >= _MIN_COMMON_PREFIX:
                words[self._aligned.translation[start : start + _MIN_COMMON_PREFIX].casefold()].append(word)
        return words
