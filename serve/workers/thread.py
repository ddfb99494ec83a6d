"""Worker threads, which take tasks from the queue and decode them in batches that all requests share."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Protocol, cast

from serve.errors import error_location
from serve.interfaces import BatchKey
from serve.metrics import Metrics
from serve.workers.client import WorkerError, WorkerLostError

if TYPE_CHECKING:
    from nmt.inference.continuous_batcher import DecodingRequest
    from nmt.search.hypotheses import Hypothesis

_log = logging.getLogger(__name__)


class DecodingTask(Hashable, Protocol):
    """A chunk of a sentence to decode."""

    @property
    def batch_key(self) -> BatchKey:
        """Model and beam size."""

    @property
    def text(self) -> str:
        """Source text of the chunk."""

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer needed."""

    def decoding_request(self) -> DecodingRequest:
        """Return the request that a batcher decodes, with the task as its key."""

    def set_hypotheses(self, hypotheses: Sequence[Hypothesis], worker_seconds: float) -> None:
        """Set the hypotheses of the chunk and the worker time spent on it."""

    def fail(self) -> None:
        """Fail the whole request, because the chunk cannot be decoded."""

    def allow_retry(self) -> bool:
        """Record that the chunk's worker process was lost; return whether to decode the chunk again."""


class TaskQueue(Protocol):
    """The queue from which worker threads take their tasks."""

    def take(self, *, busy: bool, count_free_slots: Callable[[BatchKey], int]) -> Sequence[DecodingTask] | None:
        """Take the tasks to start now; None means that the queue is closed and empty.

        Args:
            busy: Whether the worker has tasks in its batches. If it has none, this call waits for a change.
            count_free_slots: Function that returns the worker's number of free slots for a batch key.
        """


class WorkerThread(threading.Thread):
    """Decodes the tasks of a queue until the queue is closed.

    A thread has one batch per model and beam size. It advances its batches in turn and refills their free slots.
    """

    def __init__(self, worker_number: int, queue: TaskQueue, num_slots: int, metrics: Metrics) -> None:
        """Create the worker with this number; ``num_slots`` is the number of slots of each batch."""
        # A daemon thread, so that a translation that never ends cannot keep a stopped server alive.
        super().__init__(name=f"worker-{worker_number}", daemon=True)
        self._worker_number, self._queue, self._num_slots, self._metrics = worker_number, queue, num_slots, metrics
        self._batches: dict[BatchKey, ActiveBatch] = {}

    @property
    def num_running(self) -> int:
        """Number of tasks that are being decoded; read from other threads, so it may be outdated."""
        return sum(batch.num_running for batch in list(self._batches.values()))

    def run(self) -> None:
        """Decode tasks until the queue is closed and empty."""
        while self._take_and_advance():
            pass

    def _take_and_advance(self) -> bool:
        # A separate function, so that no local variable keeps a task or a retired model alive while the thread waits.
        busy = any(batch.busy for batch in self._batches.values())
        tasks = self._queue.take(busy=busy, count_free_slots=self._count_free_slots)
        if tasks is None:
            return False
        for task in tasks:
            self._add_task(task)
        for batch in list(self._batches.values()):
            if batch.busy:
                self._advance_batch(batch)
        for key in [key for key, batch in self._batches.items() if key.model.retired and not batch.busy]:
            del self._batches[key]
        return True

    def _count_free_slots(self, key: BatchKey) -> int:
        batch = self._batches.get(key)
        return batch.num_free if batch else self._num_slots

    def _add_task(self, task: DecodingTask) -> None:
        key = task.batch_key
        try:
            if key not in self._batches:
                self._batches[key] = ActiveBatch(key, self._worker_number, self._metrics)
            self._batches[key].add(task)
        except Exception as error:
            _log_and_fail(task, error)

    def _advance_batch(self, batch: ActiveBatch) -> None:
        try:
            batch.advance()
        except Exception as error:
            del self._batches[batch.batch_key]  # the batcher may be unusable; the next task gets a new one
            for task in batch.abandon(error):
                self._add_task(task)


