"""Creation of the sentences to decode from the texts of a request."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from nmt.inference.text_options import TextOptions
from nmt.text.glossary import TermList
from nmt.utils.errors import UsageError
from serve.errors import BadRequestError
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import Sentence
from serve.service.planning import TranslationRequest
from serve.stores.glossaries import GlossaryEntries

if TYPE_CHECKING:
    from nmt.search.options import DecodingOptions


def create_sentences(
    model: ServedModel, texts: Sequence[str], request: TranslationRequest, *, is_pivoted: bool
) -> list[Sentence]:
    """Return the sentences to decode with a model, one for each text.

    If ``is_pivoted`` is true, the model is one of two that translate the texts one after the other, and glossary terms
    are left to the caller: they translate the source language, which the second model does not see.
    """
    terms = None if is_pivoted else request_terms(request, *model.pair)
    needs_alignment = is_pivoted and has_terms(request)
    attention = request.with_details or request.has_tags or needs_alignment
    options = model.options(request.num_alternatives + 1, attention=attention)
    beam_size = max(model.translator.beam_size, request.num_alternatives + 1)
    text_options = TextOptions(terms=terms, min_confidence=request.min_confidence, find_signals=request.with_details)
    glossary_scope = None if terms is None else request.glossary.cache_scope if request.glossary else request.terms
    scope = glossary_scope, text_options.min_confidence, text_options.find_signals
    if request.target_prefix is not None:
        [text] = texts
        options = _add_target_prefix(model, text, text_options, options, request.target_prefix)
    return [Sentence(text, beam_size, options, text_options, scope) for text in texts]


def _add_target_prefix(
    model: ServedModel, text: str, text_options: TextOptions, options: DecodingOptions, prefix: str
) -> DecodingOptions:
    """Return decoding options for a translation that begins with a text; raise BadRequestError if there is none."""
    # Imported late, so that the server answers /health while the package is still being imported.
    from nmt.inference.target_prefix import add_target_prefix

    processor = model.text_processor
    try:
        return add_target_prefix(options, prefix, processor.prepare(text, text_options), processor)
    except UsageError as error:
        raise BadRequestError(str(error)) from None


def has_terms(request: TranslationRequest) -> bool:
    """Return whether the translations of a request must use glossary terms."""
    return request.glossary is not None or bool(request.terms)


def request_terms(request: TranslationRequest, source_language: str, target_language: str) -> TermList | None:
    """Return the terms that the translations of a request must use, or None if there are none."""
    if request.glossary is not None:
        return request.glossary.terms
    return _prepare_terms(request.terms, source_language, target_language) if request.terms else None


@lru_cache(maxsize=32)  # preparing a thousand terms takes some 20 ms, and requests with the same terms are the rule
def _prepare_terms(entries: GlossaryEntries, source_language: str, target_language: str) -> TermList:
    return TermList(entries, source_language, target_language)
