"""Creation of the sentences to decode from the sentences of a request."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from nmt.inference.pivoting import step_text_options
from nmt.inference.text_options import TextOptions
from nmt.text.glossary import TermList
from nmt.utils.errors import UsageError
from serve.errors import BadRequestError
from serve.models.served_model import ServedDirection
from serve.scheduling.jobs import Sentence
from serve.service.planning import TranslationRequest
from serve.stores.glossaries import GlossaryEntries

if TYPE_CHECKING:
    from nmt.search.options import DecodingOptions


@dataclass(frozen=True)
class SourceSentence:
    """A sentence of a request, with the directions of models that translate it."""

    text: str
    steps: tuple[ServedDirection, ...]
    """One direction, or two through a pivot language."""


class SentenceFactory:
    """Factory of the sentences that are decoded for a request."""

    def __init__(self, request: TranslationRequest) -> None:
        self._request = request
        self._settings: dict[tuple[ServedDirection, int, int], _DecodingSettings] = {}

    def create(self, text: str, steps: Sequence[ServedDirection], number: int) -> Sentence:
        """Return the sentence to decode in the step with this number; ``text`` is in the source language of the step.

        Glossary terms translate the source language of the first step. If there are two steps, they are therefore left
        to `nmt.inference.pivoting.finish_translation`, as is the minimum confidence.
        """
        key = steps[number], number, len(steps)
        if key not in self._settings:
            self._settings[key] = self._choose_settings(steps, number)
        settings = self._settings[key]
        options = settings.options
        if self._request.target_prefix is not None and number == len(steps) - 1:
            options = _add_target_prefix(steps[number], text, settings, self._request.target_prefix)
        return Sentence(text, steps[number], settings.beam_size, options, settings.text_options, settings.scope)

    def text_options(self, steps: Sequence[ServedDirection]) -> TextOptions:
        """Return the text options of a translation in one or two steps."""
        request = self._request
        terms = request_terms(request, steps[0].pair[0], steps[-1].pair[1])
        return TextOptions(terms=terms, min_confidence=request.min_confidence, find_signals=request.with_details)

    def _choose_settings(self, steps: Sequence[ServedDirection], number: int) -> _DecodingSettings:
        request, direction = self._request, steps[number]
        text_options = self.text_options(steps)
        needs_alignment = request.with_details or request.has_tags or request.is_segment
        if len(steps) > 1:
            needs_alignment = needs_alignment or text_options.terms is not None
            text_options = step_text_options(text_options)
        num_hypotheses = request.num_alternatives + 1 if number == len(steps) - 1 else 1
        glossary_scope: Hashable = None
        if text_options.terms:
            glossary_scope = request.glossary.cache_scope if request.glossary else request.terms
        return _DecodingSettings(
            max(direction.model.translator.beam_size, num_hypotheses),
            direction.options(num_hypotheses, attention=needs_alignment),
            text_options,
            (glossary_scope, text_options.min_confidence, text_options.find_signals),
        )


@dataclass(frozen=True)
class _DecodingSettings:
    """Settings of the sentences of a request in one direction."""

    beam_size: int
    options: DecodingOptions
    text_options: TextOptions
    scope: Hashable


def _add_target_prefix(
    direction: ServedDirection, text: str, settings: _DecodingSettings, prefix: str
) -> DecodingOptions:
    """Return decoding options for a translation that begins with a text; raise BadRequestError if there is none."""
    # Imported late, so that the server answers /health while the package is still being imported.
    from nmt.inference.target_prefix import add_target_prefix

    processor = direction.text_processor
    try:
        return add_target_prefix(settings.options, prefix, processor.prepare(text, settings.text_options), processor)
    except UsageError as error:
        raise BadRequestError(str(error)) from None


def request_terms(request: TranslationRequest, source_language: str, target_language: str) -> TermList | None:
    """Return the terms that the translations of a request must use, or None if there are none."""
    if request.glossary is not None:
        return request.glossary.terms
    return _prepare_terms(request.terms, source_language, target_language) if request.terms else None


@lru_cache(maxsize=32)  # preparing a thousand terms takes some 20 ms, and requests with the same terms are the rule
def _prepare_terms(entries: GlossaryEntries, source_language: str, target_language: str) -> TermList:
    return TermList(entries, source_language, target_language)
