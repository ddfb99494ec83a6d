"""The threads that have sentences translated: each has decode loops, whose slots all requests share."""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from serve.errors import TranslationFailedError
from serve.metrics import Metrics
from serve.workers.client import DecoderError, DecoderLostError

if TYPE_CHECKING:
    from nmt.inference.continuous_batcher import DecodingRequest
    from nmt.search.hypotheses import Hypothesis
    from serve.scheduling.scheduler import BatchKey, ChunkTask, Scheduler, SentenceJob

_log = logging.getLogger(__name__)


class Loop(Protocol):
    """What a thread asks of `serve.workers.client.RemoteLoop`."""

    slots: int
    beam: int

    def __len__(self) -> int:
        """How many sentences are in work."""

    @property
    def free(self) -> int:
        """How many more sentences there is room for."""

    def admit(self, searches: Sequence[DecodingRequest]) -> None:
        """Take in sentences, at most as many as are `free`. Where this raises, none of them is in work."""

    def release(self, keys: Iterable[Hashable]) -> None:
        """Give up some of the sentences in work."""

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        """What has finished since the last call. After an exception the loop is of no more use."""


class DecodingThread(threading.Thread):
    """Takes sentences from the queue whenever slots are free, and advances all its loops in turn."""

    def __init__(self, scheduler: Scheduler, number: int, metrics: Metrics) -> None:
        # A daemon, so that a translation that never ends can't keep a stopped process alive.
        super().__init__(name=f"decoding-{number}", daemon=True)
        self._scheduler, self._number, self._metrics = scheduler, number, metrics
        self._lanes: dict[BatchKey, _Lane] = {}

    @property
    def busy(self) -> bool:
        """Whether sentences are in work."""
        return any(lane.busy for lane in self._lanes.values())

    def room(self, kind: BatchKey) -> int:
        """How many sentences of that kind the thread takes now."""
        lane = self._lanes.get(kind)
        return lane.room if lane else self._scheduler.slots

    def run(self) -> None:
        """Work until the scheduler is closed and everything is done."""
        while self._round():
            pass

    def _round(self) -> bool:
        # A function of its own: while the thread waits, no variable keeps a job or a retired model alive.
        taken = self._scheduler.take(self)
        if taken is None:
            return False
        for kind, task in taken:
            self._open(kind, task)
        for lane in list(self._lanes.values()):
            if lane.busy:
                self._turn(lane)
        self.tidy()
        return True

    def tidy(self) -> None:
        """Let go of the loops of retired models."""
        for kind in [kind for kind, lane in self._lanes.items() if kind.model.retired and not lane.busy]:
            del self._lanes[kind]

    def _open(self, kind: BatchKey, task: ChunkTask) -> None:
        try:
            if kind not in self._lanes:
                self._lanes[kind] = _Lane(kind, self._number, self._scheduler, self._metrics)
            self._lanes[kind].open(task)
        except Exception as error:
            _fail(task.job, error)

    def _turn(self, lane: _Lane) -> None:
        try:
            lane.turn()
        except Exception as error:
            del self._lanes[lane.kind]  # the loop may be broken; the next sentence gets a new one
            for task in lane.give_up(error):
                self._open(lane.kind, task)


