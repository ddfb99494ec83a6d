"""A loaded and warmed-up model."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import TYPE_CHECKING, Protocol

from nmt.utils.errors import CarouselError
from serve.interfaces import Batcher, Throughput

if TYPE_CHECKING:
    from nmt.inference.directions import AvailableDirections, LanguagePair
    from nmt.inference.text_processor import TextProcessor
    from nmt.search.options import DecodingOptions
    from nmt.text.chinese import ChineseScript

# Sentences of different lengths, as in real requests. The first decoding of a batch shape also allocates memory.
_WARM_UP_TEXTS = (
    "Hello.",
    "This sentence is longer.",
    "This one is of about the length that most of the sentences have.",
)


class TranslatorBackend(Protocol):
    """A loaded translation model, such as `serve.workers.client.RemoteTranslator`."""

    beam_size: int
    """Default beam size."""
    checksum: str
    """Checksum that identifies the model's files."""

    @property
    def directions(self) -> Sequence[LanguagePair]:
        """Directions that the model was trained on."""

    def create_text_processor(self, pair: LanguagePair, script: ChineseScript | None) -> TextProcessor:
        """Create the text processor of a direction, trained or not; ``script`` is that of Chinese translations."""

    def create_batcher(self, worker_number: int, num_slots: int, beam_size: int) -> Batcher:
        """Create a batcher for the worker thread with this number."""

    def close(self) -> None:
        """Free all resources; batchers are unusable afterwards."""


class TranslatorLoader(Protocol):
    """Loads a model."""

    @property
    def name(self) -> str:
        """Name of the model in messages."""

    def directions(self) -> AvailableDirections:
        """Return the directions of the model without loading it."""

    def load(self) -> TranslatorBackend:
        """Load the model; raise CarouselError if that fails."""


class ServedModel:
    """A loaded model with a warmed-up batcher for each worker thread."""

    def __init__(self, translator: TranslatorBackend, num_slots: int, throughput: Throughput) -> None:
        """Wrap a loaded translator; ``num_slots`` is the number of slots of each batcher."""
        self.translator, self.num_slots, self.throughput = translator, num_slots, throughput
        self.checksum = translator.checksum
        self.retired = False
        """Whether another model has replaced this one, which then finishes only the requests that use it already."""
        self._warm_batchers: dict[tuple[int, int], Batcher] = {}  # by worker and beam size
        self._directions: dict[tuple[LanguagePair, ChineseScript | None], ServedDirection] = {}

    def direction(self, pair: LanguagePair, script: ChineseScript | None = None) -> ServedDirection:
        """Return a direction of the model, in which Chinese translations are written in the given script."""
        if (pair, script) not in self._directions:
            processor = self.translator.create_text_processor(pair, script)
            self._directions[pair, script] = ServedDirection(self, pair, script, processor)
        return self._directions[pair, script]

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

        processors = [self.direction(pair).text_processor for pair in self.translator.directions]
        # Tokenized without any other treatment, so that texts of a language with another script are decoded too.
        sources = [
            (processor.tokenize_pair(text, "")[0].ids, processor.decoding_options)
            for text, processor in zip(texts, cycle(processors), strict=False)
        ]
        for start in range(0, len(sources), batcher.num_slots):
            batch = sources[start : start + batcher.num_slots]
            batcher.admit([DecodingRequest(n, ids, options) for n, (ids, options) in enumerate(batch)])
            while len(batcher):
                if not all(hypotheses for _, hypotheses in batcher.advance()):
                    raise CarouselError("the network computes scores that are NaN; replace the model directory")


@dataclass(frozen=True, eq=False)
class ServedDirection:
    """A direction of a loaded model. The sentences of all its directions are decoded in the same batches."""

    model: ServedModel
    pair: LanguagePair
    """Codes of the source and the target language."""
    script: ChineseScript | None
    """Script of Chinese translations; None for that of the model."""
    text_processor: TextProcessor
    _options: dict[tuple[int, bool], DecodingOptions] = field(default_factory=dict, init=False, repr=False)

    @property
    def name(self) -> str:
        """Label of the direction in metrics."""
        return "-".join(self.pair)

    @property
    def cache_key(self) -> Hashable:
        """Identifier of the model's files and the direction; sentences of equal keys have equal translations."""
        return self.model.checksum, self.pair, self.script

    def options(self, num_hypotheses: int, *, attention: bool) -> DecodingOptions:
        """Return the direction's default options for a number of hypotheses, with or without attention."""
        key = num_hypotheses, attention
        if key not in self._options:  # creating them takes a twentieth of the time that a request costs in this process
            default = self.text_processor.decoding_options
            self._options[key] = replace(default, num_hypotheses=num_hypotheses, return_attention=attention)
        return self._options[key]
