"""Combination of two translations through a pivot language into one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmt.inference.translation import Translation
    from nmt.text.alignment import AlignedSpan


def compose_translations(
    first: Translation, second: Translation, token_counts: tuple[int, int] = (1, 1)
) -> Translation:
    """Combine a translation into the pivot language with the translation of its result.

    The score is the mean log-probability per token over both translations. The confidence is None: the expected chrF of
    the whole does not follow from the expected chrF of each.

    Args:
        first: Translation from the source language into the pivot language.
        second: Translation from the pivot language into the target language.
        token_counts: Number of target tokens of each translation; equal by default.
    """
    total = sum(token_counts)
    return replace(
        second,
        score=(first.score * token_counts[0] + second.score * token_counts[1]) / total if total else 0.0,
        confidence=None,
        alignment=_compose_alignments(first.alignment, second.alignment),
        signals=tuple(dict.fromkeys((*first.signals, *second.signals))),
        copied=first.copied and second.copied,
        direction=(*first.direction, *second.direction[1:]),
    )


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
