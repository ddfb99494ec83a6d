"""Translation of the sentences of one request, with one or two models."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from nmt.inference.pivoting import compose_translations
from nmt.inference.terms import apply_terms
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import Sentence, SentenceTranslation
from serve.scheduling.scheduler import CHUNK_CHARACTERS, Scheduler
from serve.service.planning import TextOffloader, TranslationRequest
from serve.service.sentences import create_sentences, request_terms

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

OnSentence = Callable[[int, "Translation"], None]
"""Function to call with the index and the translation of each finished sentence."""


@dataclass
class SentenceTranslator:
    """Translates the sentences of one request."""

    scheduler: Scheduler
    offloader: TextOffloader
    request: TranslationRequest
    deadline: float
    """Time of `time.monotonic` after which no sentence is started."""
    max_chunks: float
    """Maximum number of chunks that the request has in the queue at the same time."""
    continued: bool = False
    """Whether some sentences have been submitted to the scheduler."""

    async def translate(
        self, models: Sequence[ServedModel], sentences: Mapping[int, str], on_sentence: OnSentence | None
    ) -> dict[int, Translation]:
        """Translate sentences, given by their index in the request, with each of the models in turn.

        The second model, if there is one, translates the output of the first. Glossary terms are then put into its
        output, because the glossary translates the language of the texts.
        """
        if not sentences:
            return {}
        indices, texts = list(sentences), list(sentences.values())
        pivoted: list[SentenceTranslation] = []
        if len(models) > 1:
            # Cost of the second pass, if the texts in the pivot language are about as long as the source texts.
            later_cost = sum(models[1].throughput.estimate(text) for text in texts)
            request = replace(self.request, num_alternatives=0, target_prefix=None)
            pivoted = await self._translate_with_model(models[0], texts, request, None, later_cost, is_pivoted=True)
        terms = request_terms(self.request, models[0].pair[0], models[-1].pair[1]) if pivoted else None

        def finish(index: int, translated: SentenceTranslation) -> Translation:
            """Return the translation of a text, given the translation by the last model."""
            if not pivoted:
                return translated.translation
            composed = _compose(pivoted[index], translated)
            return apply_terms(terms, texts[index], composed) if terms else composed

        def report(index: int, translation: Translation) -> None:
            if on_sentence:
                on_sentence(indices[index], finish(index, SentenceTranslation(translation, 1)))

        sources = [sentence.translation.text for sentence in pivoted] or texts
        found = await self._translate_with_model(
            models[-1], sources, self.request, report if on_sentence else None, 0.0, is_pivoted=bool(pivoted)
        )
        finished = await self.offloader.run(texts, lambda: [finish(*each) for each in enumerate(found)])
        return dict(zip(indices, finished, strict=True))

    async def _translate_with_model(
        self,
        model: ServedModel,
        texts: Sequence[str],
        request: TranslationRequest,
        on_sentence: Callable[[int, Translation], None] | None,
        later_cost: float,
        *,
        is_pivoted: bool,
    ) -> list[SentenceTranslation]:
        """Translate texts in portions, so that the request never fills the queue; see `Scheduler.submit`."""
        create = partial(create_sentences, model, texts, request, is_pivoted=is_pivoted)
        sentences = await self.offloader.run(texts, create)
        found: list[SentenceTranslation] = []
        while len(found) < len(sentences):
            first = len(found)
            end = first + count_fitting(sentences[first:], self.max_chunks)

            def report(index: int, translation: Translation, first: int = first) -> None:
                if on_sentence:
                    on_sentence(first + index, translation)

            pending = self.scheduler.submit(
                model,
                sentences[first:end],
                self.deadline,
                report if on_sentence else None,
                later_cost=later_cost + sum(model.throughput.estimate(sentence.text) for sentence in sentences[end:]),
                continued=self.continued,
            )
            self.continued = True
            translated: list[SentenceTranslation] = await asyncio.wrap_future(pending.future)
            found += translated
        return found


def count_fitting(sentences: Sequence[Sentence], max_chunks: float) -> int:
    """Return the length of the longest prefix with at most ``max_chunks`` chunks in total, but at least 1."""
    chunks = accumulate(math.ceil(len(sentence.text) / CHUNK_CHARACTERS) for sentence in sentences)
    return max(1, sum(1 for _ in takewhile(lambda count: count <= max_chunks, chunks)))


def _compose(first: SentenceTranslation, second: SentenceTranslation) -> Translation:
    """Combine the translation into the pivot language with the translation from the pivot language."""
    return compose_translations(first.translation, second.translation, (first.num_tokens, second.num_tokens))
