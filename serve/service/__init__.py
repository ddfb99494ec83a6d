"""The translation service that all routes call."""

from serve.service.planning import TranslationRequest, TranslationResult
from serve.service.translation_service import TranslationService

__all__ = ["TranslationRequest", "TranslationResult", "TranslationService"]
