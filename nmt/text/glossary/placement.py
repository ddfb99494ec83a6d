"""Choice of the target words that terms replace, by means of the word alignment."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict, deque
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from nmt.text.alignment import AlignedSpan
from nmt.text.glossary.insertion import InsertionOffsets
from nmt.text.glossary.term_list import TermList, TermMatch
from nmt.text.glossary.unaligned_words import UnalignedWords
from nmt.text.glossary.word_alignment import OTHER, TermAlignment
from nmt.text.glossary.words import WordRange, find_words, is_function_word
from nmt.text.languages import primary_subtag

_COMPOUNDING_LANGUAGES = frozenset(("da", "de", "fi", "is", "nb", "nl", "nn", "no", "sv"))
_MIN_COMPOUND_PART = 3  # letters
_MAX_HOLE_WORDS = 2  # between words that the same term replaces
_AFTER_WORD = re.compile(r"\w ")
_HOLE = re.compile(r"[\w\s'’-]*\Z")  # no punctuation and no placeholders


class Placement(NamedTuple):
    """Range of the translation that a term replaces; the range is empty if the term is inserted."""

    start: int
    end: int
    is_present: bool = False
    """Whether the range already contains the term and stays as it is."""
    is_compound_part: bool = False
    """Whether the range is the first or the last part of a compound, whose other part stays."""
    leftovers: tuple[WordRange, ...] = ()
    """Other words that translate only the same source term, such as the participle of a verb; they are removed."""


def place_terms(
    matches: Sequence[TermMatch],
    source: str,
    translation: str,
    alignment: Sequence[AlignedSpan] | None,
    target_language: str,
) -> list[Placement]:
    """Return where each term belongs in the translation. The placements do not overlap.

    A term that already stands in the translation, possibly inflected, keeps its place. Other terms replace the words
    that are aligned to their occurrence in the source. Without such words, a term is inserted after the word that is
    aligned to the previous source word; without an alignment, it replaces the word at the same relative position.
    """
    return _TermPlacer(matches, source, translation, alignment, target_language).place()


class _TermPlacer:
    def __init__(
        self,
        matches: Sequence[TermMatch],
        source: str,
        translation: str,
        alignment: Sequence[AlignedSpan] | None,
        target_language: str,
    ) -> None:
        self._matches, self._source, self._translation = matches, source, translation
        self._alignment, self._language = alignment or (), target_language
        self._aligned = TermAlignment(matches, source, translation, self._alignment, target_language)

    def place(self) -> list[Placement]:
        found = self._find_present_terms()
        unaligned = UnalignedWords(self._aligned)
        for choose_words in (self._aligned_words, unaligned.similar_word, unaligned.attributive_word):
            for number in range(len(self._matches)):
                if number not in found and (words := choose_words(number)):
                    found[number] = self._take(words, number)
        if not self._alignment:
            missing = [number for number in range(len(self._matches)) if number not in found]
            for number, word in unaligned.nearest_words(missing):
                found[number] = self._take(range(word, word + 1), number)
        found |= {
            number: placement._replace(leftovers=self._leftovers(number))
            for number, placement in found.items()
            if not placement.is_present
        }
        ranges = sorted(found.values())
        offsets = InsertionOffsets(self._alignment, self._translation)
        for number, match in enumerate(self._matches):
            if number not in found:
                articles = self._aligned.untaken(self._aligned.owned_words[number])
                offset = self._aligned.words[articles[-1]][1] if articles else offsets.insertion_offset(match)
                offset = _outside(offset, ranges)
                found[number] = Placement(offset, offset)
        return [found[number] for number in range(len(self._matches))]

    def _find_present_terms(self) -> dict[int, Placement]:
        """Return the placements of the terms that already stand in the translation, by match."""
        targets = [(match.target, match.target) for match in self._matches]
        occurrences: dict[str, deque[TermMatch]] = defaultdict(deque)
        found: dict[int, Placement] = {}
        for occurrence in TermList(targets, self._language, self._language).find(self._translation):
            words = self._aligned.words_in(occurrence.start, occurrence.end)
            owners = sorted({self._aligned.owner(word) for word in words} - {OTHER} - found.keys())
            owners = [number for number in owners if self._is_translated_by(number, occurrence)]
            if owners:
                found[owners[0]] = self._keep(occurrence)
            else:
                occurrences[occurrence.target].append(occurrence)
        # Other occurrences may be the translation of other words, unless the term has no aligned words of its own.
        for number, match in enumerate(self._matches):
            left = occurrences[match.target]
            if number in found or not left or not self._is_translated_by(number, left[0]):
                continue
            if not self._content_words(number) or self._is_near(left[0], match):
                found[number] = self._keep(left.popleft())
        return found

    def _is_translated_by(self, number: int, occurrence: TermMatch) -> bool:
        """Return whether an occurrence of a target term, possibly inflected, is a translation of a match.

        Only an inflected source term may have an inflected translation; otherwise the term stands as prescribed.
        """
        match = self._matches[number]
        is_inflected = self._translation[occurrence.start : occurrence.end].casefold() != match.target.casefold()
        found = self._source[match.start : match.end].casefold()
        return occurrence.target == match.target and (not is_inflected or found != match.source.casefold())

    def _keep(self, occurrence: TermMatch) -> Placement:
        for word in self._aligned.words_in(occurrence.start, occurrence.end):
            self._aligned.taken[word] = True
        return Placement(occurrence.start, occurrence.end, is_present=True)

    def _take(self, words: range, number: int) -> Placement:
        self._aligned.taken[words.start : words.stop] = [True] * len(words)
        start, end = self._aligned.words[words[0]][0], self._aligned.words[words[-1]][1]
        if len(words) == 1 and primary_subtag(self._language) in _COMPOUNDING_LANGUAGES:
            part = self._compound_part(words[0], number)
            return Placement(*part, is_compound_part=True) if part else Placement(start, end)
        return Placement(start, end)

    def _leftovers(self, number: int) -> tuple[WordRange, ...]:
        """Return the content words, after another word, that belong to no term and are only aligned to this match."""
        words = (word for word in self._content_words(number) if self._aligned.weights[word].keys() == {number})
        ranges = (self._aligned.words[word] for word in words)
        return tuple(each for each in ranges if _AFTER_WORD.fullmatch(self._translation, max(each[0] - 2, 0), each[0]))

    def _compound_part(self, word: int, number: int) -> tuple[int, int] | None:
        """Return the range of a part of a compound that a match is aligned to, if the other part must stay.

        That is the case if the other part alone translates a source word, which "futter" in "Katzenfutter" does.
        """
        start, end = self._aligned.words[word]
        match = self._matches[number]
        spans = sorted(self._aligned.spans[word], key=lambda span: span[2])
        inside = [span[0] < match.end and span[1] > match.start for span in spans]
        has_other_terms = not self._aligned.weights[word].keys() <= {number, OTHER}
        if has_other_terms or inside not in (sorted(inside), sorted(inside, reverse=True)):
            return None
        others = [span for span, is_inside in zip(spans, inside, strict=True) if not is_inside]
        only_here = all(self._words_by_source[span[:2]] == {word} for span in others)
        is_content = not any(is_function_word(self._source[span[0] : span[1]].strip(), None) for span in others)
        if not others or len(others) == len(spans) or not only_here or not is_content:
            return None
        part = (start, others[0][2]) if inside[0] else (others[-1][3], end)
        lengths = part[1] - part[0], end - start - (part[1] - part[0])
        return part if min(lengths) >= _MIN_COMPOUND_PART else None

    @cached_property
    def _words_by_source(self) -> dict[tuple[int, int], set[int]]:
        """Target words that are aligned to each source span."""
        words: dict[tuple[int, int], set[int]] = defaultdict(set)
        for word, spans in enumerate(self._aligned.spans):
            for source_start, source_end, _, _ in spans:
                words[source_start, source_end].add(word)
        return words

    def _is_near(self, occurrence: TermMatch, match: TermMatch) -> bool:
        """Return whether the words of an occurrence are aligned to nothing, or to a neighbour of the match's words."""
        spans = [
            span
            for word in self._aligned.words_in(occurrence.start, occurrence.end)
            for span in self._aligned.spans[word]
        ]
        if not spans:
            return True
        start, end = min(span[0] for span in spans), max(span[1] for span in spans)
        between = self._source[end : match.start] if end <= match.start else self._source[match.end : start]
        return len(between) < 20 and len(find_words(between)) <= 1

    def _aligned_words(self, number: int) -> range | None:
        """Return the words that a term replaces, or None if no suitable word is aligned to it."""
        content = self._content_words(number)
        if content:
            clusters = self._clusters(content, number)
            best = max(clusters, key=lambda words: sum(self._aligned.weights[word][number] for word in words))
            return range(self._include_article(best[0], number), best[-1] + 1)
        owned = self._aligned.untaken(self._aligned.owned_words[number])
        if owned:
            # An article or preposition is aligned instead of the word beside it, or a preposition instead of a verb.
            beside = (word for word in (owned[-1] + 1, owned[0] - 1) if self._is_free(word))
            word = next(beside, next((word for word in owned if not self._aligned.is_article(word)), None))
            return None if word is None else range(word, word + 1)
        shared = self._aligned.untaken(self._aligned.shared_words[number])
        best_shared = max(shared, key=lambda word: self._aligned.weights[word][number], default=None)
        return None if best_shared is None else range(best_shared, best_shared + 1)

    def _content_words(self, number: int) -> list[int]:
        """Return the words of a match that are not function words, unless the term consists of function words."""
        owned = self._aligned.untaken(self._aligned.owned_words[number])
        target = self._matches[number].target
        if all(is_function_word(target[start:end], self._language) for start, end in find_words(target)):
            return owned
        return [word for word in owned if not self._aligned.is_function_word(word)]

    def _clusters(self, words: Sequence[int], number: int) -> list[list[int]]:
        """Divide the words of a match into groups; only small gaps with function words separate words in a group."""
        clusters = [[words[0]]]
        for before, after in pairwise(words):
            gap = self._translation[self._aligned.words[before][1] : self._aligned.words[after][0]]
            between = range(before + 1, after)
            if (
                len(between) <= _MAX_HOLE_WORDS
                and _HOLE.match(gap)
                and all(not self._aligned.taken[word] and self._may_fill_hole(word, number) for word in between)
            ):
                clusters[-1].append(after)
            else:
                clusters.append([after])
        return clusters

    def _may_fill_hole(self, word: int, number: int) -> bool:
        return self._aligned.owner(word) in (number, OTHER) and self._aligned.is_function_word(word)

    def _include_article(self, word: int, number: int) -> int:
        """Return the first word to replace: the function word before ``word`` if the term includes a function word."""
        match, before = self._matches[number], word - 1
        for text, language in ((self._source[match.start : match.end], None), (match.target, self._language)):
            start, end = next(iter(find_words(text)), (0, 0))
            if is_function_word(text[start:end], language) and before in self._aligned.owned_words[number]:
                return word if self._aligned.taken[before] else before
        return word

    def _is_free(self, word: int) -> bool:
        """Return whether a content word belongs to no term and is aligned to function words only."""
        if not 0 <= word < len(self._aligned.words) or not self._aligned.is_unclaimed(word):
            return False
        aligned = {self._source[start:end].strip() for start, end, _, _ in self._aligned.spans[word]}
        return all(is_function_word(text, None) for text in aligned)


def _outside(offset: int, ranges: Sequence[Placement]) -> int:
    """Return an offset that is not within one of the ranges, which are in order: the offset, or the end of a range."""
    number = bisect_left(ranges, offset, key=lambda placement: placement.end)
    if number < len(ranges) and ranges[number].start < offset < ranges[number].end:
        return ranges[number].end
    return offset
