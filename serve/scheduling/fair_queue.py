"""Queue of tasks that serves clients in turn, by start-time fair queueing (Goyal, Vin and Cheng 1997)."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from serve.scheduling.jobs import ChunkTask, PendingRequest

_MAX_CLOCKS = 10_000  # of clients; when there are more, those that are not ahead of the others are forgotten


class QueueEntry(NamedTuple):
    """A task in a queue."""

    due: float
    """Time of `time.monotonic`; of the tasks of a client, the one with the earliest time is taken first."""
    serial: int
    """Serial number, which orders tasks with equal due times by arrival."""
    task: ChunkTask
    overrun: float
    """Overrun of the request when the entry was queued; a later increase postpones the task."""


@dataclass
class ClientClocks:
    """Virtual clocks of the clients, which all queues share.

    The clock of a client advances by the cost of the tasks that are taken. The client whose clock is furthest behind is
    served first. A client that returns after a pause gets no credit for it.
    """

    now: float = 0.0
    """Clock of the client that was served last; never decreases."""
    _clocks: dict[Hashable, float] = field(default_factory=dict)

    def read(self, client: Hashable) -> float:
        """Return the clock of a client."""
        return self._clocks.get(client, self.now)

    def enter(self, client: Hashable) -> None:
        """Set the clock of a client that had no waiting tasks, unless it is ahead of the others already."""
        if len(self._clocks) >= _MAX_CLOCKS:
            self._clocks = {key: clock for key, clock in self._clocks.items() if clock > self.now}
        self._clocks[client] = max(self.read(client), self.now)

    def charge(self, client: Hashable, cost: float) -> None:
        """Advance the clock of a client by the cost of a task; a negative cost takes an earlier charge back."""
        self._clocks[client] = self.read(client) + cost


class FairQueue:
    """Tasks of all clients for one model and beam size."""

    def __init__(self, clocks: ClientClocks, fair_duration: Callable[[float], float]) -> None:
        """Create an empty queue.

        Args:
            clocks: Virtual clocks of the clients.
            fair_duration: Function that returns by how many seconds an overrun of a request postpones its tasks.
        """
        self._clocks, self._fair_duration = clocks, fair_duration
        self._heaps: dict[Hashable, list[QueueEntry]] = {}  # by client: the task that is due first is on top
        self._length = 0

    def __len__(self) -> int:
        """Return the number of tasks."""
        return self._length

    def __iter__(self) -> Iterator[QueueEntry]:
        """Iterate over the entries in no particular order."""
        return (entry for heap in self._heaps.values() for entry in heap)

    def push(self, entry: QueueEntry) -> None:
        """Add a task."""
        heapq.heappush(self._heaps.setdefault(entry.task.job.request.client, []), entry)
        self._length += 1

    def pop(self) -> QueueEntry:
        """Take the first task of the client whose turn it is, and charge the client."""
        client = min(self._heaps, key=self._clocks.read) if len(self._heaps) > 1 else next(iter(self._heaps))
        self._clocks.now = max(self._clocks.now, self._clocks.read(client))
        heap = self._heaps[client]
        while (overrun := (first := heap[0]).task.job.request.overrun) > first.overrun:
            due = first.due + self._fair_duration(overrun - first.overrun)
            heapq.heapreplace(heap, first._replace(due=due, overrun=overrun))
        entry = heapq.heappop(heap)
        if not heap:
            del self._heaps[client]
        self._length -= 1
        self._clocks.charge(client, entry.task.cost)
        return entry

    def put_back(self, entry: QueueEntry) -> None:
        """Add a task again that was popped, and take the charge back."""
        self.push(entry)
        self._clocks.charge(entry.task.job.request.client, -entry.task.cost)

    def remove_request(self, request: PendingRequest) -> None:
        """Remove all tasks of a request."""
        heap = [entry for entry in self._heaps.pop(request.client, ()) if entry.task.job.request is not request]
        heapq.heapify(heap)
        if heap:
            self._heaps[request.client] = heap
        self._length = sum(map(len, self._heaps.values()))
