"""Search tree of a beam search: every hypothesis that the beam kept, step by step.

Shapes: N nodes, K beam rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.corpus.tokenizer import BOS, EOS
from nmt.inference.repetition import choose_attempt, needs_retry, retry_options
from nmt.search.beam_search import BeamSearch
from nmt.search.hypotheses import FinishedHypotheses, Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine
from nmt.utils.arrays import Float32Array, Float64Array, Int64Array


@dataclass(frozen=True)
class BeamTree:
    """Search tree as parallel arrays [N] over its nodes; node 0 is begin of sentence, and parents precede children."""

    tokens: Int64Array
    """Token of each node."""
    parents: Int64Array
    """Parent of each node; -1 for the root."""
    steps: Int64Array
    """Number of tokens of the hypothesis, including end of sentence; 0 for the root."""
    scores: Float64Array
    """Sum of log-probabilities from the root to the node."""
    ranks: Float64Array
    """Ranking score of a finished hypothesis; NaN for all other nodes."""

    @property
    def ended(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mask of the nodes that end a hypothesis."""
        return ~np.isnan(self.ranks)

    @property
    def best(self) -> int:
        """Last node of the best hypothesis; among equals, the one that was found first."""
        return int(np.nanargmax(self.ranks))

    def path(self, node: int) -> list[int]:
        """Return the nodes from the root, which is left out, to ``node``."""
        path = []
        while node > 0:
            path.append(node)
            node = int(self.parents[node])
        return path[::-1]


def search_with_tree(
    engine: Engine, source: Sequence[int], options: DecodingOptions
) -> tuple[list[Hypothesis], BeamTree]:
    """Translate a sentence as `nmt translate` does and return the hypotheses with the search tree.

    A translation with repetition is searched again with n-gram blocking; the tree is that of the search whose result is
    returned. ``engine`` must have a single slot.
    """
    first = _search(engine, source, options)
    if not needs_retry(source, first[0], options):
        return first
    second = _search(engine, source, retry_options(options))
    return second if choose_attempt(source, first[0], second[0]) is second[0] else first


def _search(engine: Engine, source: Sequence[int], options: DecodingOptions) -> tuple[list[Hypothesis], BeamTree]:
    search = _RecordingBeamSearch(engine)
    search.admit([0], [source], options)
    while True:
        for _, hypotheses in search.advance():
            return hypotheses, search.tree()


class _RecordingBeamSearch(BeamSearch):
    """Beam search of one sentence that records the hypotheses it keeps."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, BOS, EOS)
        self._finished = _RecordingFinished(engine.num_slots, engine.beam_size, self._end_of)
        self._nodes = [(BOS, -1, 0, 0.0, np.nan)]
        self._at: Int64Array = np.zeros(engine.beam_size, dtype=np.int64)  # [K]: node of each row
        self._previous = self._at  # [K]: node of each row before this step

    def tree(self) -> BeamTree:
        """Return the recorded tree."""
        tokens, parents, steps, scores, ranks = map(np.array, zip(*self._nodes, strict=True))
        return BeamTree(tokens, parents, steps, scores, ranks)

    def _select_rows(self, totals: Float64Array, ids: Int64Array, attention: Float32Array | None) -> None:
        super()._select_rows(totals, ids, attention)
        self._previous, self._at = self._at, np.zeros_like(self._at)
        for row in np.flatnonzero(self._scores[0] > -np.inf):
            parent = self._previous[self._parents[0, row]]
            self._at[row] = self._add(int(self._tokens[0, row]), int(parent), float(self._scores[0, row]), np.nan)

    def _end_of(self, row: int, score: float, rank: float) -> None:
        self._add(EOS, int(self._previous[row]), score, rank)

    def _add(self, token: int, parent: int, score: float, rank: float) -> int:
        self._nodes.append((token, parent, self._step + 1, score, rank))
        return len(self._nodes) - 1


class _RecordingFinished(FinishedHypotheses):
    """Finished hypotheses of one sentence, with a callback for each."""

    def __init__(self, num_slots: int, beam_size: int, report: Callable[[int, float, float], None]) -> None:
        super().__init__(num_slots, beam_size)
        self._report = report

    def merge(self, rank_scores: Float64Array, scores: Float64Array, backpointers: Int64Array) -> None:
        """Report the new finished hypotheses and merge them; see `FinishedHypotheses.merge`."""
        for row in np.flatnonzero(rank_scores[0] > -np.inf):
            self._report(int(row), float(scores[0, row]), float(rank_scores[0, row]))
        super().merge(rank_scores, scores, backpointers)
