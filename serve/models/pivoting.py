"""Two translations, one after the other, seen as one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmt.inference.translation import Translation
    from nmt.text.alignment import AlignedSpan


def through(first: Translation, second: Translation) -> Translation:
    """The translation that leads from the source of ``first`` to the target of ``second``.

    Scores are logarithms and add up; of two confidences, both must come true.
    """
    known = first.confidence is not None and second.confidence is not None
    return replace(
        second,
        score=first.score + second.score,
        confidence=(first.confidence or 0.0) * (second.confidence or 0.0) if known else None,
        alignment=_compose(first.alignment, second.alignment),
    )


def _compose(
    first: tuple[AlignedSpan, ...] | None, second: tuple[AlignedSpan, ...] | None
) -> tuple[AlignedSpan, ...] | None:
    """Links from source to target over every stretch in between that two links share."""
    if first is None or second is None:
        return None
    links = {
        (start, end, target_start, target_end): None
        for between_start, between_end, target_start, target_end in second
        for start, end, reached_start, reached_end in first
        if reached_start < between_end and between_start < reached_end
    }
    return tuple(links)
