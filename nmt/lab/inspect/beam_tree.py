"""The search tree of a beam: every hypothesis that was kept, step by step, and which ended.

N nodes, K rows of the beam.
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
class Tree:
    """The nodes; node 0 is begin of sentence, and parents come before their children. All arrays are [N]."""

    tokens: Int64Array
    parents: Int64Array
    """-1 for the root."""
    steps: Int64Array
    """0 for the root: how many tokens the hypothesis has, end of sentence counted."""
    scores: Float64Array
    """Sums of log-probabilities from the root on."""
    ranks: Float64Array
    """What an ended hypothesis is ranked by; NaN for all others."""

    @property
    def ended(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which nodes are the end of a sentence."""
        return ~np.isnan(self.ranks)

    @property
    def best(self) -> int:
        """The end of the best hypothesis; of equals the one found first."""
        return int(np.nanargmax(self.ranks))

    def path(self, node: int) -> list[int]:
        """The nodes from the root's child to that one."""
        path = []
        while node > 0:
            path.append(node)
            node = int(self.parents[node])
        return path[::-1]


def search(engine: Engine, source: Sequence[int], options: DecodingOptions) -> tuple[list[Hypothesis], Tree]:
    """Search a sentence with an engine of one slot, as `nmt translate` does, and tell how it went.

    A translation that loops is searched once more; the tree is that of the search whose result stands.
    """
    first = _search(engine, source, options)
    if not needs_retry(source, first[0], options):
        return first
    second = _search(engine, source, retry_options(options))
    return second if choose_attempt(source, first[0], second[0]) is second[0] else first


def _search(engine: Engine, source: Sequence[int], options: DecodingOptions) -> tuple[list[Hypothesis], Tree]:
    watched = _WatchedSearch(engine)
    watched.admit([0], [source], options)
    while True:
        for _, hypotheses in watched.advance():
            return hypotheses, watched.tree()


class _WatchedSearch(BeamSearch):
    """The search of one sentence that writes down what it keeps."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, BOS, EOS)
        self._finished = _Ends(engine.slots, engine.beam, self._end_of)
        self._nodes = [(BOS, -1, 0, 0.0, np.nan)]
        self._at: Int64Array = np.zeros(engine.beam, dtype=np.int64)  # [K]: the node of each row
        self._were = self._at  # the same before this step

    def tree(self) -> Tree:
        """What was written down."""
        tokens, parents, steps, scores, ranks = map(np.array, zip(*self._nodes, strict=True))
        return Tree(tokens, parents, steps, scores, ranks)

    def _select_rows(self, totals: Float64Array, ids: Int64Array, attention: Float32Array | None) -> None:
        super()._select_rows(totals, ids, attention)
        self._were, self._at = self._at, np.zeros_like(self._at)
        for row in np.flatnonzero(self._scores[0] > -np.inf):
            parent = self._were[self._parents[0, row]]
            self._at[row] = self._add(int(self._tokens[0, row]), int(parent), float(self._scores[0, row]), np.nan)

    def _end_of(self, row: int, score: float, rank: float) -> None:
        self._add(EOS, int(self._were[row]), score, rank)

    def _add(self, token: int, parent: int, score: float, rank: float) -> int:
        self._nodes.append((token, parent, self._step + 1, score, rank))
        return len(self._nodes) - 1


class _Ends(FinishedHypotheses):
    """The finished hypotheses of one sentence, each of which is reported."""

    def __init__(self, slots: int, beam: int, report: Callable[[int, float, float], None]) -> None:
        super().__init__(slots, beam)
        self._report = report

    def merge(self, rank_scores: Float64Array, scores: Float64Array, backpointers: Int64Array) -> None:
        """Report the hypotheses that end, and insert them; see `FinishedHypotheses.merge`."""
        for row in np.flatnonzero(rank_scores[0] > -np.inf):
            self._report(int(row), float(scores[0, row]), float(rank_scores[0, row]))
        super().merge(rank_scores, scores, backpointers)
