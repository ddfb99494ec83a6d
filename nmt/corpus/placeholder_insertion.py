"""Training pairs with placeholders, which teach a network to carry a span to its place (Post et al. 2019).

A placeholder takes the place of spans that correspond on both sides: the same URL, number or name, or two words that
are nearly always translated by each other. The last are the most frequent, and give placeholders the positions of
ordinary nouns. Placeholders also stand beside such spans, and at the edges of sentences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from nmt.config.base import LanguageCode
from nmt.corpus.parallel_corpus import TextPair
from nmt.corpus.word_statistics import Span, WordStatistics, find_units
from nmt.text.languages import primary_subtag
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS
from nmt.text.protected_spans import ProtectedSpan, SpanProtector

_MAX_PLACEHOLDERS = 4
_NUMBERS_OF_SPANS = [1, 1, 1, 2, 2, 3]
_FREQUENT = 2e-3  # more frequent words are replaced less often; t in equation 5 of Mikolov et al. (2013)
_NOUN_CAPITALISING_LANGUAGES = {"de", "lb"}

# Templates: # is a placeholder, _ the original text, and ! its final punctuation.
_INSTEAD_OF_SPAN = ["#"] * 14 + ["# #", "#, #", "#/#", "# (#)", "(#)", '"#"']
_BESIDE_SPAN = ["_ #", "# _", "_ (#)"]
_AT_EDGE = ["# _"] * 6 + ["#: _", "(#) _", "#_", "# – _", "# # _", "#. _", "#) _"]
_AT_EDGE += ["_ #"] * 6 + ["_#", "_ (#)", "_ # #", "# _ #"]
_BEFORE_FINAL_PUNCTUATION = ["_ #!"] * 3 + ["_ #", "_: #", "_: #!", "_ (#)!", "_, #!", "_ # #!"]
_SHARE_BESIDE_SPAN = 0.2
_SHARE_AT_EDGE = 0.2  # of the pairs with other placeholders
_SHARE_ONLY_AT_EDGE = 0.5  # of the pairs without other placeholders; the rest is left out
_SHARE_BEFORE_FINAL_PUNCTUATION = 0.4
_SHARE_IN_ORDER = 0.75  # numbered as in translation; the others have random numbers, so that all are trained

_FINAL_PUNCTUATION = re.compile(r"[.!?…。！？]+$")
_PROTECTOR = SpanProtector()


class _Match(NamedTuple):
    """Spans of the source and the target that correspond."""

    spans: tuple[Span, Span]
    """Span of the source and span of the target."""
    frequency: float
    """Share of the source texts in which the source span occurs as a word."""


class PlaceholderInserter:
    """Inserts placeholders into both sides of pairs."""

    def __init__(self, statistics: WordStatistics, languages: tuple[LanguageCode, LanguageCode]) -> None:
        """Create an inserter for a corpus with the given word statistics and source and target language."""
        self._statistics = statistics
        casing = (statistics.source_casing, statistics.target_casing)
        # In these languages, capitals tell nouns from other words.
        self._noun_casing = [
            casing[side] if primary_subtag(languages[side]) in _NOUN_CAPITALISING_LANGUAGES else None for side in (0, 1)
        ]

    def insert(self, pair: TextPair, random: Random) -> TextPair | None:
        """Return a normalised pair with one to four different placeholders, which are the same on both sides.

        The result is None for some of the pairs that have no span to replace.
        """
        free = random.sample(PLACEHOLDER_CHARACTERS, _MAX_PLACEHOLDERS)
        edits = list[tuple[_Match, str]]()
        for match in self._choose_matches(pair, random):
            templates = _BESIDE_SPAN if random.random() < _SHARE_BESIDE_SPAN else _INSTEAD_OF_SPAN
            edits.append((match, _draw_template(templates, free, random)))
        source, target = (_replace_spans(pair[side], side, edits) for side in (0, 1))
        if random.random() < (_SHARE_AT_EDGE if edits else _SHARE_ONLY_AT_EDGE):
            source, target = _add_at_edge((source, target), free, random)
        elif not edits:
            return None
        in_order = random.random() < _SHARE_IN_ORDER
        return _number_in_order((source, target)) if in_order else (source, target)

    def _choose_matches(self, pair: TextPair, random: Random) -> list[_Match]:
        """Return randomly chosen matches whose spans are disjoint, preferring rare words."""
        found = [match for match in self._find_matches(*pair) if random.random() < _sampling_rate(match.frequency)]
        random.shuffle(found)
        chosen = list[_Match]()
        for match in found:
            if all(_are_disjoint(match, other) for other in chosen):
                chosen.append(match)
        return chosen[: random.choice(_NUMBERS_OF_SPANS)]

    def _find_matches(self, source: str, target: str) -> Iterator[_Match]:
        """Yield all matches of which each span occurs once in its text."""
        protected = [_PROTECTOR.find(text) for text in (source, target)]
        targets = _unique_parts(target, protected[1])
        for part, span in _unique_parts(source, protected[0]).items():
            if part in targets:
                yield _Match((span, targets[part]), self._statistics.frequencies.get(part.lower(), 0.0))
        units = find_units(source), find_units(target)
        for word, spans in units[0].items():
            translation = self._translate(word, source[slice(*spans[0])], units[1], target)
            if len(spans) == 1 and translation is not None:
                match = _Match((spans[0], translation), self._statistics.frequencies.get(word, 0.0))
                if not any(map(_overlaps_any, match.spans, protected)):
                    yield match

    def _translate(self, word: str, form: str, target_units: dict[str, list[Span]], target: str) -> Span | None:
        """Return the span in a target of the word that corresponds to a source word, if there is exactly one."""
        same = target_units.get(word, [])
        if len(same) == 1 and target[slice(*same[0])] == form and self._is_name(word, form):
            return same[0]
        translation = self._statistics.translations.get(word)
        if translation is None or not self._may_be_noun(word, translation):
            return None
        found = target_units.get(translation, [])
        return found[0] if len(found) == 1 else None

    def _is_name(self, word: str, form: str) -> bool:
        """Return whether a word that is written in the same form on both sides is a name."""
        casing = (self._statistics.source_casing, self._statistics.target_casing)
        return form[0].isupper() and all(known.get(word, form) == form for known in casing)

    def _may_be_noun(self, word: str, translation: str) -> bool:
        return all(
            casing is None or casing.get(text, text)[0].isupper()
            for casing, text in zip(self._noun_casing, (word, translation), strict=True)
        )


def _unique_parts(text: str, protected: Iterable[ProtectedSpan]) -> dict[str, Span]:
    """Return the span of each protected part of a text that occurs once."""
    spans = dict[str, list[Span]]()
    for start, end, _ in protected:
        spans.setdefault(text[start:end], []).append((start, end))
    return {part: each[0] for part, each in spans.items() if len(each) == 1}


def _overlaps_any(span: Span, others: Iterable[ProtectedSpan]) -> bool:
    return any(span[0] < other.end and other.start < span[1] for other in others)


def _sampling_rate(frequency: float) -> float:
    return min(math.sqrt(_FREQUENT / frequency), 1.0) if frequency else 1.0


def _are_disjoint(one: _Match, other: _Match) -> bool:
    return all(a[1] <= b[0] or b[1] <= a[0] for a, b in zip(one.spans, other.spans, strict=True))


def _draw_template(templates: Sequence[str], free: list[str], random: Random) -> str:
    """Return a random template with placeholders, which are removed from ``free``, or "_" if none is left."""
    template = random.choice([each for each in templates if each.count("#") <= len(free)] or ["_"])
    return "".join(free.pop() if character == "#" else character for character in template)


def _number_in_order(pair: TextPair) -> TextPair:
    """Return a pair whose placeholders are numbered in the order of the source."""
    found = [character for character in pair[0] if character in PLACEHOLDER_CHARACTERS]
    numbers = str.maketrans(dict(zip(found, PLACEHOLDER_CHARACTERS, strict=False)))
    return pair[0].translate(numbers), pair[1].translate(numbers)


def _replace_spans(text: str, side: int, edits: Iterable[tuple[_Match, str]]) -> str:
    """Return a text of which the span of each match on one side is replaced as its template says."""
    for match, template in sorted(edits, key=lambda edit: edit[0].spans[side], reverse=True):
        start, end = match.spans[side]
        text = text[:start] + template.replace("_", text[start:end]) + text[end:]
    return text


def _add_at_edge(pair: TextPair, free: list[str], random: Random) -> TextPair:
    """Return a pair with placeholders at an edge, which is the same on both sides."""
    ends = [_FINAL_PUNCTUATION.search(text) for text in pair]
    if all(ends) and random.random() < _SHARE_BEFORE_FINAL_PUNCTUATION:
        template = _draw_template(_BEFORE_FINAL_PUNCTUATION, free, random)
        # A template without "!" ends with a placeholder, which then takes the place of the final punctuation.
        parts = [(text[: end.start()], end[0]) for text, end in zip(pair, ends, strict=True) if end]
    else:
        template = _draw_template(_AT_EDGE, free, random)
        parts = [(text, "") for text in pair]
    source, target = ("".join({"_": text, "!": final}.get(sign, sign) for sign in template) for text, final in parts)
    return source, target
