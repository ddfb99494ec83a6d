"""The sentences of a request in the order in which their translations are finished."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from nmt.inference.documents.plain import PlainDocument
from nmt.inference.translation import Translation
from serve.service.planning import TextPlan, TranslationRequest, TranslationResult

if TYPE_CHECKING:
    from serve.service.sentence_translator import OnSentence


@dataclass(frozen=True)
class StreamedSentence:
    """A translated sentence of a request. A text that is already in the target language counts as one sentence."""

    index: int
    """Number of the sentence, counted from 0 over all texts."""
    count: int
    """Number of sentences of all texts."""
    text_index: int
    """Number of the text, counted from 0."""
    span: tuple[int, int] | None
    """Range of the sentence in the text, in code points; None if the text is HTML or XML."""
    text: str
    """Text that takes the place of the sentence. If the texts are HTML or XML, it is escaped and has no tags."""
    result: TranslationResult
    """Translation of the sentence."""


OnStreamed = Callable[[StreamedSentence], None]
"""Function to call with each finished sentence."""


def report_sentences(plans: Sequence[TextPlan], request: TranslationRequest, on_streamed: OnStreamed) -> OnSentence:
    """Report the texts that need no translation, and return a function that reports the translation of a sentence."""
    count = sum(len(plan.sentences) if plan.route else 1 for plan in plans)
    first_indices = [plan.first_index for plan in plans]

    def report(index: int, translation: Translation) -> None:
        # Texts without sentences share their first index with the next text, which is the last one with this index.
        number = bisect_right(first_indices, index) - 1
        plan = plans[number]
        result = TranslationResult(translation, plan.detected, plan.pivot_language)
        span, text = _place(plan, index - plan.first_index, translation)
        if request.has_tags and plan.route:
            text = escape(text, quote=False)
        on_streamed(StreamedSentence(index, count, number, span, text, result))

    for plan in plans:
        if not plan.route:
            report(plan.first_index, plan.assemble_result({}).translation)
    return report


def _place(plan: TextPlan, index: int, translation: Translation) -> tuple[tuple[int, int] | None, str]:
    """Return the range of a sentence in its text, and the text that replaces it."""
    if not plan.route:
        return (0, len(plan.text)), translation.text
    if isinstance(plan.document, PlainDocument):
        return plan.document.span(index), plan.document.replacement(index, translation)
    return None, translation.text
