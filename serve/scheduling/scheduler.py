"""Fair queueing of sentences.

A queue holds sentences, not requests: the sentences of all requests share the slots of the workers' batches. When slots
become free, they are refilled with the sentences that are due first. A sentence that is too long for the model is split
when its turn comes; its chunks then wait in the queue like sentences.

The sentences of a request fall due one after the other, at the rate at which a quarter of the workers would decode them
(Zhang 1990, "VirtualClock"): first by estimate, and later than that once the request's finished sentences have taken
longer than estimated. A request of one sentence therefore overtakes a request of thousands, which still keeps its
quarter, and gets all workers while nothing else waits.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from serve.errors import NotReadyError, QueueFullError
from serve.interfaces import BatchKey, DecodingModel
from serve.metrics import Metrics
from serve.scheduling.jobs import ChunkTask, PendingRequest, Sentence, SentenceJob
from serve.scheduling.translation_cache import TranslationCache

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

CHUNK_CHARACTERS = 200
"""Estimated number of characters in a chunk of a long sentence."""
_REQUEST_SHARE = 0.25  # share of the workers that every request keeps
_ADMISSION_SHARE = 0.5  # share of a request's time that the work ahead of it may take: estimates are inaccurate
_REFILL_SHARE = 0.85  # share of the slots that are refilled together when more sentences wait than fit
_WINDOW_BATCHES = 2  # sentences of similar length are chosen among this many batches: they waste the fewest steps


class QueueEntry(NamedTuple):
    """A task in a queue."""

    due: float
    serial: int
    """Orders tasks that are due at the same time by arrival."""
    task: ChunkTask
    overrun: float
    """Overrun of the request when the entry was queued; any further overrun postpones the task."""


class Scheduler:
    """A thread-safe queue of sentences for all models."""

    def __init__(self, workers: int, slots: int, queue_limit: int, cache_size: int, metrics: Metrics) -> None:
        """Create an empty queue for a number of worker threads, whose batches have ``slots`` slots.

        At most ``queue_limit`` sentences wait, and ``cache_size`` finished translations are cached.
        """
        self._workers, self._slots, self._queue_limit, self._metrics = workers, slots, queue_limit, metrics
        self._cache = TranslationCache(cache_size, metrics)
        self._source_tokens, self._target_tokens = metrics.tokens.labels("source"), metrics.tokens.labels("target")
        self._changed = threading.Condition()
        self._queues: dict[BatchKey, list[QueueEntry]] = {}  # heaps: the task that is due first is on top
        self._serial = count()
        self._waiting: dict[PendingRequest, tuple[int, float]] = {}  # number of queued tasks, and their cost
        self._count, self._backlog = 0, 0.0  # sums of the values of _waiting
        self._idle_workers = 0
        self._closed = False

    def submit(
        self,
        model: DecodingModel,
        sentences: Sequence[Sentence],
        deadline: float,
        on_sentence: Callable[[int, Translation], None] | None = None,
        *,
        later_cost: float = 0.0,
        continued: bool = False,
    ) -> PendingRequest:
        """Queue all sentences, or none.

        Args:
            model: Model that translates the sentences.
            sentences: Sentences to translate.
            deadline: Time of `time.monotonic` after which no sentence is started.
            on_sentence: Called on a worker thread with the index and translation of each finished sentence.
            later_cost: Estimated worker seconds of sentences that the same request will submit later.
            continued: Whether the request has submitted sentences before; it is then not refused any more.

        Raises:
            NotReadyError: If the scheduler is closed.
            QueueFullError: If the queue is full, or the request would hardly finish before its deadline.
        """
        now = time.monotonic()
        request = PendingRequest(len(sentences), deadline, on_sentence)
        cached = [self._cache.get(model, sentence) for sentence in sentences]
        jobs = []
        for index, (sentence, translation) in enumerate(zip(sentences, cached, strict=True)):
            if translation is None:
                key, cost = BatchKey(model, sentence.beam), model.throughput.estimate(sentence.text)
                jobs.append(SentenceJob(request, index, sentence, key, cost, now, self._complete))
        with self._changed:
            if not continued:
                self._check_admission(jobs, later_cost, deadline - now)
            if jobs:
                self._add_waiting(request, len(jobs), sum(job.cost for job in jobs))
                request.future.add_done_callback(lambda _: self._remove(request))
            virtual_start = now
            for job in jobs:
                job.virtual_start = virtual_start
                first_chunk = min(job.cost, model.throughput.estimate(job.sentence.text[:CHUNK_CHARACTERS]))
                self._push(virtual_start + self._duration(first_chunk), ChunkTask(job, 0))
                virtual_start += self._duration(job.cost)
            self._changed.notify(len(jobs))
        for index, translation in enumerate(cached):
            if translation is not None:
                request.deliver(index, translation)
        if not sentences:
            request.resolve()
        return request

    def close(self) -> None:
        """Refuse further requests. Waiting sentences are still translated; then `take` returns None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake_workers(self) -> None:
        """Wake idle workers, so that they drop the batchers of retired models."""
        with self._changed:
            self._changed.notify_all()

    def take(self, *, busy: bool, free_slots: Callable[[BatchKey], int]) -> list[ChunkTask] | None:
        """Take the tasks that a worker should start now; called on the worker's thread.

        Args:
            busy: Whether the worker has tasks in its batches. If it has none, this call waits for a change.
            free_slots: Function that returns the worker's number of free slots for a batch key.

        Returns:
            Tasks whose sentences are split; none if there is nothing to start yet. None once the scheduler is closed
            and the queue is empty.
        """
        if busy and not self._may_take(free_slots):
            return []
        with self._changed:
            taken = [task for key in list(self._queues) for task in self._pop(key, free_slots(key))]
            # If queues remain here, all tasks that could have been taken were past their deadline.
            if not (taken or busy or self._queues):
                if self._closed:
                    return None
                self._idle_workers += 1
                self._changed.wait()
                self._idle_workers -= 1
        return [task for task in taken if task.job.chunks or self._split(task.job)]

    def _split(self, job: SentenceJob) -> bool:
        """Split a sentence and queue all chunks but the first; return whether there is anything to decode."""
        try:
            job.split()
        except Exception as error:
            job.fail(error)
            return False
        if not job.chunks:
            self._complete(job)
            return False
        others = [ChunkTask(job, chunk) for chunk in range(1, len(job.chunks))]
        if others:
            with self._changed:
                if not job.request.done:
                    self._add_waiting(job.request, len(others), sum(task.cost for task in others))
                    for task in others:
                        self._push(job.virtual_start + self._duration((task.chunk + 1) * task.cost), task)
                    self._changed.notify(len(others))
        return True

    def _complete(self, job: SentenceJob) -> None:
        """Deliver the translation of a sentence whose chunks are decoded."""
        try:
            found = job.assemble()
            self._cache.put(job.batch_key.model, job.sentence, found)
            if found.tokens:
                self._target_tokens.inc(found.tokens)
                self._source_tokens.inc(sum(len(chunk.pieces.ids) + 1 for chunk in job.chunks))
                self._metrics.sentences.labels(job.batch_key.model.name).inc()
                self._metrics.token_seconds.observe((time.monotonic() - job.started) / found.tokens)
            job.request.deliver(job.index, found)
        except Exception as error:
            job.fail(error)

    def _may_take(self, free_slots: Callable[[BatchKey], int]) -> bool:
        """Check without the lock whether tasks can be taken; a change in between is seen one step later."""
        return any(free_slots(key) >= self._min_free_slots(queue) for key, queue in list(self._queues.items()))

    def _min_free_slots(self, queue: Sequence[QueueEntry]) -> int:
        """Return the number of free slots from which on tasks of a queue are taken.

        Filling slots one by one costs a fifth of the speed. Waiting until all are free costs none, but then one very
        long sentence would block all others. A queue that fits is taken at once; of a longer one, enough to fill most
        slots.
        """
        return min(len(queue), math.ceil(_REFILL_SHARE * self._slots))

    def _check_admission(self, jobs: Sequence[SentenceJob], later_cost: float, available: float) -> None:
        """Raise if the scheduler is closed, or cannot finish the jobs within ``available`` seconds."""
        if self._closed:
            raise NotReadyError("the server is shutting down")
        needed = (self._backlog + sum(job.cost for job in jobs) + later_cost) / self._workers
        allowed = _ADMISSION_SHARE * available
        # An empty queue accepts any request: an inaccurate estimate must not refuse it for ever.
        if self._count and (self._count + len(jobs) > self._queue_limit or needed > allowed):
            raise QueueFullError(max(1, math.ceil(needed - allowed)))

    def _push(self, due: float, task: ChunkTask) -> None:
        overrun = task.job.request.overrun
        entry = QueueEntry(due + self._duration(overrun), next(self._serial), task, overrun)
        heapq.heappush(self._queues.setdefault(task.batch_key, []), entry)

    def _duration(self, cost: float) -> float:
        """Return the seconds that work takes on one request's share of the workers."""
        return cost / (_REQUEST_SHARE * self._workers)

    def _add_waiting(self, request: PendingRequest, tasks: int, cost: float) -> None:
        """Update the number and the cost of a request's queued tasks; negative values remove tasks."""
        tasks_before, cost_before = self._waiting.pop(request, (0, 0.0))
        if tasks_before + tasks:
            self._waiting[request] = (tasks_before + tasks, cost_before + cost)
        self._count += tasks
        self._backlog += cost
        self._metrics.waiting_sentences.set(self._count)

    def _remove(self, request: PendingRequest) -> None:
        """Remove the remaining tasks of a request from the queues."""
        with self._changed:
            if request not in self._waiting:
                return
            tasks, cost = self._waiting[request]
            self._add_waiting(request, -tasks, -cost)
            for key, queue in list(self._queues.items()):
                kept = [entry for entry in queue if entry.task.job.request is not request]
                if len(kept) < len(queue):
                    heapq.heapify(kept)
                    self._queues[key] = kept
                if not kept:
                    del self._queues[key]
            self._changed.notify_all()  # a closed scheduler may be empty now

    def _pop(self, key: BatchKey, free_slots: int) -> list[ChunkTask]:
        """Take the next tasks of a queue, and leave a share for other idle workers."""
        queue = self._queues[key]
        if free_slots < self._min_free_slots(queue):
            return []
        taken = self._choose(queue, min(free_slots, math.ceil(len(queue) / (self._idle_workers + 1))))
        now = time.monotonic()
        for task in taken:
            self._add_waiting(task.job.request, -1, -task.cost)
            if not task.job.chunks:
                task.job.started = now
                self._metrics.queue_wait_seconds.observe(now - task.job.submitted)
        if not queue:
            del self._queues[key]
        return [task for task in taken if now < task.job.request.deadline]

    def _choose(self, queue: list[QueueEntry], number: int) -> list[ChunkTask]:
        """Take the task that is due first, and those of the next ones whose lengths are closest to it."""
        window: list[QueueEntry] = []
        while queue and len(window) < max(number, _WINDOW_BATCHES * self._slots):
            window.append(self._pop_first(queue))
        if len(window) <= number:
            return [entry.task for entry in window]
        first, *others = window
        length = len(first.task.text)
        others.sort(key=lambda entry: abs(len(entry.task.text) - length))
        for entry in others[number - 1 :]:
            heapq.heappush(queue, entry)
        return [first.task, *(entry.task for entry in others[: number - 1])]

    def _pop_first(self, queue: list[QueueEntry]) -> QueueEntry:
        """Take the entry that is due first, after postponing entries whose requests have overrun since."""
        while (overrun := (first := queue[0]).task.job.request.overrun) > first.overrun:
            due = first.due + self._duration(overrun - first.overrun)
            heapq.heapreplace(queue, first._replace(due=due, overrun=overrun))
        return heapq.heappop(queue)
