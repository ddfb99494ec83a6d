"""Length-bucketed batches in an order that is a pure function of seed and epoch.

No state is kept between epochs: a resumed run finds its position by counting batches, also with a different number of
processes.

Array shapes: B sentences per batch, S and T tokens of the longest source and target including end of sentence,
N target tokens without padding, L alignment links.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np

from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.tokenizer import BOS, EOS, PAD
from nmt.utils.arrays import BoolArray, Float32Array, Int32Array, Int64Array, IntArray

_BUCKETING_WINDOW = 4_000_000  # pairs sorted by length together; bounds the memory for sorting


class TokenizedCorpus(Protocol):
    """Sentence pairs as token ids, from one corpus or several concatenated corpora."""

    fingerprint: str
    """Hash of all inputs that determine the token ids."""
    source_lengths: Int32Array
    """Number of source tokens of each pair, without special tokens."""
    target_lengths: Int32Array
    """Number of target tokens of each pair, without special tokens."""

    @property
    def corpus_sizes(self) -> list[int]:
        """Number of pairs of each corpus."""

    def source_ids(self, rows: IntArray) -> RaggedArray:
        """Return the source token ids of the given pairs, without begin and end of sentence."""

    def target_ids(self, rows: IntArray) -> RaggedArray:
        """Return the target token ids of the given pairs, without begin and end of sentence."""

    def alignment_links(self, rows: IntArray) -> tuple[RaggedArray, RaggedArray] | None:
        """Return the source and target positions of the links of the given pairs, or None without word alignment."""


@dataclass(frozen=True)
class BatchAlignment:
    """Word alignment of a batch, for guided alignment training (Chen et al. 2016)."""

    batch_indices: IntArray
    """Row of each link in the batch, [L]."""
    target_indices: IntArray
    """Column of each link in ``target_out``, [L]."""
    source_indices: IntArray
    """Column of each link in ``source``, [L]."""
    weights: Float32Array
    """Weight of each link, [L]; the weights of the links of a target token sum to 1."""


@dataclass(frozen=True)
class Batch:
    """Batch of sentence pairs as padded token ids."""

    source: Int64Array
    """Source token ids with end of sentence, [B, S]."""
    source_lengths: IntArray
    """Number of source tokens of each sentence, including end of sentence, [B]."""
    target_in: Int64Array
    """Decoder input: begin of sentence and the target token ids, [B, T]."""
    target_out: Int64Array
    """Expected decoder output: the target token ids and end of sentence, [B, T]."""
    alignment: BatchAlignment | None = None
    """Word alignment, if the corpus has one."""
    reset_state: bool = True
    """True if the recurrent state is reset, false if each row continues the same row of the previous batch."""

    @cached_property
    def target_indices(self) -> IntArray:
        """Flat index in [B × T] of each target token that is not padding, [N]."""
        return np.flatnonzero(self.target_out != PAD)

    @property
    def num_target_tokens(self) -> int:
        """Number of target tokens, including end of sentence and excluding padding."""
        return len(self.target_indices)


def select_epoch_rows(sizes: Sequence[int], weights: Sequence[float], seed: int, epoch: int) -> IntArray:
    """Return the rows of several concatenated corpora that an epoch uses, in an unspecified order.

    For each corpus there is an endless sequence of rows, in which all rows are shuffled again for each pass over the
    corpus. An epoch uses the next ``weight × size`` rows of the sequence, so that in the long run all rows are used
    equally often, even if the weight is small.
    """
    selected, first = [np.zeros(0, dtype=np.int32)], 0
    for number, (size, weight) in enumerate(zip(sizes, weights, strict=True)):
        start, stop = (int(e * weight * size) for e in (epoch, epoch + 1))
        for corpus_pass in range(start // size, -(-stop // size)):
            rows = np.arange(first, first + size, dtype=np.int32)
            shuffled = np.random.default_rng([seed, number, corpus_pass]).permutation(rows)
            selected.append(shuffled[max(start - corpus_pass * size, 0) : stop - corpus_pass * size])
        first += size
    return np.concatenate(selected)


def plan_epoch_batches(
    source_lengths: Int32Array, target_lengths: Int32Array, rows: IntArray, batch_tokens: int, seed: int, epoch: int
) -> Iterator[IntArray]:
    """Yield the rows of each batch of an epoch.

    Sentences of similar length share a batch, with ties in random order; the batches are then shuffled. A batch holds
    as many sentences as fit into ``batch_tokens``, where the size of a batch is B × max(S, T). A sentence that exceeds
    the limit forms a batch of its own.
    """
    random = np.random.default_rng([seed, epoch])
    rows = random.permutation(rows)
    for start in range(0, len(rows), _BUCKETING_WINDOW):
        window = rows[start : start + _BUCKETING_WINDOW]
        source, target = source_lengths[window], target_lengths[window]
        order = np.lexsort((source, target))  # a stable sort: ties stay shuffled
        starts = _batch_starts(np.maximum(source, target)[order] + 1, batch_tokens)
        batches = np.split(window[order], starts[1:])
        for i in random.permutation(len(batches)):
            yield batches[i]


def make_batch(corpus: TokenizedCorpus, rows: IntArray) -> Batch:
    """Return a batch of the given rows of a corpus, with the word alignment if the corpus has one."""
    batch = collate_batch(corpus.source_ids(rows), corpus.target_ids(rows))
    links = corpus.alignment_links(rows)
    if links is None:
        return batch
    pairs = list(zip(*(side.to_lists() for side in links), strict=True))
    return replace(batch, alignment=_batch_alignment(pairs, batch.source_lengths, batch.target_out))


def collate_batch(sources: RaggedArray, targets: RaggedArray) -> Batch:
    """Return a batch of source and target token ids, which are given without begin and end of sentence."""
    return Batch(
        source=pad_sequences(sources, after=EOS),
        source_lengths=sources.lengths.astype(np.int64) + 1,
        target_in=pad_sequences(targets, before=BOS),
        target_out=pad_sequences(targets, after=EOS),
    )


def pad_sequences(sentences: RaggedArray, before: int | None = None, after: int | None = None) -> Int64Array:
    """Return sentences as a padded matrix [B, longest + 1], with the id ``before`` or ``after`` added to each."""
    lengths = sentences.lengths[:, None]
    positions = np.arange(int(lengths.max(initial=0)) + 1) - int(before is not None)
    matrix = np.full((len(lengths), len(positions)), PAD, dtype=np.int64)
    matrix[(positions >= 0) & (positions < lengths)] = sentences.values
    if before is not None:
        matrix[:, 0] = before
    if after is not None:
        matrix[np.arange(len(lengths)), sentences.lengths] = after
    return matrix


def _batch_alignment(
    links: list[tuple[Int32Array, Int32Array]], source_lengths: IntArray, target_out: Int64Array
) -> BatchAlignment:
    """Return the word alignment of a batch, given the links of each pair.

    Unaligned target tokens, including end of sentence, are linked to the end of the source sentence.
    """
    linked: BoolArray = np.zeros((*target_out.shape, source_lengths.max()), dtype=bool)  # [B, T, S]
    for matrix, (source, target) in zip(linked, links, strict=True):
        matrix[target, source] = True
    sentences, targets = (~linked.any(axis=2) & (target_out != PAD)).nonzero()
    linked[sentences, targets, source_lengths[sentences] - 1] = True
    sentences, targets, sources = linked.nonzero()
    weights = 1 / linked.sum(axis=2)[sentences, targets]
    return BatchAlignment(sentences, targets, sources, weights.astype(np.float32))


def _batch_starts(lengths: Int32Array, batch_tokens: int) -> list[int]:
    """Return the index of the first sentence of each batch when sentences of the given lengths are batched in order."""
    starts, longest = [0], 0
    for position, length in enumerate(lengths.tolist()):
        longest = max(longest, length)
        if longest * (position - starts[-1] + 1) > batch_tokens and position > starts[-1]:
            starts.append(position)
            longest = length
    return starts
