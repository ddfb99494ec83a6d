"""Translation of texts that are decoded together, in one direction of a model or through a pivot language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.documents.document import Document, SingleSegment
from nmt.inference.documents.plain import PlainDocument
from nmt.inference.pivoting import finish_translation
from nmt.inference.rescoring import Rescorer
from nmt.inference.text_options import TextOptions
from nmt.inference.text_processor import TextProcessor
from nmt.inference.translation import SentenceTranslation, Translation
from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions


@dataclass(frozen=True)
class StepTranslator:
    """Translator of sentences in one direction of a model."""

    processor: TextProcessor
    """Text processor of the direction."""
    decoder: BatchDecoder
    rescorer: Rescorer | None
    beam_size: int
    options: DecodingOptions
    text_options: TextOptions

    def translate(self, texts: Sequence[Sequence[str]]) -> Iterator[list[SentenceTranslation]]:
        """Translate texts, given as their sentences, together; yield the translated sentences of each text in order."""
        prepared = [[self.processor.prepare(sentence, self.text_options) for sentence in text] for text in texts]
        tasks: list[tuple[Sequence[int], DecodingOptions]] = []
        later = replace(self.options, target_prefix=(), force_phrases=(), word_continuations=frozenset())
        for sentences in prepared:
            # Target prefix and forced phrases apply to the first chunk of a text only.
            of_chunk = self.options
            for sentence in sentences:
                for chunk in sentence.chunks:
                    tasks.append((chunk.tokenized.ids, sentence.decoding_options(of_chunk, chunk)))
                    of_chunk = later
        hypotheses = iter(self._decode(tasks))
        for sentences in prepared:
            yield [
                self.processor.assemble_counted(each, [next(hypotheses) for _ in each.chunks], self.options)
                for each in sentences
            ]

    def _decode(self, tasks: Sequence[tuple[Sequence[int], DecodingOptions]]) -> list[list[Hypothesis]]:
        """Return the hypotheses for pairs of token ids and decoding options, reranked if there is a rescorer."""
        # Chunks of similar length are decoded together; short ones at the end leave few slots idle.
        groups: dict[DecodingOptions, list[tuple[int, Sequence[int]]]] = {}
        for n in sorted(range(len(tasks)), key=lambda n: -len(tasks[n][0])):
            groups.setdefault(tasks[n][1], []).append((n, tasks[n][0]))
        found: dict[int, list[Hypothesis]] = {}
        for options, sources in groups.items():
            found |= self._search(sources, options)
        return [found[n] for n in range(len(tasks))]

    def _search(
        self, sources: list[tuple[int, Sequence[int]]], options: DecodingOptions
    ) -> dict[int, list[Hypothesis]]:
        if self.rescorer is None or options.sampling_temperature > 0:
            return self.decoder.search(sources, self.beam_size, options)
        count = max(self.rescorer.num_hypotheses, options.num_hypotheses)
        found = self.decoder.search(sources, max(self.beam_size, count), replace(options, num_hypotheses=count))
        return self.rescorer.rerank(found, self.processor.decode_batch, options.length_penalty)


@dataclass(frozen=True)
class WindowTranslator:
    """Translator of texts that are decoded together."""

    steps: Sequence[StepTranslator]
    """One step, or two through a pivot language."""
    text_options: TextOptions

    def translate(self, texts: Sequence[str]) -> Iterator[Translation]:
        """Translate texts together, and yield their translations in order."""
        documents = [self._make_document(text) for text in texts]
        sources = [each.segments for each in documents]
        translated = self.steps[0].translate(sources)
        if len(self.steps) == 1:
            for document, sentences in zip(documents, translated, strict=True):
                yield document.assemble([sentence.translation for sentence in sentences])
            return
        pivoted = list(translated)
        translated = self.steps[1].translate([[each.translation.text for each in text] for text in pivoted])
        for document, text, first, second in zip(documents, sources, pivoted, translated, strict=True):
            steps = zip(text, first, second, strict=True)
            yield document.assemble([finish_translation(*each, self.text_options) for each in steps])

    def _make_document(self, text: str) -> Document:
        processor = self.steps[0].processor
        if self.text_options.split_sentences and processor.guards:
            return PlainDocument(text, processor.source_language, protector=self.text_options.protector)
        return SingleSegment(text)
