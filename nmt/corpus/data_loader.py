"""Background loading of training batches, resumable from any position.

All processes of a distributed run derive the same endless sequence of batches, epoch after epoch. Process ``rank`` of
``world_size`` uses the batches rank, rank + world_size, rank + 2 × world_size, and so on. Hence no batch is dropped at
the end of an epoch, two processes are equivalent to one process that accumulates the gradients of two batches, and a
run can be resumed with a different number of processes.
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

from nmt.corpus.batching import Batch, TokenizedCorpus, make_batch, plan_epoch_batches, select_epoch_rows
from nmt.corpus.subword_regularization import SubwordSampler
from nmt.utils.arrays import IntArray

_PREFETCHED_BATCHES = 8
_SAMPLED_GLOBAL_BATCHES = 100  # for estimating the size of a batch
_POLL_SECONDS = 0.1  # interval at which a blocked loader thread checks for the stop event


class DataPosition(NamedTuple):
    """Position in the sequence of batches of a run."""

    epoch: int
    batch: int
    """Number of batches of the epoch that lie before the position."""


class GlobalBatch(NamedTuple):
    """Batches that the processes use in the same step, one per process."""

    batches: tuple[IntArray, ...]
    """Corpus rows of the batch of each process."""
    positions: tuple[DataPosition, ...]
    """Position after each batch."""

    @property
    def end_position(self) -> DataPosition:
        """Position after the last batch."""
        return self.positions[-1]


@dataclass(frozen=True)
class BatchLoader:
    """Loader of the batches that one of several processes uses."""

    corpus: TokenizedCorpus
    weights: list[float]
    """Number of times that an epoch uses each corpus."""
    batch_tokens: int
    """Maximum number of tokens per batch, including padding."""
    seed: int
    sampler: SubwordSampler | None = None
    """Sampler for subword regularization; if None, the token ids of the corpus are used."""
    rank: int = 0
    world_size: int = 1

    @contextmanager
    def batches(self, start: DataPosition) -> Iterator[Iterator[tuple[Batch, DataPosition]]]:
        """Load the batches of this process in a background thread for the duration of the block.

        Yields an endless iterator over pairs of a batch and the position of the run after all processes have used their
        batches of the same step.
        """
        loaded: queue.Queue[tuple[Batch, DataPosition] | Exception] = queue.Queue(_PREFETCHED_BATCHES)
        stop = threading.Event()
        thread = threading.Thread(target=self._fill_queue, args=(start, loaded, stop), name="batches", daemon=True)
        thread.start()
        try:
            yield _dequeue(loaded)
        finally:
            stop.set()
            thread.join()

    def global_batches(self, start: DataPosition) -> Iterator[GlobalBatch]:
        """Yield the corpus rows of the batches of all processes, step by step without end."""
        plan = self._plan_batches(start)
        while True:
            yield GlobalBatch(*zip(*itertools.islice(plan, self.world_size), strict=True))

    def epoch_tokens(self) -> float:
        """Return the number of target tokens per epoch, including end of sentence."""
        tokens, first = 0.0, 0
        for size, weight in zip(self.corpus.corpus_sizes, self.weights, strict=True):
            tokens += weight * (int(self.corpus.target_lengths[first : first + size].sum()) + size)
            first += size
        return tokens

    def estimate_batch_tokens(self, start: DataPosition) -> float:
        """Estimate the mean number of target tokens per batch, including end of sentence, from a sample of batches."""
        sample = itertools.islice(self.global_batches(start), _SAMPLED_GLOBAL_BATCHES)
        rows = [batch for global_batch in sample for batch in global_batch.batches]
        return statistics.fmean(int(self.corpus.target_lengths[batch].sum()) + len(batch) for batch in rows)

    def _plan_batches(self, start: DataPosition) -> Iterator[tuple[IntArray, DataPosition]]:
        lengths = self.corpus.source_lengths, self.corpus.target_lengths
        for epoch in itertools.count(start.epoch):
            rows = select_epoch_rows(self.corpus.corpus_sizes, self.weights, self.seed, epoch)
            batches = plan_epoch_batches(*lengths, rows, self.batch_tokens, self.seed, epoch)
            for number, batch in enumerate(batches, start=1):
                if epoch > start.epoch or number > start.batch:
                    yield batch, DataPosition(epoch, number)

    def _fill_queue(
        self, start: DataPosition, loaded: queue.Queue[tuple[Batch, DataPosition] | Exception], stop: threading.Event
    ) -> None:
        """Load batches into the queue until the stop event is set."""

        def put(item: tuple[Batch, DataPosition] | Exception) -> None:
            while not stop.is_set():
                with suppress(queue.Full):
                    loaded.put(item, timeout=_POLL_SECONDS)
                    return

        try:
            for global_batch in self.global_batches(start):
                put((self._make_batch(global_batch), global_batch.end_position))
                if stop.is_set():
                    return
        except Exception as error:  # re-raised in the training thread by `_dequeue`
            put(error)

    def _make_batch(self, global_batch: GlobalBatch) -> Batch:
        rows = global_batch.batches[self.rank]
        if self.sampler is None:
            return make_batch(self.corpus, rows)
        return self.sampler.make_batch(self.corpus, rows, (self.seed, *global_batch.positions[self.rank]))


def _dequeue(loaded: queue.Queue[tuple[Batch, DataPosition] | Exception]) -> Iterator[tuple[Batch, DataPosition]]:
    while True:
        item = loaded.get()
        if isinstance(item, Exception):
            raise item
        yield item
