"""Length-bucketed batches whose order is a pure function of seed, epoch and rank.

Nothing here keeps a running state: the batches of an epoch are planned for all ranks at once and then dealt out, so a
resumed run, or one on another number of processes, finds its place by counting.

B sentences of a batch, S and T the lengths of its longest source and target in pieces, with end of sentence; L links.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.corpus.prepare import IdCorpus
from nmt.corpus.ragged import Ids, Lengths
from nmt.corpus.tokenizer import BOS, EOS, PAD

Rows = np.ndarray[Any, np.dtype[np.int64]]
Matrix = np.ndarray[Any, np.dtype[np.int64]]
Shares = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class BatchLinks:
    """Where the alignment head should look, as indices into a batch."""

    sentences: Rows
    """[L]"""
    targets: Rows
    """[L]: places in ``target_out``."""
    sources: Rows
    """[L]"""
    shares: Shares
    """[L]: one over the links of the target place."""


@dataclass(frozen=True)
class Batch:
    """Padded ids of some pairs."""

    source: Matrix
    """[B, S], each row ends in end of sentence."""
    source_lengths: Lengths
    """[B]"""
    target_in: Matrix
    """[B, T], begin of sentence first."""
    target_out: Matrix
    """[B, T], end of sentence last."""
    links: BatchLinks | None = None
    """Where the corpus has them."""

    @property
    def target_tokens(self) -> int:
        """Target pieces, end of sentence counted, padding not."""
        return int((self.target_out != PAD).sum())


def plan_epoch(
    source_lengths: Lengths,
    target_lengths: Lengths,
    batch_tokens: int,
    seed: int,
    epoch: int,
    rank: int = 0,
    world: int = 1,
) -> list[Rows]:
    """The rows of each batch of an epoch, in the order in which process ``rank`` of ``world`` uses them.

    Sentences of like length go together, ties in random order; then the batches are shuffled, and dealt out in turn.
    All processes get equally many, so up to ``world - 1`` batches are left out. A batch holds as many as fit in
    ``batch_tokens``, counting B × max(S, T); a longer sentence is a batch of its own.
    """
    random = np.random.default_rng([seed, epoch])
    longer = np.maximum(source_lengths, target_lengths) + 1
    order = np.lexsort((random.permutation(len(longer)), source_lengths, target_lengths))
    starts = _cuts(longer[order], batch_tokens)
    batches = np.split(order, starts[1:])
    shuffled = [batches[i] for i in random.permutation(len(batches))]
    return shuffled[rank : len(shuffled) - len(shuffled) % world : world]


def make_batch(corpus: IdCorpus, rows: Rows) -> Batch:
    """The padded ids of some pairs."""
    sources, targets = corpus.sources(rows), corpus.targets(rows)
    source_lengths = np.array([len(ids) + 1 for ids in sources], dtype=np.int64)
    target_out = pad(targets, after=EOS)
    links = corpus.links(rows)
    return Batch(
        source=pad(sources, after=EOS),
        source_lengths=source_lengths,
        target_in=pad(targets, before=BOS),
        target_out=target_out,
        links=None if links is None else _join(links, source_lengths, target_out),
    )


def pad(sentences: list[Ids], before: int | None = None, after: int | None = None) -> Matrix:
    """Sentences of B lengths as one matrix [B, longest + 1], with one more id before or after each."""
    shift = int(before is not None)
    longest = max((len(ids) for ids in sentences), default=0)
    matrix = np.full((len(sentences), longest + 1), PAD, dtype=np.int64)
    for row, ids in zip(matrix, sentences, strict=True):
        row[shift : shift + len(ids)] = ids
        if after is not None:
            row[len(ids)] = after
    if before is not None:
        matrix[:, 0] = before
    return matrix


def _join(links: list[tuple[Ids, Ids]], source_lengths: Lengths, target_out: Matrix) -> BatchLinks:
    """The links of a batch's pairs; what renders nothing, and end of sentence, looks at end of sentence."""
    marks = np.zeros((*target_out.shape, source_lengths.max()), dtype=bool)  # [B, T, S]
    for of_pair, (source, target) in zip(marks, links, strict=True):
        of_pair[target, source] = True
    sentences, targets = (~marks.any(axis=2) & (target_out != PAD)).nonzero()
    marks[sentences, targets, source_lengths[sentences] - 1] = True
    sentences, targets, sources = marks.nonzero()
    shares = 1 / marks.sum(axis=2)[sentences, targets]
    return BatchLinks(sentences, targets, sources, shares.astype(np.float32))


def _cuts(lengths: Lengths, batch_tokens: int) -> list[int]:
    """Where batches start, taking sentences of these lengths in order."""
    starts, longest = [0], 0
    for position, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if longest * (position - starts[-1] + 1) > batch_tokens and position > starts[-1]:
            starts.append(position)
            longest = length
    return starts
