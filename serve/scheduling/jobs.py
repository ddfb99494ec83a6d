"""The units of work in the queue: requests consist of sentences, and sentences of chunks, which are decoded."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from serve.errors import TranslationFailedError, error_location
from serve.interfaces import BatchKey, DecodingDirection

if TYPE_CHECKING:
    from nmt.inference.chunk_alignment import Chunk
    from nmt.inference.continuous_batcher import DecodingRequest
    from nmt.inference.prepared_text import PreparedText
    from nmt.inference.text_options import TextOptions
    from nmt.inference.translation import SentenceTranslation, Translation
    from nmt.search.hypotheses import Hypothesis
    from nmt.search.options import DecodingOptions

CHUNK_CHARACTERS = 200
"""Estimated number of characters in a chunk of a long sentence."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Sentence:
    """A text to translate as a unit, with its decoding options."""

    text: str
    direction: DecodingDirection
    beam_size: int
    options: DecodingOptions
    text_options: TextOptions
    cache_scope: Hashable = None
    """Identifier of the text options; a cached translation is used again only for sentences with the same scope."""

    @property
    def cost(self) -> float:
        """Estimated seconds of worker time."""
        return self.estimate_cost(self.text)

    @property
    def cache_key(self) -> Hashable:
        """Identifier of everything on which the translation depends."""
        return self.direction.cache_key, self.text, self.beam_size, self.options, self.cache_scope

    def estimate_cost(self, text: str) -> float:
        """Return the estimated seconds of worker time for a text in the same direction."""
        return self.direction.model.throughput.estimate(text)


class PendingRequest:
    """A request that waits for the translations of its sentences.

    Its future resolves to the translations of all sentences. If the future is cancelled, the sentences are removed from
    the queue and from the batches.
    """

    def __init__(
        self,
        num_sentences: int,
        deadline: float,
        on_sentence: Callable[[int, Translation], None] | None = None,
        client: Hashable = None,
    ) -> None:
        """Create a request; the arguments are those of `serve.scheduling.scheduler.Scheduler.submit`."""
        self.future: Future[list[SentenceTranslation]] = Future()
        self.deadline = deadline
        self.client = client
        self.overrun = 0.0
        """Seconds of worker time by which the finished chunks exceeded their estimated cost; never decreases."""
        self._translations: list[SentenceTranslation | None] = [None] * num_sentences
        self._num_missing = num_sentences
        self._on_sentence = on_sentence
        self._excess = 0.0
        self._lock = threading.Lock()

    def set_translation(self, index: int, translation: SentenceTranslation) -> None:
        """Set the translation of the sentence with this index; the last missing one resolves the future."""
        if self._on_sentence and not self.future.done():
            self._on_sentence(index, translation.translation)
        with self._lock:
            self._translations[index] = translation
            self._num_missing -= 1
            complete = not self._num_missing
        if complete:
            self.resolve()

    def record_excess(self, excess_seconds: float) -> None:
        """Add the seconds of worker time by which a chunk exceeded its estimated cost; negative if it took less."""
        with self._lock:
            self._excess += excess_seconds
            self.overrun = max(self.overrun, self._excess)

    def resolve(self) -> None:
        """Resolve the future to the translations, unless it was cancelled."""
        with suppress(InvalidStateError):  # it was cancelled
            self.future.set_result([found for found in self._translations if found is not None])

    def fail(self) -> None:
        """Fail the whole request because one of its sentences cannot be translated."""
        with suppress(InvalidStateError):
            self.future.set_exception(TranslationFailedError("the translation failed"))


