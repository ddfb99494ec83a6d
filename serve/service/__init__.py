"""The translation service that all routes call."""

from serve.service.planning import TranslationRequest, TranslationResult
from serve.service.streaming import StreamedSentence
from serve.service.translation_service import TranslationService

__all__ = ["StreamedSentence", "TranslationRequest", "TranslationResult", "TranslationService"]
