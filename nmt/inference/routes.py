"""Translation of texts from a source language to a target language in one or two steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from nmt.inference.pivoting import compose_translations
from nmt.inference.source_language import SourceLanguageDetector
from nmt.inference.terms import apply_terms
from nmt.inference.translation import Translation
from nmt.inference.window_translator import WindowTranslator
from nmt.text.glossary import TermList


class Route(Protocol):
    """Translator of texts that are decoded together."""

    def translate(self, texts: Sequence[str]) -> Iterator[Translation]:
        """Translate texts together, and yield their translations in order."""


@dataclass(frozen=True)
class PivotRoute:
    """Route through a pivot language."""

    first: WindowTranslator
    """Translator into the pivot language."""
    second: WindowTranslator
    """Translator from the pivot language."""
    terms: TermList | None
    """Terms of the source language, which the second translator does not see."""

    def translate(self, texts: Sequence[str]) -> Iterator[Translation]:
        """Translate texts together; see `Route.translate`."""
        translations = list(self.first.translate(texts))
        second = self.second.translate([translation.text for translation in translations])
        for text, translation in zip(texts, map(compose_translations, translations, second), strict=True):
            yield apply_terms(self.terms, text, translation) if self.terms else translation


@dataclass(frozen=True)
class DetectedRoute:
    """Route that depends on the language of each text; texts in the target language are left unchanged."""

    detector: SourceLanguageDetector
    routes: Mapping[str, Route]
    """Route from each source language."""

    def translate(self, texts: Sequence[str]) -> Iterator[Translation]:
        """Translate texts together; see `Route.translate`."""
        languages = [self.detector.detect(text) for text in texts]
        found: dict[int, Translation] = {}
        for language in dict.fromkeys(languages):
            own = [n for n, each in enumerate(languages) if each == language]
            group = [texts[n] for n in own]
            route = self.routes.get(language)
            translations = route.translate(group) if route else (_unchanged(text, language) for text in group)
            found |= zip(own, translations, strict=True)
        return (found[n] for n in range(len(texts)))


def _unchanged(text: str, language: str) -> Translation:
    """Return a text as its own translation."""
    alignment = ((0, len(text), 0, len(text)),) if text else None
    return Translation(text, alignment=alignment, copied=True, direction=(language, language))
