"""Identification of the source languages of texts."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.text.language_identification import LanguageDetector

_CERTAIN = 0.8  # confidence from which a text is taken to be in the target language


class SourceLanguageDetector:
    """Detector of the language of texts that are to be translated into a target language."""

    def __init__(self, sources: Sequence[str], target: str) -> None:
        """Create a detector; a text without letters is taken to be in the first of the source languages."""
        self._sources, self._target = LanguageDetector(sources), target
        self._with_target = LanguageDetector([*sources, target])

    def detect(self, text: str) -> str:
        """Return the most probable source language of a text, or the target language if the text is certainly in it."""
        found = self._with_target.detect(text)
        doubtful = found.language == self._target and found.confidence < _CERTAIN
        return self._sources.detect(text).language if doubtful else found.language