class _Lane:
    """A decode loop, the parts of sentences in it, and those on their way in."""

    def __init__(self, kind: BatchKey, thread: int, scheduler: Scheduler, metrics: Metrics) -> None:
        self.kind = kind
        self._scheduler, self._metrics = scheduler, metrics
        self._loop = kind.model.loop(thread, kind.beam)
        self._opening: deque[ChunkTask] = deque()
        self._live: dict[ChunkTask, float] = {}  # by what time of `_shared` they came
        self._shared = 0.0  # the sum of what each part in work had of every step, in seconds
        self._counted = 0  # of the live ones, by the gauge
        # Since the pace was measured last:
        self._seconds, self._most, self._finished = 0.0, 0, list[str]()
        self._sentences = metrics.sentences.labels(kind.model.name)
        self._read, self._written = metrics.tokens.labels("source"), metrics.tokens.labels("target")

    @property
    def busy(self) -> bool:
        return bool(self._live or self._opening)

    @property
    def room(self) -> int:
        return max(0, self._loop.free - len(self._opening))

    def open(self, task: ChunkTask) -> None:
        """Take a part in. With the first one the others go to the queue; where there is none, the sentence is done."""
        job = task.job
        if not job.chunks:
            job.take_apart(self.kind.model.text_processor.chunks(job.sentence.text))
            if not job.chunks:
                self._finish(job)
                return
            if len(job.chunks) > 1:
                self._scheduler.put_back(self.kind, job)
        self._opening.append(task)

    def turn(self) -> None:
        """Let go of what nobody waits for, fill the free slots, and collect what has finished."""
        self._release()
        began = time.perf_counter()
        self._fill()
        occupied = len(self._live)
        if occupied:
            finished = self._loop.advance()
            self._shared += (time.perf_counter() - began) / occupied
            for key, hypotheses in finished:
                self._collect(cast("ChunkTask", key), hypotheses)
        self._count(occupied, time.perf_counter() - began)

    def give_up(self, error: Exception) -> list[ChunkTask]:
        """Fail all sentences, but for the parts that deserve another try, which are given back.

        These are the ones whose process is lost, and that may not have been the reason: once.
        """
        tasks = [*self._live, *self._opening]
        _log.error("a step with %d sentences failed: %s", len(tasks), _what(error))
        self._metrics.slots_in_use.dec(self._counted)
        again = [task for task in tasks if isinstance(error, DecoderLostError) and task.chunk not in task.job.tried]
        for task in set(tasks).difference(again):
            task.job.ticket.fail(TranslationFailedError("the translation failed"))
        for task in again:
            task.job.tried.add(task.chunk)
        return again

    def _release(self) -> None:
        gone = [task for task in self._live if task.job.ticket.over]
        for task in gone:
            del self._live[task]
        self._loop.release(gone)
        if any(task.job.ticket.over for task in self._opening):
            self._opening = deque(task for task in self._opening if not task.job.ticket.over)

    def _fill(self) -> None:
        count = min(self._loop.free, len(self._opening))
        if count:
            tasks = [self._opening.popleft() for _ in range(count)]
            try:
                self._admit(tasks)
            except DecoderLostError:
                self._opening.extend(task for task in tasks if task not in self._live)  # given up with all the others
                raise

    def _admit(self, tasks: Sequence[ChunkTask]) -> None:
        try:
            self._loop.admit([_search(task) for task in tasks])
            self._live.update(dict.fromkeys(tasks, self._shared))
        except DecoderLostError:
            raise
        except Exception as error:
            if len(tasks) == 1:
                _fail(tasks[0].job, error)
                return
            # One sentence must not fail its neighbours, which may be other people's.
            for task in tasks:
                self._admit([task])

    def _collect(self, task: ChunkTask, hypotheses: Sequence[Hypothesis]) -> None:
        task.job.ticket.charge(self._shared - self._live.pop(task) - task.cost)
        self._finished.append(task.job.chunks[task.chunk].pieces.text)
        if task.job.collect(task.chunk, hypotheses):
            try:
                self._finish(task.job)
            except Exception as error:
                _fail(task.job, error)

    def _finish(self, job: SentenceJob) -> None:
        model, sentence = self.kind.model, job.sentence
        translation = model.text_processor.assemble(sentence.text, job.chunks, job.found, sentence.options)
        self._scheduler.remember(model, sentence, translation)
        if job.chunks:
            written = sum(len(hypotheses[0].tokens) + 1 for hypotheses in job.found)
            self._written.inc(written)
            self._read.inc(sum(len(chunk.pieces.ids) + 1 for chunk in job.chunks))
            self._sentences.inc()
            self._metrics.token_seconds.observe((time.monotonic() - job.begun) / written)
        job.ticket.deliver(job.number, translation)

    def _count(self, occupied: int, seconds: float) -> None:
        self._metrics.slots_in_use.inc(len(self._live) - self._counted)
        self._counted = len(self._live)
        if occupied:
            self._metrics.batch_occupancy.observe(occupied / self._loop.slots)
        self._seconds += seconds
        self._most = max(self._most, occupied)
        if not self._live or len(self._finished) >= 2 * self._loop.slots:
            if 2 * self._most >= self._loop.slots:
                self.kind.model.throughput.worked(self._seconds, self._finished)
            self._seconds, self._most, self._finished = 0.0, 0, []


def _search(task: ChunkTask) -> DecodingRequest:
    from nmt.inference.continuous_batcher import DecodingRequest

    sentence, chunk = task.job.sentence, task.chunk
    options = sentence.options
    if chunk < len(sentence.required):
        options = replace(options, force_phrases=sentence.required[chunk])
    return DecodingRequest(task, task.job.chunks[chunk].pieces.ids, options)


def _fail(job: SentenceJob, error: Exception) -> None:
    _log.error("%d characters could not be translated: %s", len(job.sentence.text), _what(error))
    job.ticket.fail(TranslationFailedError("the translation failed"))


def _what(error: Exception) -> str:
    """BatchKey and place of an exception, without its own words, which may hold some of a user's text."""
    if isinstance(error, DecoderError):
        return error.where
    return f"{type(error).__name__} at\n{''.join(traceback.format_tb(error.__traceback__))}"
