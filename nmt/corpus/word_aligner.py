"""Statistical word alignment of subword tokens, trained on the parallel text itself by expectation maximisation (EM).

A directional model generates every target token from one source token or the null word. The first iterations use
lexical translation probabilities only (IBM model 1, Brown et al. 1993), the others also a prior that favours the
diagonal (the reparameterised IBM model 2 of fast_align, Dyer, Chahuneau & Smith 2013). The alignments of two models,
one per direction, are symmetrised with grow-diag-final-and (Koehn, Och & Marcu 2003).

Array shapes: B sentence pairs with S source and T target tokens each, E entries of a translation table, one for each
source and target token that occur in the same sentence pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.utils.arrays import BoolArray, Float64Array, Int32Array, Int64Array

_NULL = 0  # id of the null word: that of padding, which does not occur in text
_MODEL1_ITERATIONS, _DIAGONAL_ITERATIONS = 3, 5
_NULL_PROBABILITY, _TENSION = 0.08, 4.0  # p0 and lambda as in fast_align, but not optimised
_UNSEEN_PROBABILITY = 1e-9  # of two tokens that do not occur together in training
# A cell is a pair of a source token and a target token of the same sentence pair.
_MAX_TRAINING_CELLS = 20_000_000  # about 80,000 image captions; more data changes the table little
_MAX_SHORT_PAIR_CELLS = 1000
_BLOCK_CELLS = 500_000  # computed at once


@dataclass(frozen=True)
class TranslationTable:
    """Lexical translation table, whose entries are sorted by source token and then by target token."""

    sources: Int32Array
    """Source token id of each entry, [E]; 0 is the null word."""
    targets: Int32Array
    """Target token id of each entry, [E]."""
    probabilities: Float64Array
    """Probability of the target token given the source token, [E]."""
    counts: Float64Array
    """Expected number of times that the source token generates the target token in the training text, [E]."""


class WordAligner:
    """Word aligner that symmetrises the alignments of two directional models."""

    def __init__(self, sources: Sequence[Int32Array], targets: Sequence[Int32Array]) -> None:
        """Train the models on the token ids of sentence pairs, of which no source or target is empty."""
        self._forward = _DirectionalModel(sources, targets)
        self._backward = _DirectionalModel(targets, sources)

    def align(
        self, sources: Sequence[Int32Array], targets: Sequence[Int32Array]
    ) -> tuple[list[Int32Array], list[Int32Array]]:
        """Return the source and the target positions of the links of each pair, which may be absent from training."""
        links: list[tuple[Any, ...]] = [()] * len(sources)
        for rows in _equal_length_blocks(sources, targets):
            forward = self._forward.best_sources(_pair_keys(sources, targets, rows))
            backward = self._backward.best_sources(_pair_keys(targets, sources, rows))
            for row, linked in zip(rows, symmetrise(forward, backward), strict=True):
                links[row] = linked.nonzero()
        return [source for _, source in links], [target for target, _ in links]


def select_training_rows(source_lengths: Int32Array, target_lengths: Int32Array) -> Int64Array:
    """Return the rows of the sentence pairs to train on: all rows, or evenly spaced ones if the corpus is large.

    From a large corpus, only short pairs are sampled if there are enough. They are less ambiguous than long pairs, and
    on legal text they cover more translations than pairs of all lengths with the same number of tokens.
    """
    cells = source_lengths.astype(np.int64) * target_lengths
    rows = np.flatnonzero(cells <= _MAX_SHORT_PAIR_CELLS)
    if cells.sum() <= _MAX_TRAINING_CELLS or cells[rows].sum() < _MAX_TRAINING_CELLS:
        rows = np.arange(len(cells))
    step = max(-(-int(cells[rows].sum()) // _MAX_TRAINING_CELLS), 1)
    return rows[::step]


def learn_translation_table(sources: Sequence[Int32Array], targets: Sequence[Int32Array]) -> TranslationTable:
    """Learn a translation table from the token ids of sentence pairs, of which no source or target is empty."""
    return _DirectionalModel(sources, targets).translation_table()


class _DirectionalModel:
    """Model of the probability of a target token given the source token and both positions."""

    def __init__(self, sources: Sequence[Int32Array], targets: Sequence[Int32Array]) -> None:
        blocks = list(_equal_length_blocks(sources, targets))
        self._keys = _sorted_union(np.unique(_pair_keys(sources, targets, rows)) for rows in blocks)
        self._sources = (self._keys >> 32).astype(np.int32)
        self._counts: Float64Array = np.zeros(0)
        # EM starts from a uniform table. The last entry is that of unseen pairs.
        self._table = np.append(np.ones(len(self._keys)), _UNSEEN_PROBABILITY)
        entries = [np.searchsorted(self._keys, _pair_keys(sources, targets, rows)).astype(np.int32) for rows in blocks]
        for iteration in range(_MODEL1_ITERATIONS + _DIAGONAL_ITERATIONS):
            self._run_em_iteration(entries, diagonal=iteration >= _MODEL1_ITERATIONS)

    def translation_table(self) -> TranslationTable:
        """Return the learned translation table."""
        targets = (self._keys & 0xFFFFFFFF).astype(np.int32)
        return TranslationTable(self._sources, targets, self._table[:-1], self._counts)

    def best_sources(self, keys: Int64Array) -> Int64Array:
        """Return the most probable source position of each target token, or -1 for the null word, [B, T].

        ``keys`` are the keys of the token pairs, from `_pair_keys`.
        """
        entries = np.searchsorted(self._keys, keys)
        entries[entries == len(self._keys)] = 0
        entries[self._keys[entries] != keys] = len(self._keys)  # the entry of unseen pairs
        best: Int64Array = (self._table[entries] * _diagonal_prior(*keys.shape[1:])).argmax(axis=2) - 1
        return best

    def _run_em_iteration(self, blocks: Sequence[Int32Array], diagonal: bool) -> None:
        """Compute expected counts with the current table, and a new table from the counts (one iteration of EM)."""
        counts = np.zeros(len(self._keys))
        for entries in blocks:
            posterior = self._table[entries]
            if diagonal:
                posterior *= _diagonal_prior(*entries.shape[1:])
            posterior /= posterior.sum(axis=2, keepdims=True)
            np.add.at(counts, entries.ravel(), posterior.ravel())
        self._counts = counts
        self._table[:-1] = counts / np.bincount(self._sources, counts)[self._sources]


def symmetrise(forward: Int64Array, backward: Int64Array) -> BoolArray:
    """Combine two directional alignments by grow-diag-final-and.

    The algorithm begins with the intersection. It repeatedly adds links of the union that are adjacent to a link, also
    diagonally, and have an unaligned source or target token; finally it adds links whose tokens are both unaligned.
    Unlike in the original, each pass tests all candidates against the links of the previous pass, so that the result
    does not depend on their order.

    Args:
        forward: Source position of each target token, or -1, [B, T].
        backward: Target position of each source token, or -1, [B, S].

    Returns:
        Matrix of links, [B, T, S].
    """
    sources, targets = backward.shape[1], forward.shape[1]
    from_forward: BoolArray = forward[:, :, None] == np.arange(sources)
    from_backward: BoolArray = backward[:, None, :] == np.arange(targets)[:, None]
    links: BoolArray = from_forward & from_backward
    union = from_forward | from_backward
    while (new := union & ~links & _has_neighbour(links) & (_unaligned(links, 1) | _unaligned(links, 2))).any():
        links |= new
    for direction in (from_forward, from_backward):
        links |= direction & _unaligned(links, 1) & _unaligned(links, 2)
    return links


def _has_neighbour(links: BoolArray) -> BoolArray:
    """Return, for each element of a matrix of links, whether it or one of its eight neighbours is a link."""
    _, rows, columns = links.shape
    padded = np.pad(links, ((0, 0), (1, 1), (1, 1)))
    shifted = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    neighbours: BoolArray = np.any(np.stack(shifted), axis=0)
    return neighbours


def _unaligned(links: BoolArray, axis: int) -> BoolArray:
    """Return whether each token has no link; ``axis`` is the axis along which the links of a token lie."""
    aligned: BoolArray = np.any(links, axis=axis, keepdims=True)
    return ~aligned


def _diagonal_prior(targets: int, candidates: int) -> Float64Array:
    """Return the prior probabilities of the null word and of all source positions per target position, [T, 1 + S]."""
    sources = candidates - 1
    target = (np.arange(targets) + 0.5) / targets
    source = (np.arange(sources) + 0.5) / sources
    near = np.exp(-_TENSION * np.abs(target[:, None] - source))
    near *= (1 - _NULL_PROBABILITY) / near.sum(axis=1, keepdims=True)
    return np.concatenate((np.full((targets, 1), _NULL_PROBABILITY), near), axis=1)


def _equal_length_blocks(sources: Sequence[Int32Array], targets: Sequence[Int32Array]) -> Iterator[Int64Array]:
    """Yield the rows of pairs with equal source lengths and equal target lengths, in blocks of limited size."""
    shapes = np.array([(len(source), len(target)) for source, target in zip(sources, targets, strict=True)])
    shapes = shapes.reshape(-1, 2)
    order = np.lexsort(shapes.T)
    changes = np.flatnonzero(np.diff(shapes[order], axis=0).any(axis=1)) + 1
    for rows in np.split(order, changes):
        if len(rows):
            source, target = shapes[rows[0]].tolist()
            block = max(_BLOCK_CELLS // ((source + 1) * target), 1)
            yield from np.split(rows, range(block, len(rows), block))


def _pair_keys(sources: Sequence[Int32Array], targets: Sequence[Int32Array], rows: Int64Array) -> Int64Array:
    """Return, as a 64-bit key, each pair of a target token with the null word or a source token, [B, T, 1 + S]."""
    source = np.stack([sources[row] for row in rows]).astype(np.int64)
    target = np.stack([targets[row] for row in rows]).astype(np.int64)
    source = np.pad(source, ((0, 0), (1, 0)), constant_values=_NULL)
    keys: Int64Array = (source[:, None, :] << 32) | target[:, :, None]
    return keys


def _sorted_union(parts: Iterator[Int64Array]) -> Int64Array:
    """Return the sorted distinct numbers of all parts, which are merged step by step to limit memory."""
    union = np.zeros(0, dtype=np.int64)
    pending: list[Int64Array] = []
    for part in parts:
        pending.append(part)
        if sum(map(len, pending)) > max(len(union), _BLOCK_CELLS):
            union, pending = np.unique(np.concatenate((union, *pending))), []
    return np.unique(np.concatenate((union, *pending)))
