"""Who is translated when: admission at the door, the order in the queue, and what was translated before.

Knows nothing of HTTP. A queue holds sentences, not requests: those of all requests share the slots of the decode loops
(see `serve.workers.thread`), which are refilled with the sentences that are due first while others go on. A sentence that is
too long for the model is taken apart when its turn comes; then its parts wait in the queue like sentences.

A request's sentences fall due one after the other, at the pace at which a quarter of the machine would translate them
(Zhang 1990, "VirtualClock"): by estimate, and put off where what is done has cost more than that. So a request of one
sentence overtakes a request of thousands, which nevertheless keeps its quarter, and all of the machine while nobody
else wants it.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

from cachetools import LRUCache

from serve.errors import NotReadyError, QueueFullError
from serve.metrics import Metrics
from serve.scheduling.throughput import ThroughputEstimate
from serve.workers.thread import DecodingThread, Loop

if TYPE_CHECKING:
    from nmt.inference.text_processor import Chunk
    from nmt.inference.translation import Translation
    from nmt.search.hypotheses import Hypothesis
    from nmt.search.options import DecodingOptions

A_PART = 200
"""Characters of a long sentence that are searched at once, as is thought before it is taken apart."""
_SHARE = 0.25  # of the machine, that a request keeps whatever else comes
_HOPE = 0.5  # of the time that a request has, which the work before it may take by estimate: estimates err
_REFILL = 0.85  # of the slots, that are filled together where more sentences wait than fit
_WINDOW = 2  # slots' worth of sentences among which those of like length are chosen: they keep best company
_LONGEST_CACHED = 1000  # characters; longer sentences hardly come twice, and would fill the memory


class TextProcessing(Protocol):
    """What a scheduler asks of `nmt.inference.text_processor.TextProcessor`."""

    def chunks(self, text: str) -> Sequence[Chunk]:
        """The parts of a text that are searched."""

    def assemble(
        self, text: str, chunks: Sequence[Chunk], found: Sequence[Sequence[Hypothesis]], options: DecodingOptions
    ) -> Translation:
        """Join the translations of a text's parts."""


class Model(Protocol):
    """What a scheduler asks of a model."""

    throughput: ThroughputEstimate

    @property
    def name(self) -> str:
        """For people who read metrics."""

    @property
    def checksum(self) -> str:
        """Another one for every other model."""

    @property
    def text_processor(self) -> TextProcessing:
        """Text to parts, hypotheses to text."""

    @property
    def retired(self) -> bool:
        """Whether its loops can go when they are empty."""

    def loop(self, thread: int, beam: int) -> Loop:
        """A decode loop for the n-th thread."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text that is translated by itself, and how."""

    text: str
    beam: int
    options: DecodingOptions
    scope: Hashable = None
    """Whose glossary was used, and which: translations are cached for that scope alone."""
    required: tuple[tuple[tuple[int, ...], ...], ...] = ()
    """What must stand in the translation of each part; nothing where it has less of them."""


class BatchKey(NamedTuple):
    """Sentences that can share a decode loop."""

    model: Model
    beam: int

    def __hash__(self) -> int:
        """By identity: a model that is loaded again is another one."""
        return hash((id(self.model), self.beam))


class PendingRequest:
    """What was asked for: resolves to the translations of all sentences. Cancelling its future gives them up."""

    def __init__(self, sentences: int, deadline: float, each: Callable[[int, Translation], None] | None) -> None:
        """``each`` is called for every sentence as it is finished, on a decoding thread."""
        self.future: Future[list[Translation]] = Future()
        self.deadline = deadline
        self._found: list[Translation | None] = [None] * sentences
        self._missing = sentences
        self._each = each
        self._lock = threading.Lock()
        self.late = 0.0
        """The seconds of a thread by which its sentences have cost more than was thought."""
        self._excess = 0.0
        self.over = False
        """Whether nobody waits for its sentences any more."""
        self.future.add_done_callback(self._end)

    def _end(self, _: Future[list[Translation]]) -> None:
        self.over = True

    def deliver(self, number: int, translation: Translation) -> None:
        """Hand over one sentence's translation."""
        if self._each and not self.over:
            self._each(number, translation)
        with self._lock:
            self._found[number] = translation
            self._missing -= 1
            complete = not self._missing
        if complete:
            self.resolve()

    def charge(self, excess: float) -> None:
        """Note by how many seconds of a thread a part has cost more than was thought, or less."""
        with self._lock:
            self._excess += excess
            self.late = max(self.late, self._excess)

    def resolve(self) -> None:
        """Hand over what was found, unless it is given up."""
        with suppress(InvalidStateError):  # cancelled at this very moment
            self.future.set_result([each for each in self._found if each is not None])

    def fail(self, error: Exception) -> None:
        """Give up, as one of the sentences can't be translated."""
        with suppress(InvalidStateError):
            self.future.set_exception(error)