class ActiveBatch:
    """A batcher with the tasks that it decodes and the tasks that wait for a free slot."""

    def __init__(self, batch_key: BatchKey, worker_number: int, metrics: Metrics) -> None:
        self.batch_key = batch_key
        self._metrics = metrics
        self._batcher = batch_key.model.create_batcher(worker_number, batch_key.beam_size)
        self._waiting: deque[DecodingTask] = deque()
        self._running: dict[DecodingTask, float] = {}  # value of _step_share when the task was admitted
        self._step_share = 0.0  # sum over all steps of the step's seconds per running task
        self._reported_slots = 0  # contribution to the gauge of used slots
        # Since the last throughput measurement:
        self._seconds, self._max_running, self._finished = 0.0, 0, list[str]()

    @property
    def busy(self) -> bool:
        """Whether there are tasks to decode."""
        return bool(self._running or self._waiting)

    @property
    def num_running(self) -> int:
        """Number of tasks that are being decoded."""
        return len(self._running)

    @property
    def num_free(self) -> int:
        """Number of free slots that no task waits for."""
        return max(0, self._batcher.num_free - len(self._waiting))

    def add(self, task: DecodingTask) -> None:
        """Add a task, which waits for a free slot."""
        self._waiting.append(task)

    def advance(self) -> None:
        """Remove cancelled tasks, fill the free slots, decode, and deliver the results of finished tasks."""
        self._release_cancelled()
        start = time.perf_counter()
        self._admit_waiting()
        num_running = len(self._running)
        if num_running:
            finished = self._batcher.advance()
            self._step_share += (time.perf_counter() - start) / num_running
            for key, hypotheses in finished:
                task = cast("DecodingTask", key)
                seconds = self._step_share - self._running.pop(task)
                if hypotheses:
                    self._finished.append(task.text)
                    task.set_hypotheses(hypotheses, seconds)
                else:
                    _log_and_fail(task, WorkerError("the network computes scores that are NaN"))
        self._update_statistics(num_running, time.perf_counter() - start)

    def abandon(self, error: Exception) -> list[DecodingTask]:
        """Fail the tasks after an error of the batcher, except tasks that can be retried, and return the latter.

        A task is retried once if its worker process was lost, because another task may have been the cause.
        """
        tasks = [*self._running, *self._waiting]
        self._metrics.slots_in_use.dec(self._reported_slots)
        if all(task.cancelled for task in tasks):  # for example, after the model was closed
            return []
        _log.error("decoding a batch of %d sentences failed: %s", len(tasks), _describe_error(error))
        retried = [task for task in tasks if isinstance(error, WorkerLostError) and task.allow_retry()]
        for task in set(tasks).difference(retried):
            task.fail()
        return retried

    def _release_cancelled(self) -> None:
        cancelled = [task for task in self._running if task.cancelled]
        for task in cancelled:
            del self._running[task]
        self._batcher.release(cancelled)
        if any(task.cancelled for task in self._waiting):
            self._waiting = deque(task for task in self._waiting if not task.cancelled)

    def _admit_waiting(self) -> None:
        tasks = [self._waiting.popleft() for _ in range(min(self._batcher.num_free, len(self._waiting)))]
        if tasks:
            try:
                self._admit(tasks)
            except WorkerLostError:
                self._waiting.extend(task for task in tasks if task not in self._running)  # `abandon` handles them
                raise

    def _admit(self, tasks: Sequence[DecodingTask]) -> None:
        try:
            self._batcher.admit([task.decoding_request() for task in tasks])
            self._running.update(dict.fromkeys(tasks, self._step_share))
        except WorkerLostError:
            raise
        except Exception as error:
            if len(tasks) == 1:
                _log_and_fail(tasks[0], error)
                return
            # The error must not fail the other tasks, which may belong to other requests.
            for task in tasks:
                self._admit([task])

    def _update_statistics(self, num_running: int, seconds: float) -> None:
        """Update the metrics and the throughput estimate after a step."""
        self._metrics.slots_in_use.inc(len(self._running) - self._reported_slots)
        self._reported_slots = len(self._running)
        if num_running:
            self._metrics.batch_occupancy.observe(num_running / self._batcher.num_slots)
        self._seconds += seconds
        self._max_running = max(self._max_running, num_running)
        if not self._running or len(self._finished) >= 2 * self._batcher.num_slots:
            if 2 * self._max_running >= self._batcher.num_slots:
                self.batch_key.model.throughput.record(self._seconds, self._finished)
            self._seconds, self._max_running, self._finished = 0.0, 0, []


def _log_and_fail(task: DecodingTask, error: Exception) -> None:
    _log.error("%d characters could not be translated: %s", len(task.text), _describe_error(error))
    task.fail()


def _describe_error(error: Exception) -> str:
    """Return the type and stack trace of an exception; for one in a worker process, those in that process."""
    return str(error) if isinstance(error, WorkerError) else error_location(error)
