"""Results of translation and of forced scoring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from nmt.text.alignment import AlignedSpan

DirectionKind = Literal["trained", "pivot", "zero-shot", "copy", "memory"]
"""``trained`` if a network was trained to translate between the two languages, ``pivot`` if two translations were made,
the second of the result of the first, ``zero-shot`` if a network was trained on other pairs of its languages only, and
``copy`` if the text is in the target language already, and ``memory`` if the translation memory has the text.
"""


@dataclass(frozen=True)
class Alternative:
    """Alternative translation of a text."""

    text: str
    score: float
    """Mean log-probability per token, including end of sentence."""


@dataclass(frozen=True)
class AppliedTerm:
    """Glossary term that a translation uses."""

    source: str
    target: str


@dataclass(frozen=True)
class MemoryMatch:
    """Entry of a translation memory for a text."""

    source: str
    """Source text of the entry."""
    target: str
    """Translation of the entry, with the numbers, addresses and placeholders of the text."""
    similarity: float
    """Similarity of the source text of the entry, from 0.75 to 1; 1 if it is the text itself."""
    origin: str
    """Source of the entry, such as the name of a file."""
    created: str
    """Date and time of the entry in ISO 8601."""


@dataclass(frozen=True)
class Direction:
    """The languages of a translation."""

    kind: DirectionKind
    languages: tuple[str, ...]
    """Codes of the source and the target language, with the pivot language between them if there is one."""


@dataclass(frozen=True)
class Translation:
    """Translation of a text, which may consist of several sentences or be a whole document."""

    text: str
    score: float = 0.0
    """Mean log-probability per token, including end of sentence; of several sentences, the mean over the sentences."""
    confidence: float | None = None
    """Expected sentence chrF from 0 to 1, calibrated on the dev set; None if the model has no calibration."""
    alternatives: tuple[Alternative, ...] = ()
    """Next best translations, best first."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Pairs of a target span and the source span to which it attends most; None if the model has no attention."""
    signals: tuple[str, ...] = ()
    """Signs of a bad translation; see `nmt.inference.quality_signals`."""
    terms: tuple[AppliedTerm, ...] = ()
    """Glossary terms that the translation uses."""
    memory: tuple[MemoryMatch, ...] = ()
    """Entries of the translation memory for the text, best first. The first one is the translation if it is exact."""
    copied: bool = False
    """True if the text was not translated, because nothing in it is language or the confidence is too low."""
    left_untranslated: bool = False
    """True if a sentence of the text was not translated because the confidence is below the minimum."""
    direction: Direction | None = None
    """Languages of the translation; None if the text contains no sentence."""


class SentenceTranslation(NamedTuple):
    """A translated sentence with the number of its tokens."""

    translation: Translation
    num_tokens: int
    """Number of target tokens, including end-of-sentence tokens; the weight of the score when scores are averaged."""


@dataclass(frozen=True)
class PairScore:
    """Log-probability and alignment of a given translation."""

    score: float
    """Log-probability of the whole translation, including end of sentence."""
    tokens: int
    """Number of target tokens, including end of sentence; compare ``score / tokens`` across lengths."""
    alignment: tuple[AlignedSpan, ...] | None = None
    """Pairs of a target span and the source span to which it attends most; None if the model has no attention."""
