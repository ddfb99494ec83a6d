"""Type of word alignments between a text and its translation."""

from __future__ import annotations

AlignedSpan = tuple[int, int, int, int]
"""Source start, source end, target start and target end, in code points; both intervals are half-open."""
