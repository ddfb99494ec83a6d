"""Translation of the sentences of one request, each in one direction or through a pivot language."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING

from nmt.inference.pivoting import finish_translation
from nmt.inference.translation import SentenceTranslation
from serve.auth.client_identity import current_client
from serve.scheduling.jobs import CHUNK_CHARACTERS, Sentence
from serve.scheduling.scheduler import Scheduler
from serve.service.planning import TextOffloader, TranslationRequest
from serve.service.sentences import SentenceFactory, SourceSentence

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
    factory: SentenceFactory = field(init=False)

    def __post_init__(self) -> None:
        self.factory = SentenceFactory(self.request)

    async def translate(
        self, sentences: Mapping[int, SourceSentence], on_sentence: OnSentence | None
    ) -> dict[int, Translation]:
        """Translate sentences, given by their index in the request, whatever their directions.

        The first step of all sentences is decoded together, and then the second step of those with a pivot language.
        """
        pivoted = {index: sentence for index, sentence in sentences.items() if len(sentence.steps) > 1}
        # Cost of the second step, if the texts in the pivot language are about as long as the source texts.
        later_cost = sum(each.steps[1].model.throughput.estimate(each.text) for each in pivoted.values())

        def report(index: int, translation: Translation) -> None:
            if on_sentence and index not in pivoted:
                on_sentence(index, translation)

        def create_first() -> dict[int, Sentence]:
            return {index: self.factory.create(each.text, each.steps, 0) for index, each in sentences.items()}

        first = await self._run_step(
            create_first, list(sentences.values()), report if on_sentence else None, later_cost
        )
        found = {index: each.translation for index, each in first.items()}
        if pivoted:
            found |= await self._translate_pivoted(pivoted, first, on_sentence)
        return found

    async def _translate_pivoted(
        self,
        sentences: Mapping[int, SourceSentence],
        first: Mapping[int, SentenceTranslation],
        on_sentence: OnSentence | None,
    ) -> dict[int, Translation]:
        """Run the second step of sentences, given the translations into the pivot language."""
        options = {each.steps: self.factory.text_options(each.steps) for each in sentences.values()}

        def finish(index: int, second: SentenceTranslation) -> Translation:
            sentence = sentences[index]
            return finish_translation(sentence.text, first[index], second, options[sentence.steps])

        def report(index: int, translation: Translation) -> None:
            if on_sentence:
                on_sentence(index, finish(index, SentenceTranslation(translation, 1)))

        def create_second() -> dict[int, Sentence]:
            return {
                index: self.factory.create(first[index].translation.text, each.steps, 1)
                for index, each in sentences.items()
            }

        every = list(sentences.values())
        second = await self._run_step(create_second, every, report if on_sentence else None, 0.0)
        return await self.offloader.run(
            [each.text for each in every], lambda: {index: finish(index, each) for index, each in second.items()}
        )

    async def _run_step(
        self,
        create: Callable[[], dict[int, Sentence]],
        sources: Sequence[SourceSentence],
        on_sentence: Callable[[int, Translation], None] | None,
        later_cost: float,
    ) -> dict[int, SentenceTranslation]:
        """Translate sentences in portions, so that the request never fills the queue; see `Scheduler.submit`."""
        by_index = await self.offloader.run([each.text for each in sources], create)
        indices, sentences = list(by_index), list(by_index.values())
        found: list[SentenceTranslation] = []
        client = current_client.get()
        while len(found) < len(sentences):
            first = len(found)
            end = first + count_fitting(sentences[first:], self.max_chunks)

            def report(number: int, translation: Translation, first: int = first) -> None:
                if on_sentence:
                    on_sentence(indices[first + number], translation)

            pending = self.scheduler.submit(
                sentences[first:end],
                self.deadline,
                report if on_sentence else None,
                later_cost=later_cost + sum(sentence.cost for sentence in sentences[end:]),
                continued=self.continued,
                client=client.identifier if client else None,
            )
            self.continued = True
            translated: list[SentenceTranslation] = await asyncio.wrap_future(pending.future)
            found += translated
        return dict(zip(indices, found, strict=True))


def count_fitting(sentences: Sequence[Sentence], max_chunks: float) -> int:
    """Return the length of the longest prefix with at most ``max_chunks`` chunks in total, but at least 1."""
    chunks = accumulate(math.ceil(len(sentence.text) / CHUNK_CHARACTERS) for sentence in sentences)
    return max(1, sum(1 for _ in takewhile(lambda count: count <= max_chunks, chunks)))
