"""Language detection among the served languages."""

import asyncio
from collections.abc import Sequence

from nmt.text.language_identification import DetectedLanguage, LanguageDetector

_CERTAIN = 0.95  # confidence


class ServedLanguageDetector:
    """Detects the language of texts among varying candidates, and keeps a detector for each set of candidates."""

    def __init__(self) -> None:
        self._detectors: dict[tuple[str, ...], LanguageDetector] = {}

    async def detect(self, text: str, candidates: Sequence[str]) -> DetectedLanguage:
        """Detect the language of a text among candidates."""
        key = tuple(candidates)
        if key not in self._detectors:
            self._detectors[key] = LanguageDetector(key)
        # The first call may load statistics for half a second, which must not block other requests.
        detector = self._detectors[key]
        return await asyncio.to_thread(detector.detect, text) if len(key) > 1 else detector.detect(text)

    async def detect_source(self, text: str, sources: Sequence[str], target: str) -> DetectedLanguage:
        """Detect the language of a text to translate, among the source languages of a target language.

        If there are several, the result may also be the target language itself, but only with near certainty: the text
        then needs no translation.
        """
        candidates = sorted({*sources, target}) if len(sources) > 1 else sources
        found = await self.detect(text, candidates)
        doubtful = found.language == target and found.confidence < _CERTAIN
        return await self.detect(text, sources) if doubtful else found
