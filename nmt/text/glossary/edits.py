"""Edits of a translation that keep its word alignment up to date."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from nmt.text.alignment import AlignedSpan


class Edit(NamedTuple):
    """Replacement of the range ``[start, end)`` of a text; the range is empty for an insertion."""

    start: int
    end: int
    text: str
    source_span: tuple[int, int] | None = None
    """Source span to which the new text is aligned; None to keep the alignment of the replaced text."""


def apply_edits(
    text: str, alignment: Sequence[AlignedSpan] | None, edits: Iterable[Edit]
) -> tuple[str, tuple[AlignedSpan, ...] | None]:
    """Return the text and its alignment after edits, which must not overlap.

    Aligned spans that lie within an edit are extended to the whole new text; so is the part of a longer span that
    overlaps the edit.
    """
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    pieces: list[str] = []
    ranges: list[tuple[int, int]] = []
    position = length = 0
    for edit in ordered:
        pieces += (text[position : edit.start], edit.text)
        new_start = length + edit.start - position
        length = new_start + len(edit.text)
        ranges.append((new_start, length))
        position = edit.end
    edited = "".join((*pieces, text[position:]))
    return edited, None if alignment is None else _edit_alignment(alignment, _EditedOffsets(ordered, ranges))


class _EditedOffsets:
    """Offsets of a text after edits."""

    def __init__(self, edits: Sequence[Edit], ranges: Sequence[tuple[int, int]]) -> None:
        """Prepare the conversion, given the edits in order and the range of each new text in the edited text."""
        self.edits, self.ranges = edits, ranges
        self._starts, self._ends = [edit.start for edit in edits], [edit.end for edit in edits]

    def new_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span that a span of the text has become; a boundary within an edit moves to the edge of it."""
        first, last = bisect_right(self._ends, start), bisect_right(self._ends, end)
        while last and self._starts[last - 1] == end:  # an insertion after the span
            last -= 1
        return self._new_offset(start, first, 0), self._new_offset(end, last, 1)

    def is_realigned(self, start: int, end: int) -> bool:
        """Return whether a span of the text lies within an edit whose new text is aligned to a source span."""
        number = bisect_right(self._starts, start) - 1
        return number >= 0 and end <= self._ends[number] and self.edits[number].source_span is not None

    def _new_offset(self, offset: int, edits_before: int, side: int) -> int:
        if edits_before < len(self.edits) and self._starts[edits_before] < offset:
            return self.ranges[edits_before][side]
        if not edits_before:
            return offset
        return offset + self.ranges[edits_before - 1][1] - self._ends[edits_before - 1]


def _edit_alignment(alignment: Sequence[AlignedSpan], offsets: _EditedOffsets) -> tuple[AlignedSpan, ...]:
    spans: dict[AlignedSpan, None] = {}
    for source_start, source_end, start, end in alignment:
        new_start, new_end = offsets.new_span(start, end)
        if new_start < new_end and not offsets.is_realigned(start, end):
            spans[source_start, source_end, new_start, new_end] = None
    for edit, (new_start, new_end) in zip(offsets.edits, offsets.ranges, strict=True):
        if edit.source_span is not None and new_start < new_end:
            spans[(*edit.source_span, new_start, new_end)] = None
    return tuple(sorted(spans, key=lambda span: span[2:]))
