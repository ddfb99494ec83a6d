"""Data type of the word alignment between a text and its translation."""

from __future__ import annotations

AlignedSpan = tuple[int, int, int, int]
"""Source start, source end, target start and target end of two aligned half-open spans, in code points."""
