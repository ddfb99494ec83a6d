"""Interface of documents, and functions that assemble the translation of a document from those of its segments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

from nmt.inference.translation import Alternative, Translation

if TYPE_CHECKING:
    from nmt.text.alignment import AlignedSpan

# All line breaks of Unicode and str.splitlines(); models are trained on single lines.
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_LINE_BREAK = re.compile(f"[{LINE_BREAKS}]")


class Document(Protocol):
    """A document, whose segments are translated and then reassembled."""

    @property
    def segments(self) -> Sequence[str]:
        """Texts to translate independently of each other, in document order."""

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the translation of the document, given the translations of all segments."""


class SingleSegment:
    """A text that is translated as one segment, whatever it contains."""

    def __init__(self, text: str) -> None:
        self.segments: Sequence[str] = [text]

    def assemble(self, translations: Sequence[Translation]) -> Translation:
        """Return the translation of the segment."""
        return translations[0]


def flag_adjacent_spans(spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Return, for each span, whether the next span begins where this span ends."""
    return [*(stop == start for (_, stop), (start, _) in pairwise(spans)), False][: len(spans)]


def to_single_line(text: str) -> str:
    """Return a text with each line break replaced by one space, which keeps the offsets of an alignment valid."""
    return _LINE_BREAK.sub(" ", text)


def replace_spans(text: str, spans: Sequence[tuple[int, int]], replacements: Sequence[str]) -> str:
    """Return a text with each of the given spans replaced; the text between the spans is copied."""
    parts: list[str] = []
    end = 0
    for (start, stop), replacement in zip(spans, replacements, strict=True):
        parts += (text[end:start], replacement)
        end = stop
    return "".join((*parts, text[end:]))


def combine_translations(
    translations: Sequence[Translation],
    render: Callable[[Sequence[Translation]], str],
    alignment: tuple[AlignedSpan, ...] | None,
) -> Translation:
    """Return the translation of a document, given the translations of its segments in order.

    ``render`` converts the translations of the segments to the text of the translated document. ``alignment`` is the
    alignment of the whole document. Score and confidence are means over the segments that were translated.
    """
    best = render(translations)
    count = max((len(each.alternatives) for each in translations), default=0)
    alternatives: dict[str, Alternative] = {}  # different token sequences may produce the same text
    for n in range(count):
        nth = [_nth_alternative(translation, n) for translation in translations]
        text = render(nth)
        if text != best:
            alternatives.setdefault(text, Alternative(text, _mean_score(nth)))
    decoded = [translation for translation in translations if not translation.copied] or list(translations)
    confidences = [translation.confidence for translation in decoded if translation.confidence is not None]
    return Translation(
        text=best,
        score=_mean_score(decoded),
        confidence=fmean(confidences) if confidences and len(confidences) == len(decoded) else None,
        alternatives=tuple(alternatives.values()),
        alignment=alignment,
        signals=tuple(dict.fromkeys(signal for translation in translations for signal in translation.signals)),
        terms=tuple(term for translation in translations for term in translation.terms),
        memory=tuple(match for translation in translations for match in translation.memory),
        copied=all(translation.copied for translation in translations),
        left_untranslated=any(translation.left_untranslated for translation in translations),
        direction=translations[0].direction if translations else None,
    )


def _mean_score(translations: Sequence[Translation]) -> float:
    """Return the mean score of translations; 0 if there are none."""
    return fmean(translation.score for translation in translations) if translations else 0.0


def _nth_alternative(translation: Translation, n: int) -> Translation:
    """Return the n-th alternative of a segment, or its best translation if it has fewer."""
    if n >= len(translation.alternatives):
        return translation
    alternative = translation.alternatives[n]
    return replace(translation, text=alternative.text, score=alternative.score, alignment=None)
