"""Translation of sentences through a pivot language, in two steps."""

from __future__ import annotations

from dataclasses import replace

from nmt.inference.terms import apply_terms
from nmt.inference.text_options import TextOptions
from nmt.inference.translation import Direction, SentenceTranslation, Translation
from nmt.text.alignment import AlignedSpan
from nmt.text.number_localisation import localise_numbers


def step_text_options(options: TextOptions) -> TextOptions:
    """Return the text options of each of the two steps; `finish_translation` applies the others to the result."""
    find_signals = options.find_signals or options.min_confidence > 0  # they lower the confidence
    return replace(options, terms=None, min_confidence=0.0, find_signals=find_signals)


def finish_translation(
    text: str, first: SentenceTranslation, second: SentenceTranslation, options: TextOptions
) -> Translation:
    """Return the translation of a sentence, given the translations of both steps.

    A sentence whose confidence is below the minimum is left untranslated. Glossary terms translate the source language,
    which the second step does not see, so they are put into its result.
    """
    composed = compose_translations(first, second)
    if composed.confidence is not None and composed.confidence < options.min_confidence:
        return _leave_untranslated(text, composed, options)
    return apply_terms(options.terms, text, composed) if options.terms else composed


def compose_translations(first: SentenceTranslation, second: SentenceTranslation) -> Translation:
    """Combine a translation into the pivot language with the translation of its result.

    The score is the mean log-probability per token over both translations. The confidence is the product of both: a
    pessimistic estimate, because an error of the first step costs quality even if the second step translates it well.
    """
    total, (before, after) = first.num_tokens + second.num_tokens, (first.translation, second.translation)
    score = (before.score * first.num_tokens + after.score * second.num_tokens) / total if total else 0.0
    return replace(
        after,
        score=score,
        confidence=_multiply(before.confidence, after.confidence),
        alignment=_compose_alignments(before.alignment, after.alignment),
        signals=tuple(dict.fromkeys((*before.signals, *after.signals))),
        copied=before.copied and after.copied,
        direction=_compose_directions(before.direction, after.direction),
    )


def _leave_untranslated(text: str, translation: Translation, options: TextOptions) -> Translation:
    """Return a sentence as its own translation, with the scores of the given one."""
    copy, direction = text, translation.direction
    if options.localise_numbers and direction:
        copy = localise_numbers(text, direction.languages[0], direction.languages[-1])
    return Translation(
        copy,
        translation.score,
        translation.confidence,
        alignment=None if translation.alignment is None else ((0, len(text), 0, len(copy)),),
        signals=translation.signals,
        copied=True,
        left_untranslated=True,
        direction=direction,
    )


def _multiply(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else first * second


def _compose_directions(first: Direction | None, second: Direction | None) -> Direction | None:
    if first is None or second is None:
        return None
    return Direction("pivot", (*first.languages, *second.languages[1:]))


def _compose_alignments(
    first: tuple[AlignedSpan, ...] | None, second: tuple[AlignedSpan, ...] | None
) -> tuple[AlignedSpan, ...] | None:
    """Align each source span with the target spans that share text in the pivot language with it."""
    if first is None or second is None:
        return None
    links = {
        (source_start, source_end, target_start, target_end): None
        for second_start, second_end, target_start, target_end in second
        for source_start, source_end, first_start, first_end in first
        if first_start < second_end and second_start < first_end
    }
    return tuple(links)
