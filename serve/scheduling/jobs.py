"""Requests, their sentences, and the chunks of sentences that are decoded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from serve.errors import TranslationFailedError, error_location
from serve.interfaces import BatchKey

if TYPE_CHECKING:
    from nmt.inference.text_processor import Chunk
    from nmt.inference.translation import Translation
    from nmt.search.hypotheses import Hypothesis
    from nmt.search.options import DecodingOptions

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text to translate as a unit, with its decoding options."""

    text: str
    beam: int
    options: DecodingOptions
    cache_scope: Hashable = None
    """Owner and id of the glossary in use; cached translations are shared only within this scope."""
    required_phrases: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """Token ids of the phrases that each chunk's translation must contain; chunks beyond the last have none."""


class SentenceTranslation(NamedTuple):
    """A sentence's translation and its length."""

    translation: Translation
    tokens: int
    """Number of target tokens with end-of-sentence tokens: the weight of the translation's mean score."""


class PendingRequest:
    """A request whose sentences are not all translated yet.

    Its future resolves to the translations of all sentences. Cancelling the future removes the sentences from the queue
    and from the batches.
    """

    def __init__(
        self, sentences: int, deadline: float, on_sentence: Callable[[int, Translation], None] | None = None
    ) -> None:
        """Create a request for a number of sentences; see `serve.scheduling.scheduler.Scheduler.submit`."""
        self.future: Future[list[SentenceTranslation]] = Future()
        self.deadline = deadline
        self.overrun = 0.0
        """Worker seconds by which the finished chunks exceeded their estimates; never decreases."""
        self.done = False
        """Whether the future is finished, failed or cancelled."""
        self._translations: list[SentenceTranslation | None] = [None] * sentences
        self._missing = sentences
        self._on_sentence = on_sentence
        self._excess = 0.0
        self._lock = threading.Lock()
        self.future.add_done_callback(self._set_done)

    def _set_done(self, _: Future[list[SentenceTranslation]]) -> None:
        self.done = True

    def deliver(self, index: int, translation: SentenceTranslation) -> None:
        """Set the translation of one sentence; the last one resolves the future."""
        if self._on_sentence and not self.done:
            self._on_sentence(index, translation.translation)
        with self._lock:
            self._translations[index] = translation
            self._missing -= 1
            complete = not self._missing
        if complete:
            self.resolve()

    def charge(self, excess: float) -> None:
        """Add the worker seconds by which a chunk exceeded its estimate; negative if it took less."""
        with self._lock:
            self._excess += excess
            self.overrun = max(self.overrun, self._excess)

    def resolve(self) -> None:
        """Resolve the future to the translations, unless it was cancelled."""
        with suppress(InvalidStateError):  # cancelled at this very moment
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
    """Estimated worker seconds."""
    submitted: float
    """Time of `time.monotonic` when the request came."""
    on_decoded: Callable[[SentenceJob], None]
    """Function that is called on a worker thread when all chunks are decoded."""
    virtual_start: float = 0.0
    """Time from which the chunks fall due one after the other."""
    started: float = 0.0
    """Time when a worker took the first chunk."""
    chunks: Sequence[Chunk] = ()
    hypotheses: list[Sequence[Hypothesis]] = field(default_factory=list)
    missing: int = 0
    """Number of chunks that are not decoded yet."""
    lost_chunks: set[int] = field(default_factory=set)
    """Indices of the chunks that were lost with a worker process once."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def split(self) -> None:
        """Split the sentence into chunks; none if it contains nothing to translate."""
        self.chunks = self.batch_key.model.text_processor.chunks(self.sentence.text)
        self.hypotheses, self.missing = [()] * len(self.chunks), len(self.chunks)

    def collect(self, chunk: int, hypotheses: Sequence[Hypothesis]) -> bool:
        """Keep the hypotheses of a chunk; return whether it was the last one missing."""
        with self.lock:
            self.hypotheses[chunk] = hypotheses
            self.missing -= 1
            return not self.missing

    def assemble(self) -> SentenceTranslation:
        """Join the decoded chunks."""
        text_processor, sentence = self.batch_key.model.text_processor, self.sentence
        translation = text_processor.assemble(sentence.text, self.chunks, self.hypotheses, sentence.options)
        return SentenceTranslation(translation, sum(len(found[0].tokens) + 1 for found in self.hypotheses))

    def fail(self, error: Exception) -> None:
        """Log an error and fail the request."""
        _log.error("%d characters could not be translated: %s", len(self.sentence.text), error_location(error))
        self.request.fail()


class ChunkTask(NamedTuple):
    """One chunk of a sentence; the first one represents the whole sentence until the sentence is split."""

    job: SentenceJob
    chunk: int

    @property
    def batch_key(self) -> BatchKey:
        """Model and beam size."""
        return self.job.batch_key

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer needed."""
        return self.job.request.done

    @property
    def cost(self) -> float:
        """Estimated worker seconds."""
        return self.job.cost / max(1, len(self.job.chunks))

    @property
    def text(self) -> str:
        """The chunk's text, or the sentence's if it is not split yet."""
        return self.job.chunks[self.chunk].pieces.text if self.job.chunks else self.job.sentence.text

    @property
    def source(self) -> Sequence[int]:
        """Token ids of the split chunk."""
        return self.job.chunks[self.chunk].pieces.ids

    @property
    def options(self) -> DecodingOptions:
        """Decoding options, with the phrases that the chunk's translation must contain."""
        sentence = self.job.sentence
        if self.chunk < len(sentence.required_phrases):
            return replace(sentence.options, force_phrases=sentence.required_phrases[self.chunk])
        return sentence.options

    def deliver(self, hypotheses: Sequence[Hypothesis], seconds: float) -> None:
        """Set the chunk's hypotheses and the worker seconds that it took; the last chunk completes the sentence."""
        self.job.request.charge(seconds - self.cost)
        if self.job.collect(self.chunk, hypotheses):
            self.job.on_decoded(self.job)

    def fail(self) -> None:
        """Fail the whole request."""
        self.job.request.fail()

    def may_retry(self) -> bool:
        """Return whether to decode the chunk again after its worker process was lost: only the first time."""
        if self.chunk in self.job.lost_chunks:
            return False
        self.job.lost_chunks.add(self.chunk)
        return True
