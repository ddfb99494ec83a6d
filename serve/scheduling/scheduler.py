"""Fair queueing of sentences.

A queue holds sentences, not requests: the sentences of all requests share the slots of the workers' batches. Free slots
are refilled with the sentences that are due first. A sentence that is too long for the model is split into chunks when
it is taken from the queue; its other chunks then wait in the queue like sentences.

The sentences of a request are due one after the other, at the rate at which a quarter of the workers would decode them
(Zhang 1990, "VirtualClock"). Due times follow from estimated costs; if the finished sentences of a request have taken
longer than estimated, its other sentences are postponed. A request of one sentence therefore overtakes a request of
thousands. The large request still receives a quarter of the workers, and all of them while nothing else waits.

That is the order among the requests of one client. Clients take turns, so that one client's requests, however many,
do not delay those of another; see `serve.scheduling.fair_queue`. Admission follows the same shares.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from itertools import count
from typing import TYPE_CHECKING

from serve.errors import NotReadyError, QueueFullError
from serve.interfaces import BatchKey
from serve.metrics import Metrics
from serve.scheduling.fair_queue import ClientClocks, FairQueue, QueueEntry
from serve.scheduling.jobs import CHUNK_CHARACTERS, ChunkTask, PendingRequest, Sentence, SentenceJob
from serve.scheduling.translation_cache import TranslationCache

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

_REQUEST_SHARE = 0.25  # share of the workers that every request receives at least
_ADMISSION_SHARE = 0.5  # share of a request's time that all queued work may take; the rest allows for wrong estimates
_REFILL_SHARE = 0.85  # share of the slots that must be free to refill them when more sentences wait than fit
_WINDOW_BATCHES = 2  # number of batches of due sentences among which sentences of similar length are chosen


class Scheduler:
    """Thread-safe queue of the sentences for all models."""

    def __init__(self, num_workers: int, num_slots: int, queue_limit: int, cache_size: int, metrics: Metrics) -> None:
        """Create an empty queue.

        Args:
            num_workers: Number of worker threads.
            num_slots: Number of slots of each batch.
            queue_limit: Maximum number of waiting sentences; clients that wait at the same time have equal shares.
            cache_size: Maximum number of cached translations.
            metrics: Metrics to update.
        """
        self._num_workers, self._num_slots, self._queue_limit = num_workers, num_slots, queue_limit
        self._metrics = metrics
        self._cache = TranslationCache(cache_size, metrics)
        self._source_tokens, self._target_tokens = metrics.tokens.labels("source"), metrics.tokens.labels("target")
        self._changed = threading.Condition()
        self._queues: dict[BatchKey, FairQueue] = {}
        self._clocks = ClientClocks()
        self._serial = count()
        self._waiting: dict[PendingRequest, tuple[int, float]] = {}  # number of queued tasks, and their cost
        self._clients: dict[Hashable, tuple[int, float]] = {}  # sums of the values of _waiting, by client
        self._count = 0  # sum over _waiting
        self._idle_workers = 0
        self._closed = False

    def submit(
        self,
        sentences: Sequence[Sentence],
        deadline: float,
        on_sentence: Callable[[int, Translation], None] | None = None,
        *,
        later_cost: float = 0.0,
        continued: bool = False,
        client: Hashable = None,
    ) -> PendingRequest:
        """Queue the sentences of a request.

        Args:
            sentences: Sentences to translate, of any models and directions; either all of them are queued or none.
            deadline: Time of `time.monotonic` after which no sentence is started.
            on_sentence: Function that is called with the index and translation of each sentence as it is finished.
            later_cost: Estimated seconds of worker time for sentences that the same request will submit later.
            continued: Whether the same request has submitted sentences before, so that it is not refused any more.
            client: Identifier of the client; the clients share the workers and the queue equally.

        Raises:
            NotReadyError: If the scheduler is closed.
            QueueFullError: If the queue is full, or the request would probably not finish before its deadline.
        """
        now = time.monotonic()
        request = PendingRequest(len(sentences), deadline, on_sentence, client)
        cached = [self._cache.get(sentence) for sentence in sentences]
        jobs = []
        for index, (sentence, translation) in enumerate(zip(sentences, cached, strict=True)):
            if translation is None:
                key = BatchKey(sentence.direction.model, sentence.beam_size)
                jobs.append(SentenceJob(request, index, sentence, key, sentence.cost, now, self._deliver_translation))
        with self._changed:
            if not continued:
                self._check_admission(client, jobs, later_cost, deadline - now)
            if jobs:
                num_tasks = sum(job.estimated_chunks for job in jobs)
                self._add_waiting(request, num_tasks, sum(job.cost for job in jobs))
                request.future.add_done_callback(lambda _: self._remove_request(request))
            virtual_start = now
            for job in jobs:
                job.virtual_start = virtual_start
                first_chunk = min(job.cost, job.sentence.estimate_cost(job.sentence.text[:CHUNK_CHARACTERS]))
                self._enqueue(virtual_start + self._fair_duration(first_chunk), ChunkTask(job, 0))
                virtual_start += self._fair_duration(job.cost)
            self._changed.notify(len(jobs))
        for index, translation in enumerate(cached):
            if translation is not None:
                request.set_translation(index, translation)
        if not sentences:
            request.resolve()
        return request

    @property
    def num_cached(self) -> int:
        """Number of cached translations."""
        return len(self._cache)

    def close(self) -> None:
        """Refuse further requests. Sentences in the queue are still translated; then `take` returns None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake_workers(self) -> None:
        """Wake idle workers, so that they drop the batchers of retired models."""
        with self._changed:
            self._changed.notify_all()

    def take(self, *, busy: bool, count_free_slots: Callable[[BatchKey], int]) -> list[ChunkTask] | None:
        """Take the tasks that a worker should start now. The worker's thread calls this function.

        Args:
            busy: Whether the worker has tasks in its batches. If it has none, this call waits for a change.
            count_free_slots: Function that returns the worker's number of free slots for a batch key.

        Returns:
            Tasks, whose sentences are split; an empty list if there is nothing to start yet; None if the scheduler is
            closed and the queue is empty.
        """
        if busy and not self._can_take(count_free_slots):
            return []
        with self._changed:
            taken = [task for key in list(self._queues) for task in self._take_from_queue(key, count_free_slots(key))]
            # If queues remain here, all tasks that could have been taken were past their deadline.
            if not (taken or busy or self._queues):
                if self._closed:
                    return None
                self._idle_workers += 1
                self._changed.wait()
                self._idle_workers -= 1
        return [task for task in taken if task.job.chunks or self._split_sentence(task.job)]

    def _split_sentence(self, job: SentenceJob) -> bool:
        """Split a sentence and queue all chunks except the first; return whether there is anything to decode."""
        try:
            job.prepare()
        except Exception as error:
            job.fail(error)
            return False
        if not job.chunks:
            self._deliver_translation(job)
            return False
        others = [ChunkTask(job, chunk) for chunk in range(1, len(job.chunks))]
        if others:
            with self._changed:
                if not job.request.future.done():
                    self._add_waiting(job.request, len(others), sum(task.cost for task in others))
                    for task in others:
                        self._enqueue(job.virtual_start + self._fair_duration((task.chunk_index + 1) * task.cost), task)
                    self._changed.notify(len(others))
        return True

    def _deliver_translation(self, job: SentenceJob) -> None:
        """Assemble, cache and deliver the translation of a sentence whose chunks are all decoded."""
        try:
            translation = job.assemble_translation()
            self._cache.put(job.sentence, translation)
            if translation.num_tokens:
                self._target_tokens.inc(translation.num_tokens)
                self._source_tokens.inc(sum(len(chunk.tokenized.ids) + 1 for chunk in job.chunks))
                self._metrics.sentences.labels(job.sentence.direction.name).inc()
                self._metrics.token_seconds.observe((time.monotonic() - job.started) / translation.num_tokens)
            job.request.set_translation(job.index, translation)
        except Exception as error:
            job.fail(error)

    def _can_take(self, count_free_slots: Callable[[BatchKey], int]) -> bool:
        """Return whether tasks can be taken. Called without the lock; a change is seen one step later."""
        return any(count_free_slots(key) >= self._min_num_free(queue) for key, queue in list(self._queues.items()))

    def _min_num_free(self, queue: FairQueue) -> int:
        """Return the number of slots that must be free before tasks of a queue are taken.

        Filling slots one by one costs a fifth of the speed. Waiting until all slots are free costs none, but one very
        long sentence would then block all others. Tasks are therefore taken when the whole queue fits into the free
        slots, or when most slots are free.
        """
        return min(len(queue), math.ceil(_REFILL_SHARE * self._num_slots))

    def _check_admission(
        self, client: Hashable, jobs: Sequence[SentenceJob], later_cost: float, available: float
    ) -> None:
        """Raise if the scheduler is closed, or the client's share of the queue or of the available seconds used up.

        If clients take turns, those with less work than this one finish before it, and the others have received as much
        worker time as it has when it is finished.
        """
        if self._closed:
            raise NotReadyError("the server is shutting down")
        own_count, own_cost = self._clients.get(client, (0, 0.0))
        new_count = sum(job.estimated_chunks for job in jobs)
        own_cost += sum(job.cost for job in jobs) + later_cost
        others = [cost for other, (_, cost) in self._clients.items() if other != client]
        needed = (own_cost + sum(min(cost, own_cost) for cost in others)) / self._num_workers
        allowed = _ADMISSION_SHARE * available
        share = self._queue_limit / (len(others) + 1)
        is_full = self._count + new_count > self._queue_limit and own_count + new_count > share
        # An empty queue accepts any request, so that an inaccurate estimate cannot refuse requests for ever.
        if self._count and (is_full or needed > allowed):
            raise QueueFullError(max(1, math.ceil(needed - allowed)))

    def _enqueue(self, due: float, task: ChunkTask) -> None:
        """Add a task to its queue; ``due`` is its due time without the overrun of its request."""
        overrun = task.job.request.overrun
        entry = QueueEntry(due + self._fair_duration(overrun), next(self._serial), task, overrun)
        if task.batch_key not in self._queues:
            self._queues[task.batch_key] = FairQueue(self._clocks, self._fair_duration)
        self._queues[task.batch_key].push(entry)

    def _fair_duration(self, cost: float) -> float:
        """Return the seconds that work of this cost takes with the share of the workers that one request receives."""
        return cost / (_REQUEST_SHARE * self._num_workers)

    def _add_waiting(self, request: PendingRequest, num_tasks: int, cost: float) -> None:
        """Add to the number and the cost of a request's queued tasks; negative values subtract."""
        tasks_before, cost_before = self._waiting.pop(request, (0, 0.0))
        if tasks_before + num_tasks:
            self._waiting[request] = (tasks_before + num_tasks, cost_before + cost)
        client_count, client_cost = self._clients.pop(request.client, (0, 0.0))
        if not client_count:
            self._clocks.enter(request.client)
        if client_count + num_tasks:
            self._clients[request.client] = (client_count + num_tasks, client_cost + cost)
        self._count += num_tasks
        self._metrics.waiting_sentences.set(self._count)

    def _remove_request(self, request: PendingRequest) -> None:
        """Remove the tasks of a request from the queues."""
        with self._changed:
            if request not in self._waiting:
                return
            num_tasks, cost = self._waiting[request]
            self._add_waiting(request, -num_tasks, -cost)
            for key, queue in list(self._queues.items()):
                queue.remove_request(request)
                if not queue:
                    del self._queues[key]
            self._changed.notify_all()  # a closed scheduler may be empty now

    def _take_from_queue(self, key: BatchKey, num_free: int) -> list[ChunkTask]:
        """Take the tasks that are due first from a queue, but leave an equal share for each idle worker."""
        queue = self._queues[key]
        if num_free < self._min_num_free(queue):
            return []
        taken = self._pop_similar(queue, min(num_free, math.ceil(len(queue) / (self._idle_workers + 1))))
        now = time.monotonic()
        for task in taken:
            self._add_waiting(task.job.request, -task.num_chunks, -task.cost)
            if not task.job.chunks:
                task.job.started = now
                self._metrics.queue_wait_seconds.observe(now - task.job.submitted)
        if not queue:
            del self._queues[key]
        return [task for task in taken if now < task.job.request.deadline]

    def _pop_similar(self, queue: FairQueue, max_tasks: int) -> list[ChunkTask]:
        """Take the task whose turn it is, and of the next tasks those whose lengths are closest to its length."""
        window: list[QueueEntry] = []
        while queue and len(window) < max(max_tasks, _WINDOW_BATCHES * self._num_slots):
            window.append(queue.pop())
        if len(window) > max_tasks:
            length = len(window[0].task.text)
            window[1:] = sorted(window[1:], key=lambda entry: abs(len(entry.task.text) - length))
            for entry in window[max_tasks:]:
                queue.put_back(entry)
        return [entry.task for entry in window[:max_tasks]]
