"""Interface of documents, and functions that assemble the translation of a document from those of its segments."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from nmt.inference.translation import Translation
    from nmt.text.alignment import AlignedSpan

# All line breaks of Unicode and str.splitlines(); models are trained on single lines.
LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_LINE_BREAK = re.compile(f"[{LINE_BREAKS}]")


@dataclass(frozen=True, slots=True)
class DocumentTranslation:
    """Translation of a document. A document without segments is copied, and its score is 0."""

    text: str
    alternatives: tuple[str, ...] = ()
    score: float = 0.0
    """Mean score of the segments."""
    confidence: float | None = None
    """Mean confidence of the segments; None if it is missing for a segment."""
    alignment: tuple[AlignedSpan, ...] | None = ()
    """Alignment of the segments, in offsets of the whole document; None if it is missing for a segment."""


class Document(Protocol):
    """A document, whose segments are translated and then reassembled."""

    @property
    def segments(self) -> Sequence[str]:
        """Texts to translate independently of each other, in document order."""

    def assemble(self, translations: Sequence[Translation]) -> DocumentTranslation:
        """Return the translation of the document, given the translations of all segments."""


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
) -> DocumentTranslation:
    """Return the translation of a document, given the translations of its segments in order.

    ``render`` converts the translations of the segments to the text of the translated document. ``alignment`` is the
    alignment of the whole document.
    """
    best = render(translations)
    count = max((len(each.alternatives) for each in translations), default=0)
    alternatives = [render([_nth_alternative(translation, n) for translation in translations]) for n in range(count)]
    confidences = [translation.confidence for translation in translations if translation.confidence is not None]
    return DocumentTranslation(
        text=best,
        # Different token sequences may produce the same text.
        alternatives=tuple(text for text in dict.fromkeys(alternatives) if text != best),
        score=fmean(translation.score for translation in translations) if translations else 0.0,
        confidence=fmean(confidences) if confidences and len(confidences) == len(translations) else None,
        alignment=alignment,
    )


def _nth_alternative(translation: Translation, n: int) -> Translation:
    """Return the n-th alternative of a segment, or its best translation if it has fewer."""
    if n >= len(translation.alternatives):
        return translation
    return replace(translation, text=translation.alternatives[n].text, alignment=None)
