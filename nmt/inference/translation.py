"""Results of translation and of forced scoring."""

from __future__ import annotations

from dataclasses import dataclass

from nmt.text.alignment import AlignedSpan


@dataclass(frozen=True)
class Alternative:
    """Alternative translation of a text."""

    text: str
    score: float
    """Mean log-probability per token, including end of sentence."""


@dataclass(frozen=True)
class Translation:
    """Translation of a whole text, which is split into chunks if it exceeds the maximum input length of the model."""

    text: str
    score: float
    """Mean log-probability per token, including end of sentence."""
    confidence: float | None = None
    """Expected sentence chrF from 0 to 1, calibrated on the dev set; None if the model has no calibration."""
    alternatives: tuple[Alternative, ...] = ()
    """Next best translations, best first."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Pairs of a target span and the source span to which it attends most; None if the model has no attention."""


@dataclass(frozen=True)
class PairScore:
    """Log-probability and alignment of a given translation."""

    score: float
    """Log-probability of the whole translation, including end of sentence."""
    tokens: int
    """Number of target tokens, including end of sentence; compare ``score / tokens`` across lengths."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Pairs of a target span and the source span to which it attends most; None if the model has no attention."""
