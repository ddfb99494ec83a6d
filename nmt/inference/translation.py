"""Results of translating and scoring text."""

from __future__ import annotations

from dataclasses import dataclass

from nmt.text.alignment import AlignedSpan


@dataclass(frozen=True)
class Alternative:
    """An alternative translation of the same text."""

    text: str
    score: float
    """Mean log-probability per token."""


@dataclass(frozen=True)
class Translation:
    """Translation of a text. The whole text is translated: text that exceeds the model's limit is split, never cut."""

    text: str
    score: float
    """Mean log-probability per token, including end of sentence."""
    confidence: float | None = None
    """Expected sentence chrF from 0 to 1, calibrated on the dev set; None if the model has no calibration."""
    alternatives: tuple[Alternative, ...] = ()
    """The next best translations, best first."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Source span that each target span attends to most; None if the model has no attention."""


@dataclass(frozen=True)
class PairScore:
    """Score of a given translation."""

    score: float
    """Log-probability of the whole translation, including end of sentence."""
    tokens: int
    """Number of target tokens, including end of sentence; compare ``score / tokens`` across lengths."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Source span that each target span attends to most; None if the model has no attention."""
