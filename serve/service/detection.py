"""Detection of the language of a text among the served languages."""

import asyncio
from collections.abc import Sequence

from nmt.text.language_identification import DetectedLanguage, LanguageDetector

_CERTAIN = 0.8  # minimum confidence to leave a text untranslated because it is in the target language


class ServedLanguageDetector:
    """Detects the language of texts, with one cached detector for each set of candidate languages."""

    def __init__(self) -> None:
        self._detectors: dict[tuple[str, ...], LanguageDetector] = {}

    async def detect(self, text: str, candidates: Sequence[str]) -> DetectedLanguage:
        """Return the most probable of the candidate languages of a text."""
        key = tuple(candidates)
        if key not in self._detectors:
            self._detectors[key] = LanguageDetector(key)
        # The first call may load statistics, which takes half a second and must not block the event loop.
        return await asyncio.to_thread(self._detectors[key].detect, text)

    async def detect_source(self, text: str, sources: Sequence[str], target: str) -> DetectedLanguage:
        """Return the most probable source language of a text to translate into the target language.

        The result may also be the target language itself, which means that the text needs no translation; this requires
        a confidence of at least 0.8.
        """
        found = await self.detect(text, sorted({*sources, target}))
        doubtful = found.language == target and found.confidence < _CERTAIN
        return await self.detect(text, sources) if doubtful else found
