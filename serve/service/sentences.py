"""Creation of the sentences to decode from the texts of a request."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.inference.text_options import TextOptions
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import Sentence
from serve.service.planning import TranslationRequest


def create_sentences(model: ServedModel, texts: Sequence[str], request: TranslationRequest) -> list[Sentence]:
    """Return the sentences to decode with a model, one for each text."""
    options = model.options(request.num_alternatives + 1, attention=request.with_details or request.is_html)
    beam_size = max(model.translator.beam_size, request.num_alternatives + 1)
    glossary = request.glossary
    text_options = TextOptions(
        terms=glossary.terms if glossary else None,
        min_confidence=request.min_confidence,
        find_signals=request.with_details,
    )
    scope = glossary and glossary.cache_scope, text_options.min_confidence, text_options.find_signals
    return [Sentence(text, beam_size, options, text_options, scope) for text in texts]
