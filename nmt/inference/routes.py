"""Translation of texts into a target language from one source language, or from that of each text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nmt.inference.source_language import SourceLanguageDetector
from nmt.inference.translation import Direction, Translation
from nmt.text.chinese import ChineseScript, convert_chinese


class Route(Protocol):
    """Translator of texts that are decoded together."""

    def translate(self, texts: Sequence[str]) -> Iterator[Translation]:
        """Translate texts together, and yield their translations in order."""


@dataclass(frozen=True)
class DetectedRoute:
    """Route that depends on the language of each text; texts in the target language are left unchanged."""

    detector: SourceLanguageDetector
    routes: Mapping[str, Route]
    """Route from each source language."""
    script: ChineseScript | None = None
    """Script of Chinese translations, to which texts in Chinese are converted."""

    def translate(self, texts: Sequence[str]) -> Iterator[Translation]:
        """Translate texts together; see `Route.translate`."""
        languages = [self.detector.detect(text) for text in texts]
        found: dict[int, Translation] = {}
        for language in dict.fromkeys(languages):
            own = [n for n, each in enumerate(languages) if each == language]
            group = [texts[n] for n in own]
            route = self.routes.get(language)
            translations = route.translate(group) if route else (self._copy(text, language) for text in group)
            found |= zip(own, translations, strict=True)
        return (found[n] for n in range(len(texts)))

    def _copy(self, text: str, language: str) -> Translation:
        """Return a text in the target language as its own translation."""
        copy = convert_chinese(text, self.script) if self.script else text
        alignment = ((0, len(text), 0, len(text)),) if text else None
        return Translation(copy, alignment=alignment, copied=True, direction=Direction("copy", (language, language)))
