"""Translation of the sentences of one request, with one or two models."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from serve.models.pivoting import compose_translations
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import Sentence, SentenceTranslation
from serve.scheduling.scheduler import CHUNK_CHARACTERS, Scheduler
from serve.service.planning import TextOffloader, TranslationRequest
from serve.service.sentences import create_sentences

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

OnSentence = Callable[[int, str], None]
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

        The second model, if there is one, translates the output of the first.
        """
        indices, texts = list(sentences), list(sentences.values())
        # Cost of the second pass, if the texts in the pivot language are about as long as the source texts.
        later_cost = sum(model.throughput.estimate(text) for model in models[1:] for text in texts)
        report = (lambda index, text: on_sentence(indices[index], text)) if on_sentence else None
        found: list[SentenceTranslation] = []
        for model in models:
            last = model is models[-1]
            sources = [sentence.translation.text for sentence in found] if found else texts
            request = self.request if last else replace(self.request, num_alternatives=0)
            prepared = await self.offloader.run(sources, partial(create_sentences, model, sources, request))
            translated = await self._translate_with_model(
                model, prepared, report if last else None, 0.0 if last else later_cost
            )
            found = [_compose(*both) for both in zip(found, translated, strict=True)] if found else translated
        return dict(zip(indices, (sentence.translation for sentence in found), strict=True))

    async def _translate_with_model(
        self, model: ServedModel, sentences: Sequence[Sentence], on_sentence: OnSentence | None, later_cost: float
    ) -> list[SentenceTranslation]:
        """Translate sentences in portions, so that the request never fills the queue; see `Scheduler.submit`."""
        found: list[SentenceTranslation] = []
        while len(found) < len(sentences):
            first = len(found)
            end = first + count_fitting(sentences[first:], self.max_chunks)

            def report(index: int, translation: Translation, first: int = first) -> None:
                if on_sentence:
                    on_sentence(first + index, translation.text)

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


def _compose(first: SentenceTranslation, second: SentenceTranslation) -> SentenceTranslation:
    """Combine the translation into the pivot language with the translation from the pivot language."""
    token_counts = first.num_tokens, second.num_tokens
    translation = compose_translations(first.translation, second.translation, token_counts)
    return SentenceTranslation(translation, sum(token_counts))
