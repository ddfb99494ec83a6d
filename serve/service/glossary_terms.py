"""Turns texts into sentences to decode, with the glossary terms that their translations must contain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError
from serve.errors import InvalidGlossaryError
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import Sentence
from serve.service.planning import TranslationRequest
from serve.stores.glossaries import Glossary

# Beam sizes for constrained decoding. A beam can satisfy required phrases of fewer tokens in total than its size. There
# are few sizes, because each has batches of its own.
_CONSTRAINED_BEAMS = (8, 12, 16)


def create_sentences(model: ServedModel, texts: Sequence[str], request: TranslationRequest) -> list[Sentence]:
    """Create the sentences to decode with a model, one for each text."""
    options = model.options(request.alternatives + 1, attention=request.alignment or request.markup)
    beam = max(model.translator.beam, request.alternatives + 1)
    glossary = request.glossary
    if glossary is None:
        return [Sentence(text, beam, options) for text in texts]
    return [_require_terms(Sentence(text, beam, options, glossary.scope), model, glossary) for text in texts]


def _require_terms(sentence: Sentence, model: ServedModel, glossary: Glossary) -> Sentence:
    """Return the sentence with the translations of its glossary terms as required phrases, for each chunk its own."""
    if not glossary.required_translations(sentence.text):
        return sentence
    phrases = tuple(_phrase_ids(terms, model) for terms in _terms_by_chunk(sentence.text, model, glossary))
    tokens = max((sum(map(len, chunk)) for chunk in phrases), default=0)
    if not tokens:
        return sentence
    beam = next((size for size in _CONSTRAINED_BEAMS if size > max(tokens, sentence.beam - 1)), sentence.beam)
    return replace(sentence, beam=beam, required_phrases=phrases)


def _terms_by_chunk(text: str, model: ServedModel, glossary: Glossary) -> list[list[str]]:
    """Return the required translations for each chunk; a term that crosses a boundary belongs to the second chunk."""
    chunks, clean = model.text_processor.chunks(text), normalise(text)
    within = [glossary.required_translations(chunk.pieces.text) for chunk in chunks]
    found = [list(terms) for terms in within]
    for n, (first, second) in enumerate(pairwise(chunks)):
        both = glossary.required_translations(clean[first.start : second.start + len(second.pieces.text)])
        found[n + 1] += (Counter(both) - Counter(within[n] + within[n + 1])).elements()
    return found


def _phrase_ids(terms: Sequence[str], model: ServedModel) -> tuple[tuple[int, ...], ...]:
    """Return the token ids of as many terms as the largest beam can satisfy."""
    phrases: list[tuple[int, ...]] = []
    tokens = 0
    for term in terms:
        try:
            ids = model.translator.phrase_ids(term)
        except CarouselError:
            ids = ()
        if not ids:
            raise InvalidGlossaryError(
                "the glossary has a term that the model's vocabulary cannot express; change or remove it"
            )
        if tokens + len(ids) < _CONSTRAINED_BEAMS[-1]:
            phrases.append(ids)
            tokens += len(ids)
    return tuple(phrases)
