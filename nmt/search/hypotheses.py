"""Hypotheses: those that have finished, and the history that they are read from.

N slots, K rows a slot, R = N × K, L steps that the history has room for, H hypotheses, W words of the longest.

A clock counts the steps of the whole search. A place is a row at a time, as one number: clock × R + row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nmt.search.protocol import Floats, Ints

Doubles = np.ndarray[Any, np.dtype[np.float64]]

_FIRST_ROOM = 64


@dataclass(frozen=True)
class Hypothesis:
    """A finished translation."""

    tokens: list[int]
    """Without end of sentence."""
    score: float
    """Sum of the log-probabilities, end of sentence counted."""
    rank_score: float
    """``score`` over the length penalty, and with the coverage penalty: what hypotheses are ranked by."""
    sources: list[int] | None
    """For each token, the source piece that it attends to most."""
    token_scores: list[float] = field(default_factory=list)
    """The log-probability of each token, end of sentence last."""

    @property
    def mean_score(self) -> float:
        """Mean log-probability a token, end of sentence counted."""
        return self.score / (len(self.tokens) + 1)


def length_penalty(length: Any, alpha: Any) -> Any:
    """The penalty of GNMT (Wu et al. 2016, equation 14) for ``length`` tokens, end of sentence counted."""
    return ((5.0 + length) / 6.0) ** alpha


class Finished:
    """The K best finished hypotheses of each slot, best first; all arrays are [N, K]."""

    def __init__(self, slots: int, beam: int) -> None:
        self.ranks: Doubles = np.full((slots, beam), -np.inf)
        """What they are ranked by; -inf where there is no hypothesis."""
        self.sums: Doubles = np.full((slots, beam), -np.inf)
        self.places: Ints = np.zeros((slots, beam), dtype=np.int64)
        """Where each one proposed its end of sentence."""
        self._starts = 2 * beam * np.arange(slots)[:, None]  # of each slot, in arrays [N, 2 K]

    def clear(self, slots: Ints) -> None:
        """Forget those of some slots."""
        self.ranks[slots] = -np.inf

    def merge(self, ranks: Doubles, sums: Doubles, places: Ints) -> None:
        """Take in what ends, with a rank of -inf where nothing does; of equal ranks the older goes first."""
        beam = ranks.shape[1]
        all_ranks = np.concatenate((self.ranks, ranks), axis=1)
        best = np.negative(all_ranks).argsort(axis=1, kind="stable")[:, :beam]
        best += self._starts
        self.ranks = all_ranks.take(best)
        self.sums = np.concatenate((self.sums, sums), axis=1).take(best)
        self.places = np.concatenate((self.places, places), axis=1).take(best)


class Trail(NamedTuple):
    """What led to some places, last word first: [W, H]; after the first word of a hypothesis comes anything."""

    tokens: Ints
    sources: Ints
    """What each word attended to most."""
    sums: Doubles
    """The running sums, the word's own score counted."""


class Backpointers:
    """How the rows came to be: a ring of steps; all arrays are [L, R]."""

    def __init__(self, rows: int) -> None:
        shape = (_FIRST_ROOM, rows)
        self._tokens: Ints = np.zeros(shape, dtype=np.int64)
        self._parents: Ints = np.zeros(shape, dtype=np.int64)
        self._sources: Ints = np.zeros(shape, dtype=np.int64)
        """What each row attended to most when it proposed; a child finds it at its parent."""
        self._sums: Doubles = np.zeros(shape)
        self.has_sources = False

    def make_room(self, steps: int, clock: int) -> None:
        """Make L at least ``steps``, and keep the last L."""
        room = len(self._tokens)
        if steps > room:
            kept = np.arange(clock - room, clock)
            self._tokens = _longer(self._tokens, steps, kept)
            self._parents = _longer(self._parents, steps, kept)
            self._sources = _longer(self._sources, steps, kept)
            self._sums = _longer(self._sums, steps, kept)

    def write(self, clock: int, tokens: Ints, parents: Ints, sums: Doubles, attention: Floats | None) -> None:
        """Record a step: tokens, parents and sums [R] of the new rows, attention [R, S] of the old ones."""
        place = clock % len(self._tokens)
        self._tokens[place] = tokens
        self._parents[place] = parents
        self._sums[place] = sums
        self.has_sources = attention is not None
        if attention is not None:
            attention.argmax(axis=1, out=self._sources[place])

    def trace(self, clocks: Ints, rows: Ints, words: int) -> Trail:
        """The last so many words before places [H]."""
        steps = (clocks - 1 - np.arange(words)[:, None]) % len(self._tokens)
        path = np.empty((words + 1, len(rows)), dtype=np.int64)
        path[0] = rows
        for back in range(words):
            path[back + 1] = self._parents[steps[back], path[back]]
        children, parents = path[:-1], path[1:]
        return Trail(self._tokens[steps, children], self._sources[steps, parents], self._sums[steps, children])


def _longer(ring: Any, room: int, kept: Ints) -> Any:
    """A ring with more room that holds what an old one holds of some clocks."""
    longer = np.zeros((max(room, 2 * len(ring)), ring.shape[1]), dtype=ring.dtype)
    longer[kept % len(longer)] = ring[kept % len(ring)]
    return longer