class SentenceJob:
    """A sentence of a ticket, from the queue to its translation."""

    __slots__ = (
        "begun",
        "chunks",
        "cost",
        "found",
        "lock",
        "missing",
        "number",
        "queued",
        "sentence",
        "start",
        "ticket",
        "tried"
    )  # fmt: skip

    def __init__(self, ticket: PendingRequest, number: int, sentence: Sentence, cost: float, queued: float) -> None:
        """``cost`` is in seconds of a thread, by estimate; ``queued`` the time when it came."""
        self.ticket, self.number, self.sentence = ticket, number, sentence
        self.cost, self.queued, self.begun = cost, queued, queued
        self.start = queued
        """The time from which on its parts fall due."""
        self.chunks: Sequence[Chunk] = ()
        self.found: list[Sequence[Hypothesis]] = []
        self.missing = 0
        self.lock = threading.Lock()
        self.tried: set[int] = set()
        """The parts that were with a process which is lost."""

    def take_apart(self, chunks: Sequence[Chunk]) -> None:
        """Note in which parts the sentence is searched."""
        self.chunks, self.found, self.missing = chunks, [()] * len(chunks), len(chunks)

    def collect(self, chunk: int, hypotheses: Sequence[Hypothesis]) -> bool:
        """Keep what was found for a part; says whether that was the last of them."""
        with self.lock:
            self.found[chunk] = hypotheses
            self.missing -= 1
            return not self.missing


class ChunkTask(NamedTuple):
    """A part of a sentence; the first stands for the whole sentence until that is taken apart."""

    job: SentenceJob
    chunk: int

    @property
    def cost(self) -> float:
        """Seconds of a thread, by estimate."""
        return self.job.cost / max(1, len(self.job.chunks))

    @property
    def length(self) -> int:
        """Characters."""
        return len(self.job.chunks[self.chunk].pieces.text if self.job.chunks else self.job.sentence.text)


class Entry(NamedTuple):
    """A task in a queue."""

    due: float
    serial: int
    """Of two that are due at once, the first to come has the smaller one."""
    task: ChunkTask
    late: float
    """That of its ticket when it was queued: what has come since puts it off."""