@dataclass(slots=True, eq=False)
class SentenceJob:
    """One sentence of a request, from the queue to its translation."""

    request: PendingRequest
    index: int
    """Index of the sentence in the request."""
    sentence: Sentence
    batch_key: BatchKey
    cost: float
    """Estimated seconds of worker time."""
    submitted: float
    """Time at which the request was submitted; all times are values of `time.monotonic`."""
    on_decoded: Callable[[SentenceJob], None]
    """Function to call, on a worker thread, when all chunks are decoded."""
    virtual_start: float = 0.0
    """Time from which the due times of the chunks are counted."""
    started: float = 0.0
    """Time at which a worker took the first chunk."""
    prepared: PreparedText | None = None
    """The sentence with its chunks; None before it is prepared."""
    hypotheses: list[Sequence[Hypothesis]] = field(default_factory=list)
    """Hypotheses of each chunk, best first; none before the chunk is decoded."""
    num_missing: int = 0
    """Number of chunks that are not decoded yet."""
    lost_chunks: set[int] = field(default_factory=set)
    """Indices of the chunks that were in a worker process when it was lost."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def estimated_chunks(self) -> int:
        """Number of chunks that the sentence probably has."""
        return max(1, math.ceil(len(self.sentence.text) / CHUNK_CHARACTERS))

    @property
    def chunks(self) -> Sequence[Chunk]:
        """Chunks of the sentence; none before it is prepared."""
        return self.prepared.chunks if self.prepared else ()

    def prepare(self) -> PreparedText:
        """Split the sentence into tokenized chunks. There are none if it contains nothing to translate."""
        sentence = self.sentence
        self.prepared = sentence.direction.text_processor.prepare(sentence.text, sentence.text_options)
        self.hypotheses, self.num_missing = [()] * len(self.chunks), len(self.chunks)
        return self.prepared

    def set_hypotheses(self, chunk_index: int, hypotheses: Sequence[Hypothesis]) -> bool:
        """Store the hypotheses of a decoded chunk, and return whether all chunks are decoded now."""
        with self.lock:
            self.hypotheses[chunk_index] = hypotheses
            self.num_missing -= 1
            return not self.num_missing

    def assemble_translation(self) -> SentenceTranslation:
        """Return the sentence's translation, joined from its decoded chunks."""
        prepared = self.prepared or self.prepare()
        text_processor = self.sentence.direction.text_processor
        return text_processor.assemble_counted(prepared, self.hypotheses, self.sentence.options)

    def fail(self, error: Exception) -> None:
        """Log an exception and fail the whole request."""
        _log.error("%d characters could not be translated: %s", len(self.sentence.text), error_location(error))
        self.request.fail()


class ChunkTask(NamedTuple):
    """One chunk of a sentence; the first one represents the whole sentence until the sentence is split."""

    job: SentenceJob
    chunk_index: int

    @property
    def batch_key(self) -> BatchKey:
        """Model and beam size."""
        return self.job.batch_key

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer needed, because the request has failed or been cancelled."""
        return self.job.request.future.done()

    @property
    def num_chunks(self) -> int:
        """Number of chunks of the task; an estimate before the sentence is split."""
        return 1 if self.job.chunks else self.job.estimated_chunks

    @property
    def cost(self) -> float:
        """Estimated seconds of worker time."""
        return self.job.cost / max(1, len(self.job.chunks))

    @property
    def text(self) -> str:
        """Source text of the chunk, or of the whole sentence before it is split."""
        return self.job.chunks[self.chunk_index].tokenized.text if self.job.chunks else self.job.sentence.text

    def decoding_request(self) -> DecodingRequest:
        """Return the request that a batcher decodes, with the task as its key; the sentence must be split."""
        # Imported late, so that the server answers /health while the inference package is still being imported.
        from nmt.inference.continuous_batcher import DecodingRequest

        prepared = self.job.prepared or self.job.prepare()
        chunk = prepared.chunks[self.chunk_index]
        options = prepared.decoding_options(self.job.sentence.options, chunk)
        return DecodingRequest(self, chunk.tokenized.ids, options)

    def set_hypotheses(self, hypotheses: Sequence[Hypothesis], worker_seconds: float) -> None:
        """Set the hypotheses of the chunk and the worker time spent on it; the last chunk completes the sentence."""
        self.job.request.record_excess(worker_seconds - self.cost)
        if self.job.set_hypotheses(self.chunk_index, hypotheses):
            self.job.on_decoded(self.job)

    def fail(self) -> None:
        """Fail the whole request."""
        self.job.request.fail()

    def allow_retry(self) -> bool:
        """Record that the chunk's worker process was lost; return whether this was the first time."""
        first_time = self.chunk_index not in self.job.lost_chunks
        self.job.lost_chunks.add(self.chunk_index)
        return first_time
