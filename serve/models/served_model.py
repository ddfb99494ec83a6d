"""A loaded and warmed-up model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from nmt.utils.errors import CarouselError
from serve.interfaces import Batcher, Throughput

if TYPE_CHECKING:
    from nmt.inference.text_processor import TextProcessor
    from nmt.search.options import DecodingOptions

# Sentences of different lengths, as in real requests. The first decoding of a batch shape also allocates memory.
_WARM_UP_TEXTS = (
    "Hello.",
    "This sentence is longer.",
    "This one is of about the length that most of the sentences have.",
)


class TranslatorBackend(Protocol):
    """A loaded translation model, such as `serve.workers.client.RemoteTranslator`."""

    source_language: str
    target_language: str
    beam_size: int
    """Default beam size."""
    checksum: str
    """Checksum that identifies the model's files."""
    text_processor: TextProcessor
    decoding_options: DecodingOptions
    """Default decoding options."""

    def create_batcher(self, worker_number: int, num_slots: int, beam_size: int) -> Batcher:
        """Create a batcher for the worker thread with this number."""

    def close(self) -> None:
        """Free all resources; batchers are unusable afterwards."""


class TranslatorLoader(Protocol):
    """Loads the model of one language pair."""

    def pair(self) -> tuple[str, str]:
        """Return the source and target language without loading the model."""

    def load(self) -> TranslatorBackend:
        """Load the model; raise CarouselError if that fails."""


class ServedModel:
    """A loaded model with a warmed-up batcher for each worker thread."""

    def __init__(self, translator: TranslatorBackend, num_slots: int, throughput: Throughput) -> None:
        """Wrap a loaded translator; ``num_slots`` is the number of slots of each batcher."""
        self.translator, self.num_slots, self.throughput = translator, num_slots, throughput
        self.pair = translator.source_language, translator.target_language
        self.name = "-".join(self.pair)
        self.checksum, self.text_processor = translator.checksum, translator.text_processor
        self.retired = False
        """Whether another model has replaced this one, which then finishes only the requests that use it already."""
        self._warm_batchers: dict[tuple[int, int], Batcher] = {}  # by worker and beam size

    def options(self, num_hypotheses: int, *, attention: bool) -> DecodingOptions:
        """Return the model's default options for a number of hypotheses, with or without attention."""
        default = self.translator.decoding_options
        return replace(default, num_hypotheses=num_hypotheses, return_attention=attention)

    def create_batcher(self, worker_number: int, beam_size: int) -> Batcher:
        """Create a batcher for the worker thread with this number, or return the warmed-up one at the first call."""
        if (worker_number, beam_size) in self._warm_batchers:
            return self._warm_batchers.pop((worker_number, beam_size))
        return self.translator.create_batcher(worker_number, self.num_slots, beam_size)

    def warm_up(self, num_workers: int) -> None:
        """Decode some sentences with one batcher for each worker thread, and measure the throughput.

        Args:
            num_workers: Number of worker threads.
        """
        for worker in range(num_workers):
            batcher = self.translator.create_batcher(worker, self.num_slots, self.translator.beam_size)
            self._decode(batcher, _WARM_UP_TEXTS)
            texts = [_WARM_UP_TEXTS[n % len(_WARM_UP_TEXTS)] for n in range(self.num_slots)]
            start = time.perf_counter()
            self._decode(batcher, texts)
            self.throughput.record(time.perf_counter() - start, texts)
            self._warm_batchers[worker, self.translator.beam_size] = batcher

    def close(self) -> None:
        """Free all resources; batchers are unusable afterwards."""
        self.translator.close()

    def _decode(self, batcher: Batcher, texts: Sequence[str]) -> None:
        # Imported late, so that the server answers /health while the package is still being imported.
        from nmt.inference.continuous_batcher import DecodingRequest
        from nmt.inference.text_options import TextOptions

        options = self.translator.decoding_options
        prepared = [self.text_processor.prepare(text, TextOptions()) for text in texts]
        chunks = [chunk for text in prepared for chunk in text.chunks]
        for start in range(0, len(chunks), batcher.num_slots):
            batch = chunks[start : start + batcher.num_slots]
            batcher.admit([DecodingRequest(n, chunk.tokenized.ids, options) for n, chunk in enumerate(batch)])
            while len(batcher):
                if not all(hypotheses for _, hypotheses in batcher.advance()):
                    raise CarouselError("the network computes scores that are NaN; replace the model directory")
