"""Finished hypotheses of beam search, and the backpointers from which their tokens are read.

Array shapes: N slots, K rows per slot, R = N × K rows, L steps of buffer capacity, H hypotheses, T tokens of the
longest hypothesis.

Steps are counted over the whole search, not per sentence. A backpointer encodes a step and a row as the number
step × R + row.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nmt.utils.arrays import Float32Array, Float64Array, Int64Array

_INITIAL_CAPACITY = 64


@dataclass(frozen=True)
class Hypothesis:
    """A finished translation hypothesis."""

    tokens: list[int]
    """Token ids without end of sentence."""
    score: float
    """Sum of the token log-probabilities, including end of sentence."""
    rank_score: float
    """Score by which hypotheses are ranked: ``score`` divided by the length penalty, plus the coverage penalty."""
    source_positions: list[int] | None
    """Index of the source token to which each target token attends most; None without attention."""
    token_scores: list[float] = field(default_factory=list)
    """Log-probability of each token; end of sentence is last."""


def length_penalty(length: Any, alpha: Any) -> Any:
    """Return the length penalty of GNMT (Wu et al. 2016, equation 14); ``length`` includes end of sentence."""
    return ((5.0 + length) / 6.0) ** alpha


class FinishedHypotheses:
    """The K best finished hypotheses of each slot, best first. All arrays are [N, K]."""

    def __init__(self, num_slots: int, beam_size: int) -> None:
        self.rank_scores: Float64Array = np.full((num_slots, beam_size), -np.inf)
        """Score by which each hypothesis is ranked; -inf marks an empty entry."""
        self.scores: Float64Array = np.full((num_slots, beam_size), -np.inf)
        self.backpointers: Int64Array = np.zeros((num_slots, beam_size), dtype=np.int64)
        """Step and row at which each hypothesis ended."""
        self._offsets = 2 * beam_size * np.arange(num_slots)[:, None]  # flat index of each slot in arrays [N, 2 K]

    def clear(self, slots: Int64Array) -> None:
        """Remove the hypotheses of the given slots."""
        self.rank_scores[slots] = -np.inf

    def merge(self, rank_scores: Float64Array, scores: Float64Array, backpointers: Int64Array) -> None:
        """Insert new hypotheses, and keep the K best of each slot.

        A rank score of -inf inserts nothing. Of equal rank scores, the earlier hypothesis comes first.
        """
        beam_size = rank_scores.shape[1]
        all_ranks = np.concatenate((self.rank_scores, rank_scores), axis=1)
        best = np.negative(all_ranks).argsort(axis=1, kind="stable")[:, :beam_size]
        best += self._offsets
        self.rank_scores = all_ranks.take(best)
        self.scores = np.concatenate((self.scores, scores), axis=1).take(best)
        self.backpointers = np.concatenate((self.backpointers, backpointers), axis=1).take(best)


class BacktracedPaths(NamedTuple):
    """Tokens of H hypotheses in reverse order, [T, H]; entries beyond the first token of a hypothesis are arbitrary."""

    tokens: Int64Array
    source_positions: Int64Array
    """Index of the source token to which each target token attends most."""
    scores: Float64Array
    """Cumulative score up to and including each token."""


class Backpointers:
    """Ring buffer of the tokens, parent rows and scores of the last L steps. All arrays are [L, R]."""

    def __init__(self, rows: int) -> None:
        shape = (_INITIAL_CAPACITY, rows)
        self._tokens: Int64Array = np.zeros(shape, dtype=np.int64)
        self._parents: Int64Array = np.zeros(shape, dtype=np.int64)
        self._source_positions: Int64Array = np.zeros(shape, dtype=np.int64)
        """Source position to which each row before the step attends most; a new row uses that of its parent."""
        self._scores: Float64Array = np.zeros(shape)
        self.has_attention = False

    def reserve_capacity(self, steps: int, current_step: int) -> None:
        """Grow the capacity to at least ``steps``, keeping the steps before ``current_step``."""
        capacity = len(self._tokens)
        if steps > capacity:
            kept = np.arange(current_step - capacity, current_step)
            self._tokens = _enlarge_ring(self._tokens, steps, kept)
            self._parents = _enlarge_ring(self._parents, steps, kept)
            self._source_positions = _enlarge_ring(self._source_positions, steps, kept)
            self._scores = _enlarge_ring(self._scores, steps, kept)

    def record_step(
        self, step: int, tokens: Int64Array, parents: Int64Array, scores: Float64Array, attention: Float32Array | None
    ) -> None:
        """Record a step: tokens, parents and scores [R] of the new rows, attention weights [R, S] of the old rows."""
        index = step % len(self._tokens)
        self._tokens[index] = tokens
        self._parents[index] = parents
        self._scores[index] = scores
        self.has_attention = attention is not None
        if attention is not None:
            attention.argmax(axis=1, out=self._source_positions[index])

    def trace_paths(self, steps: Int64Array, rows: Int64Array, length: int) -> BacktracedPaths:
        """Follow the backpointers of H hypotheses for ``length`` tokens, from the step [H] and row [H] of each."""
        indices = (steps - 1 - np.arange(length)[:, None]) % len(self._tokens)
        path = np.empty((length + 1, len(rows)), dtype=np.int64)
        path[0] = rows
        for back in range(length):
            path[back + 1] = self._parents[indices[back], path[back]]
        children, parents = path[:-1], path[1:]
        return BacktracedPaths(
            self._tokens[indices, children], self._source_positions[indices, parents], self._scores[indices, children]
        )


def _enlarge_ring(ring: Any, capacity: int, kept_steps: Int64Array) -> Any:
    """Return a ring buffer with at least ``capacity`` steps that contains the entries of the kept steps."""
    grown = np.zeros((max(capacity, 2 * len(ring)), ring.shape[1]), dtype=ring.dtype)
    grown[kept_steps % len(grown)] = ring[kept_steps % len(ring)]
    return grown
