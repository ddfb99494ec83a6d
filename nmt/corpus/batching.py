"""Length-bucketed batches whose order is a pure function of seed and epoch.

Nothing here keeps a running state, so a resumed run, or one on another number of processes, finds its place by
counting batches.

B sentences of a batch, S and T the lengths of its longest source and target in pieces, with end of sentence; N target
pieces, L links.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from nmt.corpus.arrow_store import Ids, Lengths, RaggedArray, Rows
from nmt.corpus.tokenizer import BOS, EOS, PAD

Matrix = np.ndarray[Any, np.dtype[np.int64]]
Shares = np.ndarray[Any, np.dtype[np.float32]]

_WINDOW = 4_000_000  # pairs sorted by length together: bounds what that takes beside the rows themselves


class TokenizedCorpus(Protocol):
    """Pairs of lists of ids, of one corpus or several that lie one after the other."""

    fingerprint: str
    """The hash of all that made the ids."""
    source_lengths: Lengths
    target_lengths: Lengths

    @property
    def sizes(self) -> list[int]:
        """Pairs of each corpus."""

    def sources(self, rows: Rows) -> RaggedArray:
        """Source ids of some pairs, without begin and end of sentence."""

    def targets(self, rows: Rows) -> RaggedArray:
        """Target ids of some pairs, without begin and end of sentence."""

    def links(self, rows: Rows) -> tuple[RaggedArray, RaggedArray] | None:
        """The linked places of some pairs, in the source and in the target; None where there are none."""


@dataclass(frozen=True)
class BatchAlignment:
    """Where the alignment head should look, as indices into a batch."""

    sentences: Rows
    """[L]"""
    target_positions: Rows
    """[L]: places in ``target_out``."""
    source_positions: Rows
    """[L]"""
    weights: Shares
    """[L]: one over the links of the target place."""


@dataclass(frozen=True)
class Batch:
    """SlotStorage ids of some pairs."""

    source: Matrix
    """[B, S], each row ends in end of sentence."""
    source_lengths: Rows
    """[B], end of sentence counted."""
    target_in: Matrix
    """[B, T], begin of sentence first."""
    target_out: Matrix
    """[B, T], end of sentence last."""
    links: BatchAlignment | None = None
    """Where the corpus has them."""
    reset_state: bool = True
    """Whether each row begins anew; else it goes on where that of the batch before ended."""

    @cached_property
    def target_positions(self) -> Rows:
        """[N]: where in B × T the target pieces are, end of sentence counted, padding not."""
        return np.flatnonzero(self.target_out != PAD)

    @property
    def target_tokens(self) -> int:
        """N."""
        return len(self.target_positions)


def select_epoch_rows(sizes: Sequence[int], weights: Sequence[float], seed: int, epoch: int) -> Rows:
    """The rows that an epoch uses, in no useful order, of corpora of these sizes that lie one after the other.

    Each corpus is an endless row of shuffled passes, of which an epoch takes the next ``weight × size`` pairs: however
    small the weight, all of its pairs are seen equally often in the end.
    """
    parts, first = [np.zeros(0, dtype=np.int32)], 0
    for number, (size, weight) in enumerate(zip(sizes, weights, strict=True)):
        start, stop = (int(e * weight * size) for e in (epoch, epoch + 1))
        for turn in range(start // size, -(-stop // size)):
            rows = np.arange(first, first + size, dtype=np.int32)
            order = np.random.default_rng([seed, number, turn]).permutation(rows)
            parts.append(order[max(start - turn * size, 0) : stop - turn * size])
        first += size
    return np.concatenate(parts)


def plan_epoch_batches(
    source_lengths: Lengths, target_lengths: Lengths, rows: Rows, batch_tokens: int, seed: int, epoch: int
) -> Iterator[Rows]:
    """The rows of each batch of an epoch, in order, of the ``rows`` that it uses.

    Sentences of like length go together, ties in random order; then the batches are shuffled. A batch holds as many as
    fit in ``batch_tokens``, counting B × max(S, T); a longer sentence is a batch of its own.
    """
    random = np.random.default_rng([seed, epoch])
    rows = random.permutation(rows)
    for start in range(0, len(rows), _WINDOW):
        window = rows[start : start + _WINDOW]
        source, target = source_lengths[window], target_lengths[window]
        order = np.lexsort((source, target))  # stable: ties stay shuffled
        batches = np.split(window[order], _cuts(np.maximum(source, target)[order] + 1, batch_tokens)[1:])
        for i in random.permutation(len(batches)):
            yield batches[i]


def make_batch(corpus: TokenizedCorpus, rows: Rows) -> Batch:
    """The padded ids of some pairs."""
    batch = collate(corpus.sources(rows), corpus.targets(rows))
    links = corpus.links(rows)
    if links is None:
        return batch
    pairs = zip(*(side.lists() for side in links), strict=True)
    return replace(batch, links=_join(list(pairs), batch.source_lengths, batch.target_out))


def collate(sources: RaggedArray, targets: RaggedArray) -> Batch:
    """The batch of these ids, which have no begin or end of sentence yet."""
    return Batch(
        source=pad(sources, after=EOS),
        source_lengths=sources.lengths.astype(np.int64) + 1,
        target_in=pad(targets, before=BOS),
        target_out=pad(targets, after=EOS),
    )


def pad(sentences: RaggedArray, before: int | None = None, after: int | None = None) -> Matrix:
    """Sentences of B lengths as one matrix [B, longest + 1], with one more id before or after each."""
    lengths = sentences.lengths[:, None]
    places = np.arange(int(lengths.max(initial=0)) + 1) - int(before is not None)
    matrix = np.full((len(lengths), len(places)), PAD, dtype=np.int64)
    matrix[(places >= 0) & (places < lengths)] = sentences.values
    if before is not None:
        matrix[:, 0] = before
    if after is not None:
        matrix[np.arange(len(lengths)), sentences.lengths] = after
    return matrix


def _join(links: list[tuple[Ids, Ids]], source_lengths: Rows, target_out: Matrix) -> BatchAlignment:
    """The links of a batch's pairs; what renders nothing, and end of sentence, looks at end of sentence."""
    marks = np.zeros((*target_out.shape, source_lengths.max()), dtype=bool)  # [B, T, S]
    for of_pair, (source, target) in zip(marks, links, strict=True):
        of_pair[target, source] = True
    sentences, targets = (~marks.any(axis=2) & (target_out != PAD)).nonzero()
    marks[sentences, targets, source_lengths[sentences] - 1] = True
    sentences, targets, sources = marks.nonzero()
    shares = 1 / marks.sum(axis=2)[sentences, targets]
    return BatchAlignment(sentences, targets, sources, shares.astype(np.float32))


def _cuts(lengths: Lengths, batch_tokens: int) -> list[int]:
    """Where batches start, taking sentences of these lengths in order."""
    starts, longest = [0], 0
    for position, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if longest * (position - starts[-1] + 1) > batch_tokens and position > starts[-1]:
            starts.append(position)
            longest = length
    return starts