class Scheduler:
    """The queue of all models, and the threads that work it off."""

    def __init__(self, threads: int, slots: int, queue_limit: int, cached: int, metrics: Metrics) -> None:
        """``slots`` are those of a decode loop, ``cached`` the finished sentences to remember."""
        self.slots = slots
        self._queue_limit = queue_limit
        self._metrics = metrics
        self._changed = threading.Condition()
        self._queues: dict[BatchKey, list[Entry]] = {}  # heaps: what is due first is on top
        self._serial = count()
        self._waiting: dict[PendingRequest, tuple[int, float]] = {}  # tasks in the queue, and their cost
        self._count, self._backlog = 0, 0.0  # sums of the above
        self._idle = 0
        self._closed = False
        self._cache: LRUCache[Hashable, Translation] = LRUCache(cached)
        self._threads = [DecodingThread(self, number, metrics) for number in range(threads)]
        for thread in self._threads:
            thread.start()

    def submit(
        self,
        model: Model,
        sentences: Sequence[Sentence],
        deadline: float,
        each: Callable[[int, Translation], None] | None = None,
        *,
        more: float = 0.0,
        begun: bool = False,
    ) -> PendingRequest:
        """Queue sentences, all or none; ``deadline`` is a time of `time.monotonic`.

        ``more`` are the seconds of a thread, by estimate, for which the same request will come again; it is ``begun``
        when it does, and is not refused any more. Raises ``NotReadyError``, and ``QueueFullError`` where the request
        could hardly be done in time.
        """
        now = time.monotonic()
        ticket = PendingRequest(len(sentences), deadline, each)
        known = [self._recall(model, sentence) for sentence in sentences]
        jobs = [
            SentenceJob(ticket, number, sentence, model.throughput.estimate(sentence.text), now)
            for number, (sentence, translation) in enumerate(zip(sentences, known, strict=True))
            if translation is None
        ]
        with self._changed:
            if not begun:
                self._check_room(jobs, more, deadline - now)
            if jobs:
                self._count_in(ticket, len(jobs), sum(job.cost for job in jobs))
                ticket.future.add_done_callback(lambda _: self._forget(ticket))
            start = now
            for job in jobs:
                job.start = start
                first = min(job.cost, model.throughput.estimate(job.sentence.text[:A_PART]))
                self._push(BatchKey(model, job.sentence.beam), start + self._duration(first), ChunkTask(job, 0))
                start += self._duration(job.cost)
            self._changed.notify(len(jobs))
        for number, translation in enumerate(known):
            if translation is not None:
                ticket.deliver(number, translation)
        if not sentences:
            ticket.resolve()
        return ticket

    def close(self) -> None:
        """Take no more sentences. Those that wait are still translated; then the threads end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Have idle threads look whether there is something to tidy up."""
        with self._changed:
            self._changed.notify_all()

    # --- for the decoding threads ------------------------------------------------------------------------------

    def take(self, thread: DecodingThread) -> list[tuple[BatchKey, ChunkTask]] | None:
        """What a thread shall begin now: nothing if it is busy and has no room, or nothing waits.

        An idle thread waits here until something may have changed. None means that all is done for good.
        """
        if thread.busy and not self._may_take(thread):
            return []
        with self._changed:
            taken = [(kind, task) for kind in list(self._queues) for task in self._pop(kind, thread)]
            # Where there are queues still, all that it could have taken was past its deadline.
            if taken or thread.busy or self._queues:
                return taken
            if self._closed:
                return None
            self._idle += 1
            self._changed.wait()
            self._idle -= 1
            return []

    def put_back(self, kind: BatchKey, job: SentenceJob) -> None:
        """Queue all parts but the first of a sentence that was taken apart."""
        others = [ChunkTask(job, chunk) for chunk in range(1, len(job.chunks))]
        with self._changed:
            if job.ticket.over:
                return
            self._count_in(job.ticket, len(others), sum(task.cost for task in others))
            for task in others:
                self._push(kind, job.start + self._duration((task.chunk + 1) * task.cost), task)
            self._changed.notify(len(others))

    def _may_take(self, thread: DecodingThread) -> bool:
        """Whether it is worth asking for the lock; what changes meanwhile is seen a step later."""
        return any(thread.room(kind) >= self._least(queue) for kind, queue in list(self._queues.items()))

    def _least(self, queue: Sequence[Entry]) -> int:
        """How many slots must be free for sentences of a queue to be taken.

        To fill slots one by one costs a fifth of the speed, to wait until all are free nothing, but then a sentence of
        hundreds of words would keep everyone waiting. What fits goes in at once; of more, enough to fill most.
        """
        return min(len(queue), math.ceil(_REFILL * self.slots))

    def remember(self, model: Model, sentence: Sentence, translation: Translation) -> None:
        """Keep a finished sentence for whoever asks for it again."""
        if self._cache.maxsize and len(sentence.text) <= _LONGEST_CACHED:
            with self._changed:
                self._cache[model.checksum, sentence] = translation

    # -----------------------------------------------------------------------------------------------------------

    def _recall(self, model: Model, sentence: Sentence) -> Translation | None:
        if not self._cache.maxsize:
            return None
        with self._changed:
            found = self._cache.get((model.checksum, sentence))
        self._metrics.cache.labels("miss" if found is None else "hit").inc()
        return found

    def _check_room(self, jobs: Sequence[SentenceJob], more: float, available: float) -> None:
        """Raise where there is no room for jobs, which have so many seconds."""
        if self._closed:
            raise NotReadyError("the server is shutting down")
        seconds = (self._backlog + sum(job.cost for job in jobs) + more) / len(self._threads)
        hoped = _HOPE * available
        # A queue that is empty takes anything: an estimate alone should not keep a request out for ever.
        if self._count and (self._count + len(jobs) > self._queue_limit or seconds > hoped):
            raise QueueFullError(max(1, math.ceil(seconds - hoped)))

    def _push(self, kind: BatchKey, due: float, task: ChunkTask) -> None:
        late = task.job.ticket.late
        entry = Entry(due + self._duration(late), next(self._serial), task, late)
        heapq.heappush(self._queues.setdefault(kind, []), entry)

    def _duration(self, cost: float) -> float:
        """Seconds for so much work at the pace that a request keeps."""
        return cost / (_SHARE * len(self._threads))

    def _count_in(self, ticket: PendingRequest, tasks: int, cost: float) -> None:
        """Note that more waits, or less; tickets of which nothing waits are not noted."""
        before = self._waiting.pop(ticket, (0, 0.0))
        if before[0] + tasks:
            self._waiting[ticket] = (before[0] + tasks, before[1] + cost)
        self._count += tasks
        self._backlog += cost
        self._metrics.waiting_sentences.set(self._count)

    def _forget(self, ticket: PendingRequest) -> None:
        """Take what is left of a ticket out of the queues."""
        with self._changed:
            if ticket not in self._waiting:
                return
            tasks, cost = self._waiting[ticket]
            self._count_in(ticket, -tasks, -cost)
            for kind, queue in list(self._queues.items()):
                kept = [entry for entry in queue if entry.task.job.ticket is not ticket]
                if len(kept) < len(queue):
                    heapq.heapify(kept)
                    self._queues[kind] = kept
                if not kept:
                    del self._queues[kind]
            self._changed.notify_all()  # if the scheduler is closed, that may have been the last one

    def _pop(self, kind: BatchKey, thread: DecodingThread) -> list[ChunkTask]:
        """What the thread shall begin now; some is left for other threads that have nothing to do."""
        queue = self._queues[kind]
        room = thread.room(kind)
        if room < self._least(queue):
            return []
        share = min(room, math.ceil(len(queue) / (self._idle + 1)))
        now = time.monotonic()
        taken = self._choose(queue, share)
        for task in taken:
            self._count_in(task.job.ticket, -1, -task.cost)
            if not task.job.chunks:
                task.job.begun = now
                self._metrics.queue_wait_seconds.observe(now - task.job.queued)
        if not queue:
            del self._queues[kind]
        return [task for task in taken if now < task.job.ticket.deadline]

    def _first(self, queue: list[Entry]) -> Entry:
        """Take out what is due first, now that it is known what was done of its ticket has cost."""
        while (late := (first := queue[0]).task.job.ticket.late) > first.late:
            due = first.due + self._duration(late - first.late)
            heapq.heapreplace(queue, first._replace(due=due, late=late))
        return heapq.heappop(queue)

    def _choose(self, queue: list[Entry], count: int) -> list[ChunkTask]:
        """Take tasks out of a queue: what is due first, and of those due next the ones of most like length."""
        window: list[Entry] = []
        while queue and len(window) < max(count, _WINDOW * self.slots):
            window.append(self._first(queue))
        if len(window) <= count:
            return [entry.task for entry in window]
        first, *others = window
        wanted = first.task.length
        others.sort(key=lambda entry: abs(entry.task.length - wanted))
        for entry in others[count - 1 :]:
            heapq.heappush(queue, entry)
        return [first.task, *(entry.task for entry in others[: count - 1])]
