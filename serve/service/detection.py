"""Detection of the language of a text among the served languages."""

import asyncio
from collections.abc import Sequence

from nmt.inference.source_language import choose_source
from nmt.text.language_identification import DetectedLanguage, LanguageDetector


class ServedLanguageDetector:
    """Detects the language of texts, with one cached detector for each set of candidate languages."""

    def __init__(self) -> None:
        self._detectors: dict[tuple[str, ...], LanguageDetector] = {}

    async def rank(self, text: str, candidates: Sequence[str]) -> list[DetectedLanguage]:
        """Return the languages that a text may be in, the most probable first, with a preference for candidates."""
        key = tuple(candidates)
        if key not in self._detectors:
            self._detectors[key] = LanguageDetector(key)
        # The first call may load statistics, which takes half a second and must not block the event loop.
        return await asyncio.to_thread(self._detectors[key].rank, text)

    async def detect_source(self, text: str, sources: Sequence[str], target: str) -> DetectedLanguage:
        """Return the most probable source language of a text to translate into the target language.

        The result may also be the target language itself, which means that the text needs no translation, or a
        language that cannot be translated, if the text is almost certainly in it.
        """
        ranking = await self.rank(text, sorted({*sources, target}))
        return choose_source(ranking, sources, target, others=True)
