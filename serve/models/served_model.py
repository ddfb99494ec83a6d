"""A loaded and warmed-up model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from serve.interfaces import Batcher, Throughput

if TYPE_CHECKING:
    from nmt.inference.text_processor import TextProcessor
    from nmt.search.options import DecodingOptions

# Sentences of several lengths, like real ones. The first decoding of a batch shape also allocates memory.
_WARM_UP_TEXTS = (
    "Hello.",
    "This sentence is longer.",
    "This one is of about the length that most of the sentences have.",
)


class TranslatorBackend(Protocol):
    """A loaded translation model, such as `serve.workers.client.RemoteTranslator`."""

    source_language: str
    target_language: str
    beam: int
    checksum: str
    text_processor: TextProcessor
    decoding_options: DecodingOptions
    """The model's default options."""

    def phrase_ids(self, text: str) -> tuple[int, ...]:
        """Return the token ids of a required phrase; raise CarouselError if the vocabulary cannot express it."""

    def create_batcher(self, worker: int, slots: int, beam: int) -> Batcher:
        """Create a batcher for the worker thread with this number."""

    def close(self) -> None:
        """Free all resources; batchers are unusable afterwards."""


class TranslatorLoader(Protocol):
    """Loads the model of one language pair."""

    def pair(self) -> tuple[str, str]:
        """Return source and target language without loading the model."""

    def load(self) -> TranslatorBackend:
        """Load the model; raise CarouselError if that fails."""


class ServedModel:
    """A loaded model with one warmed-up batcher per worker thread."""

    def __init__(self, translator: TranslatorBackend, slots: int, throughput: Throughput) -> None:
        """Wrap a loaded translator, whose batchers get ``slots`` slots."""
        self.translator, self.slots, self.throughput = translator, slots, throughput
        self.pair = translator.source_language, translator.target_language
        self.name = "-".join(self.pair)
        self.checksum, self.text_processor = translator.checksum, translator.text_processor
        self.retired = False
        """Whether another model has replaced this one, which only finishes its work."""
        self._warm_batchers: dict[tuple[int, int], Batcher] = {}  # by worker and beam size
        self._options: dict[tuple[int, bool], DecodingOptions] = {}

    def options(self, num_hypotheses: int, *, attention: bool) -> DecodingOptions:
        """Return the model's default options for a number of hypotheses, with or without attention."""
        key = num_hypotheses, attention
        if key not in self._options:
            self._options[key] = replace(
                self.translator.decoding_options, num_hypotheses=num_hypotheses, return_attention=attention
            )
        return self._options[key]

    def create_batcher(self, worker: int, beam: int) -> Batcher:
        """Create a batcher for a worker thread; the first call returns the warmed-up one."""
        if (worker, beam) in self._warm_batchers:
            return self._warm_batchers.pop((worker, beam))
        return self.translator.create_batcher(worker, self.slots, beam)

    def warm_up(self, workers: int) -> None:
        """Decode some sentences on a batcher for each worker thread, and measure the throughput."""
        for worker in range(workers):
            batcher = self.translator.create_batcher(worker, self.slots, self.translator.beam)
            self._decode(batcher, _WARM_UP_TEXTS)
            texts = [_WARM_UP_TEXTS[n % len(_WARM_UP_TEXTS)] for n in range(self.slots)]
            start = time.perf_counter()
            self._decode(batcher, texts)
            self.throughput.record(time.perf_counter() - start, texts)
            self._warm_batchers[worker, batcher.beam] = batcher

    def close(self) -> None:
        """Free all resources; batchers are unusable afterwards."""
        self.translator.close()

    def _decode(self, batcher: Batcher, texts: Sequence[str]) -> None:
        # Imported late, so that the server answers /health while the package is still being imported.
        from nmt.inference.continuous_batcher import DecodingRequest

        options = self.translator.decoding_options
        chunks = [chunk for text in texts for chunk in self.text_processor.chunks(text)]
        for start in range(0, len(chunks), batcher.slots):
            batch = chunks[start : start + batcher.slots]
            batcher.admit([DecodingRequest(n, chunk.pieces.ids, options) for n, chunk in enumerate(batch)])
            while len(batcher):
                batcher.advance()
