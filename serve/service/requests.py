"""What to translate into which language, and the result."""

from dataclasses import dataclass

from nmt.inference.documents.document import DocumentTranslation
from nmt.text.language_identification import DetectedLanguage
from serve.stores.glossaries import Glossary


@dataclass(frozen=True)
class TranslationRequest:
    """Languages and options for translating a list of texts."""

    source: str | None
    """Source language; None to detect the language of each text."""
    target: str
    """Target language."""
    markup: bool = False
    """Whether the texts are HTML."""
    alternatives: int = 0
    """Number of alternative translations for each text."""
    alignment: bool = False
    """Whether the results include word alignments."""
    glossary: Glossary | None = None
    """Glossary whose terms the translations must use."""


@dataclass(frozen=True)
class TranslationResult:
    """The translation of one text."""

    answer: DocumentTranslation
    """The translated text with its scores."""
    source: DetectedLanguage
    """Source language; with confidence 1 if the request named it."""
    pivot: str | None
    """Pivot language if the text was translated in two steps."""
