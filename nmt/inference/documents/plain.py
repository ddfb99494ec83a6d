r"""Texts of many sentences: taken apart for translation, put together again from the translations.

A text is gap, segment, gap, …, gap. A *segment* is a sentence, less the white space around it; none goes across a
line break. Gaps are copied, never rebuilt, so that line breaks of any kind, indents and trailing space survive. Only
where sentences touch, as in Chinese, translations that would not are set apart by a space.

    ""                  no segments, the gap is ""
    " "                 no segments, the gap is " "
    "hi"                the segment "hi" between two empty gaps
    " A b.  C\r\n\r\nd" the segments "A b.", "C" and "d"; the gaps are " ", "  ", "\r\n\r\n" and ""
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

from nmt.text.sentence_splitting import separate_from_next, split_sentences

if TYPE_CHECKING:
    from nmt.inference.translator import AlignedSpan, Translation

# All that Unicode and str.splitlines() call a line break; a model has seen none of them.
_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_BREAK = re.compile(f"[{_BREAKS}]")
_LINE = re.compile(f"[^{_BREAKS}]+")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole text's translation. A text that holds nothing to translate is its own, with the score of certainty."""

    text: str
    alternatives: tuple[str, ...] = ()
    score: float = 0.0
    """The mean of the segments'."""
    confidence: float | None = None
    """The mean of the segments'; None if one has none."""
    alignment: tuple[AlignedSpan, ...] | None = ()
    """The segments', counted from the start of the whole text; None if one has none."""
    truncated: bool = False


class Document(Protocol):
    """A text of some format."""

    @property
    def segments(self) -> Sequence[str]:
        """What is to be translated, each by itself, in the order of the text."""

    def assemble(self, translations: Sequence[Translation]) -> Answer:
        """The text's translation, given those of all its segments."""


class PlainDocument:
    """Text without markup."""

    def __init__(self, text: str, language: str) -> None:
        self._text = text
        self._places = [
            (line.start() + start, line.start() + stop)
            for line in _LINE.finditer(text)
            for start, stop in split_sentences(line.group(), language)
        ]
        self._touching = touching(self._places)
        self.segments: Sequence[str] = [text[start:stop] for start, stop in self._places]

    def assemble(self, translations: Sequence[Translation]) -> Answer:
        """The text's translation, given those of all its segments."""
        return combine(translations, self._put_together, self._alignment(translations))

    def _put_together(self, translations: Sequence[Translation]) -> str:
        return fill(self._text, self._places, self._replacements(translations))

    def _replacements(self, translations: Sequence[Translation]) -> list[str]:
        texts = [one_line(each.text) for each in translations]
        return [
            separate_from_next(text) if touches else text for text, touches in zip(texts, self._touching, strict=True)
        ]

    def _alignment(self, translations: Sequence[Translation]) -> tuple[AlignedSpan, ...] | None:
        spans: list[AlignedSpan] = []
        shift = 0
        replacements = self._replacements(translations)
        for (start, stop), translation, replacement in zip(self._places, translations, replacements, strict=True):
            if translation.alignment is None:
                return None
            moved = start + shift
            spans += [(start + a, start + b, moved + c, moved + d) for a, b, c, d in translation.alignment]
            shift += len(replacement) - (stop - start)
        return tuple(spans)


def touching(places: Sequence[tuple[int, int]]) -> list[bool]:
    """For each of ``places``, whether the next begins where it ends."""
    return [*(stop == start for (_, stop), (start, _) in pairwise(places)), False][: len(places)]


def one_line(text: str) -> str:
    """``text`` with a space for each line break, one character for one, so that an alignment still holds."""
    return _BREAK.sub(" ", text)


def fill(text: str, places: Sequence[tuple[int, int]], replacements: Sequence[str]) -> str:
    """``text`` with what is at each of ``places`` replaced, and all between them as it was."""
    chunks: list[str] = []
    end = 0
    for (start, stop), replacement in zip(places, replacements, strict=True):
        chunks += (text[end:start], replacement)
        end = stop
    return "".join((*chunks, text[end:]))


def combine(
    translations: Sequence[Translation],
    put_together: Callable[[Sequence[Translation]], str],
    alignment: tuple[AlignedSpan, ...] | None,
) -> Answer:
    """The answer that the translations of a text's segments make."""
    best = put_together(translations)
    most = max((len(each.alternatives) for each in translations), default=0)
    others = [put_together([_alternative(each, n) for each in translations]) for n in range(most)]
    confidences = [each.confidence for each in translations if each.confidence is not None]
    return Answer(
        text=best,
        # Two token sequences may spell the same text.
        alternatives=tuple(other for other in dict.fromkeys(others) if other != best),
        score=fmean(each.score for each in translations) if translations else 0.0,
        confidence=fmean(confidences) if confidences and len(confidences) == len(translations) else None,
        alignment=alignment,
        truncated=any(each.truncated for each in translations),
    )


def _alternative(translation: Translation, n: int) -> Translation:
    """A segment's n-th alternative, failing that its best translation."""
    if n >= len(translation.alternatives):
        return translation
    return replace(translation, text=translation.alternatives[n].text, alignment=None)
