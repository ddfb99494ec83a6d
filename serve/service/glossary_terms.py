"""Creation of the sentences to decode, with the glossary terms that their translations must contain."""

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

# Beam sizes for constrained decoding. The beam must be larger than the number of tokens in the required phrases. There
# are only three sizes, because sentences with different beam sizes cannot share a batch.
_CONSTRAINED_BEAM_SIZES = (8, 12, 16)


def create_sentences(model: ServedModel, texts: Sequence[str], request: TranslationRequest) -> list[Sentence]:
    """Return the sentences to decode with a model, one for each text."""
    options = model.options(request.num_alternatives + 1, attention=request.with_alignment or request.is_html)
    beam_size = max(model.translator.beam_size, request.num_alternatives + 1)
    glossary = request.glossary
    if glossary is None:
        return [Sentence(text, beam_size, options) for text in texts]
    return [_require_terms(Sentence(text, beam_size, options, glossary.cache_scope), model, glossary) for text in texts]


def _require_terms(sentence: Sentence, model: ServedModel, glossary: Glossary) -> Sentence:
    """Return a sentence whose required phrases are the translations of the glossary terms in each of its chunks."""
    if not glossary.required_translations(sentence.text):
        return sentence
    phrases = tuple(_phrase_ids(terms, model) for terms in _terms_by_chunk(sentence.text, model, glossary))
    tokens = max((sum(map(len, chunk)) for chunk in phrases), default=0)
    if not tokens:
        return sentence
    sizes = [size for size in _CONSTRAINED_BEAM_SIZES if size > tokens and size >= sentence.beam_size]
    return replace(sentence, beam_size=min(sizes, default=sentence.beam_size), required_phrases=phrases)


def _terms_by_chunk(text: str, model: ServedModel, glossary: Glossary) -> list[list[str]]:
    """Return the required target terms of each chunk; a term that crosses a boundary belongs to the second chunk."""
    chunks, clean = model.text_processor.make_chunks(text), normalise(text)
    within = [glossary.required_translations(chunk.tokenized.text) for chunk in chunks]
    found = [list(terms) for terms in within]
    for n, (first, second) in enumerate(pairwise(chunks)):
        both = glossary.required_translations(clean[first.start : second.start + len(second.tokenized.text)])
        found[n + 1] += (Counter(both) - Counter(within[n] + within[n + 1])).elements()
    return found


def _phrase_ids(terms: Sequence[str], model: ServedModel) -> tuple[tuple[int, ...], ...]:
    """Return the token ids of the target terms, except those that exceed the capacity of the largest beam."""
    phrases: list[tuple[int, ...]] = []
    tokens = 0
    for term in terms:
        try:
            ids = model.text_processor.force_phrase_ids(term)
        except CarouselError:
            ids = ()
        if not ids:
            message = "the glossary has a term that the model's vocabulary cannot express; change or remove it"
            raise InvalidGlossaryError(message)
        if tokens + len(ids) < _CONSTRAINED_BEAM_SIZES[-1]:
            phrases.append(ids)
            tokens += len(ids)
    return tuple(phrases)
