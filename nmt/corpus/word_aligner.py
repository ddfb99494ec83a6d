"""Which pieces of a pair translate each other, learned from the pairs alone by expectation maximisation.

A model of one direction says that every target piece renders one source piece or the null word: first by a table of
translation probabilities alone (IBM model 1, Brown et al. 1993), then also by how near the two lie to the diagonal
(the model 2 of Dyer, Chahuneau & Smith 2013, "fast_align"). The links of two such models, one each way, are made
symmetric as in Koehn, Och & Marcu 2003.

B pairs of one shape, S and T their lengths, E entries of a table (two pieces that occur in a pair together).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Ids = np.ndarray[Any, np.dtype[np.int32]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Marks = np.ndarray[Any, np.dtype[np.bool_]]

_NULL = 0  # the id of padding, which no text has, stands for the null word
_TABLE_ROUNDS, _DIAGONAL_ROUNDS = 3, 5
_NULL_SHARE, _TENSION = 0.08, 4.0  # of target pieces that render nothing, and lambda: fast_align's, never retrained
_UNSEEN = 1e-9  # probability of two pieces that never met
_LEARNED_CELLS = 20_000_000  # pieces × pieces: of some 80,000 captions; more change the table little
_CLEAR_CELLS = 1000  # a longer pair says less of what became of what, and takes more memory
_BLOCK_CELLS = 500_000  # worked on together


@dataclass(frozen=True)
class TranslationTable:
    """What became of source pieces, and of the null word, sorted by source, then target."""

    sources: Ids
    """[E]; 0 is the null word."""
    targets: Ids
    """[E]"""
    probabilities: Floats
    """[E]: of the target given the source."""
    counts: Floats
    """[E]: how often the one became the other, as far as the model can tell."""


class Aligner:
    """Two models, one each way."""

    def __init__(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> None:
        """Learn from the ids of pairs, of which no side is empty."""
        self._forward = _TranslationModel(sources, targets)
        self._backward = _TranslationModel(targets, sources)

    def align(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> tuple[list[Ids], list[Ids]]:
        """The linked places of each pair, in its source and in its target, be it one of the training or not."""
        links: list[tuple[Any, ...]] = [()] * len(sources)
        for rows in _blocks(sources, targets):
            forward = self._forward.best(_keys(sources, targets, rows))
            backward = self._backward.best(_keys(targets, sources, rows))
            for row, marks in zip(rows, symmetrise(forward, backward), strict=True):
                links[row] = marks.nonzero()
        return [source for _, source in links], [target for target, _ in links]


def select_training_rows(source_lengths: Ids, target_lengths: Ids) -> Ints:
    """The pairs to learn from: all, or evenly spaced ones of a corpus whose cells memory should not have to hold.

    A cell is a piece of the source with a piece of the target. Of a corpus that is too large only short pairs are
    taken, if there are enough of them: on law text they cover more of the translations than as many cells of all.
    """
    cells = source_lengths.astype(np.int64) * target_lengths
    rows = np.flatnonzero(cells <= _CLEAR_CELLS)
    if cells.sum() <= _LEARNED_CELLS or cells[rows].sum() < _LEARNED_CELLS:
        rows = np.arange(len(cells))
    step = max(-(-int(cells[rows].sum()) // _LEARNED_CELLS), 1)
    return rows[::step]


def learn_translation_table(sources: Sequence[Ids], targets: Sequence[Ids]) -> TranslationTable:
    """What source pieces become, by the ids of pairs of which no side is empty."""
    return _TranslationModel(sources, targets).lexicon()


class _TranslationModel:
    """P(target piece | source piece, their places)."""

    def __init__(self, sources: Sequence[Ids], targets: Sequence[Ids]) -> None:
        blocks = list(_blocks(sources, targets))
        self._keys = _union(np.unique(_keys(sources, targets, rows)) for rows in blocks)
        self._sources = (self._keys >> 32).astype(np.int32)
        self._counts: Floats = np.zeros(0)
        self._table = np.append(np.ones(len(self._keys)), _UNSEEN)  # to begin with, all translations are alike
        entries = [np.searchsorted(self._keys, _keys(sources, targets, rows)).astype(np.int32) for rows in blocks]
        for round_ in range(_TABLE_ROUNDS + _DIAGONAL_ROUNDS):
            self._learn(entries, diagonal=round_ >= _TABLE_ROUNDS)

    def lexicon(self) -> TranslationTable:
        """The table as it stands."""
        return TranslationTable(
            self._sources, (self._keys & 0xFFFFFFFF).astype(np.int32), self._table[:-1], self._counts
        )

    def best(self, keys: Ints) -> Ints:
        """The most probable source place of each target piece [B, T], or -1; ``keys`` as of `_keys`."""
        places = np.searchsorted(self._keys, keys)
        places[places == len(self._keys)] = 0
        places[self._keys[places] != keys] = len(self._keys)  # the entry of the unseen
        best: Ints = (self._table[places] * _prior(*keys.shape[1:])).argmax(axis=2) - 1
        return best

    def _learn(self, blocks: Sequence[Ids], diagonal: bool) -> None:
        """One round: how often each entry is used by the present table, and a table by these counts."""
        counts = np.zeros(len(self._keys))
        for entries in blocks:
            posterior = self._table[entries]
            if diagonal:
                posterior *= _prior(*entries.shape[1:])
            posterior /= posterior.sum(axis=2, keepdims=True)
            np.add.at(counts, entries.ravel(), posterior.ravel())
        self._counts = counts
        self._table[:-1] = counts / np.bincount(self._sources, counts)[self._sources]


def symmetrise(forward: Ints, backward: Ints) -> Marks:
    """One set of links [B, T, S] of two: the source of each target piece [B, T], and the reverse [B, S].

    A piece without a link has -1. Grow-diag-final-and: the links of both directions; then, as long as there are any,
    those of one direction that touch a link and give a link to a piece that had none; last, those between two pieces
    that have none. Unlike the original, each sweep judges all candidates by the links from before it, so that the
    order in which they are looked at has no influence.
    """
    sources, targets = backward.shape[1], forward.shape[1]
    one: Marks = forward[:, :, None] == np.arange(sources)
    other: Marks = backward[:, None, :] == np.arange(targets)[:, None]
    links: Marks = one & other
    while (new := (one | other) & ~links & _beside(links) & (_lonely(links, 1) | _lonely(links, 2))).any():
        links |= new
    for direction in (one, other):
        links |= direction & _lonely(links, 1) & _lonely(links, 2)
    return links


def _beside(links: Marks) -> Marks:
    """Where one of the eight neighbours is a link."""
    _, rows, columns = links.shape
    padded = np.pad(links, ((0, 0), (1, 1), (1, 1)))
    shifted = [padded[:, i : i + rows, j : j + columns] for i in range(3) for j in range(3)]
    near: Marks = np.any(np.stack(shifted), axis=0)
    return near


def _lonely(links: Marks, axis: int) -> Marks:
    """Where a piece, all of whose links lie along ``axis``, has none."""
    some: Marks = np.any(links, axis=axis, keepdims=True)
    return ~some


def _prior(targets: int, places: int) -> Floats:
    """How probable a target place [T] is to render the null word or each source place [1 + S], before any is read."""
    sources = places - 1
    target = (np.arange(targets) + 0.5) / targets
    source = (np.arange(sources) + 0.5) / sources
    near = np.exp(-_TENSION * np.abs(target[:, None] - source))
    near *= (1 - _NULL_SHARE) / near.sum(axis=1, keepdims=True)
    return np.concatenate((np.full((targets, 1), _NULL_SHARE), near), axis=1)


def _blocks(sources: Sequence[Ids], targets: Sequence[Ids]) -> Iterator[Ints]:
    """The rows of pairs of one shape, as many as are worked on together."""
    shapes = np.array([(len(source), len(target)) for source, target in zip(sources, targets, strict=True)])
    shapes = shapes.reshape(-1, 2)
    order = np.lexsort(shapes.T)
    changes = np.flatnonzero(np.diff(shapes[order], axis=0).any(axis=1)) + 1
    for rows in np.split(order, changes):
        if len(rows):
            source, target = shapes[rows[0]].tolist()
            many = max(_BLOCK_CELLS // ((source + 1) * target), 1)
            yield from np.split(rows, range(many, len(rows), many))


def _keys(sources: Sequence[Ids], targets: Sequence[Ids], rows: Ints) -> Ints:
    """Each target piece with the null word and each source piece [B, T, 1 + S]: two ids as one number."""
    source = np.stack([sources[row] for row in rows]).astype(np.int64)
    target = np.stack([targets[row] for row in rows]).astype(np.int64)
    source = np.pad(source, ((0, 0), (1, 0)), constant_values=_NULL)
    keys: Ints = (source[:, None, :] << 32) | target[:, :, None]
    return keys


def _union(parts: Iterator[Ints]) -> Ints:
    """The distinct numbers of all parts, sorted; some parts at a time, as most of them repeat each other."""
    union = np.zeros(0, dtype=np.int64)
    waiting: list[Ints] = []
    for part in parts:
        waiting.append(part)
        if sum(map(len, waiting)) > max(len(union), _BLOCK_CELLS):
            union, waiting = np.unique(np.concatenate((union, *waiting))), []
    return np.unique(np.concatenate((union, *waiting)))
