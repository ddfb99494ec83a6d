"""Batches made ahead of use by a thread, from any place of a run on.

All processes see the same endless row of batches, epoch after epoch, and take turns: process ``rank`` of ``world`` uses
batches number rank, rank + world, … of it. So nothing is left out at an epoch's end, a run on two processes learns what
one process learns that accumulates two batches, and a run may go on with another number of processes.
"""

from __future__ import annotations

import itertools
import queue
import statistics
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import NamedTuple

from nmt.corpus.arrow_store import Rows
from nmt.corpus.batching import Batch, TokenizedCorpus, make_batch, plan_epoch_batches, select_epoch_rows
from nmt.corpus.subword_regularization import SubwordSampler

_AHEAD = 8  # batches that wait for the network
_SAMPLED_TURNS = 100  # to estimate the size of an update from
_POLL = 0.1  # seconds between looks at whether anybody still wants them


class DataPosition(NamedTuple):
    """A place between two batches of the run."""

    epoch: int
    batch: int
    """Batches of the epoch before it."""


class GlobalBatch(NamedTuple):
    """What the processes use next, each its own batch."""

    batches: tuple[Rows, ...]
    """The pairs of each process's batch."""
    places: tuple[DataPosition, ...]
    """The place after each of them."""

    @property
    def after(self) -> DataPosition:
        """The place after all of them."""
        return self.places[-1]


@dataclass(frozen=True)
class BatchLoader:
    """The batches of a corpus, for one of several processes."""

    corpus: TokenizedCorpus
    weights: list[float]
    """How often an epoch uses the pairs of each corpus of the mixture."""
    batch_tokens: int
    seed: int
    sampler: SubwordSampler | None = None
    """Cuts words in other ways each time, if at all."""
    rank: int = 0
    world: int = 1

    @contextmanager
    def batches(self, start: DataPosition) -> Iterator[Iterator[tuple[Batch, DataPosition]]]:
        """The batches of one process from a place on, without end, made by a thread while the block runs.

        Each comes with the place where the run stands once all processes have used theirs.
        """
        made: queue.Queue[tuple[Batch, DataPosition] | Exception] = queue.Queue(_AHEAD)
        unwanted = threading.Event()
        thread = threading.Thread(target=self._produce, args=(start, made, unwanted), name="batches", daemon=True)
        thread.start()
        try:
            yield _consume(made)
        finally:
            unwanted.set()
            thread.join()

    def global_batches(self, start: DataPosition) -> Iterator[GlobalBatch]:
        """What the processes use from a place on, without end."""
        plan = self._plan(start)
        while True:
            yield GlobalBatch(*zip(*itertools.islice(plan, self.world), strict=True))

    def epoch_tokens(self) -> float:
        """Target pieces of an epoch, end of sentence counted."""
        tokens, first = 0.0, 0
        for size, weight in zip(self.corpus.sizes, self.weights, strict=True):
            tokens += weight * (int(self.corpus.target_lengths[first : first + size].sum()) + size)
            first += size
        return tokens

    def estimate_batch_tokens(self, start: DataPosition) -> float:
        """Target pieces of a batch from a place on, end of sentence counted, estimated from some."""
        global_batches = itertools.islice(self.global_batches(start), _SAMPLED_TURNS)
        rows = [batch for turn in global_batches for batch in turn.batches]
        return statistics.fmean(int(self.corpus.target_lengths[batch].sum()) + len(batch) for batch in rows)

    def _plan(self, start: DataPosition) -> Iterator[tuple[Rows, DataPosition]]:
        for epoch in itertools.count(start.epoch):
            rows = select_epoch_rows(self.corpus.sizes, self.weights, self.seed, epoch)
            lengths = self.corpus.source_lengths, self.corpus.target_lengths
            for number, batch in enumerate(
                plan_epoch_batches(*lengths, rows, self.batch_tokens, self.seed, epoch), start=1
            ):
                if epoch > start.epoch or number > start.batch:
                    yield batch, DataPosition(epoch, number)

    def _produce(
        self, start: DataPosition, made: queue.Queue[tuple[Batch, DataPosition] | Exception], unwanted: threading.Event
    ) -> None:
        """Fill the queue until nobody wants more."""

        def offer(item: tuple[Batch, DataPosition] | Exception) -> None:
            while not unwanted.is_set():
                with suppress(queue.Full):
                    made.put(item, timeout=_POLL)
                    return

        try:
            for turn in self.global_batches(start):
                offer((self._make(turn), turn.after))
                if unwanted.is_set():
                    return
        except Exception as error:  # whatever it is, the training has to know
            offer(error)

    def _make(self, turn: GlobalBatch) -> Batch:
        rows = turn.batches[self.rank]
        if self.sampler is None:
            return make_batch(self.corpus, rows)
        return self.sampler.make_batch(self.corpus, rows, (self.seed, *turn.places[self.rank]))


def _consume(made: queue.Queue[tuple[Batch, DataPosition] | Exception]) -> Iterator[tuple[Batch, DataPosition]]:
    while True:
        item = made.get()
        if isinstance(item, Exception):
            raise item
        yield item
