"""Search tree of a beam search, which contains every hypothesis that the beam kept at any step.

Shapes: N nodes, K hypotheses in the beam.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.corpus.tokenizer import BOS, EOS
from nmt.inference.retry import choose_attempt, retry_options
from nmt.search.beam_search import BeamSearch
from nmt.search.hypotheses import FinishedHypotheses, Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine
from nmt.utils.arrays import Float32Array, Float64Array, Int64Array


@dataclass(frozen=True)
class BeamTree:
    """Search tree as parallel arrays [N] over its nodes; node 0 is begin of sentence, and parents precede children."""

    tokens: Int64Array
    """Token id of each node."""
    parents: Int64Array
    """Index of the parent of each node; -1 for the root."""
    steps: Int64Array
    """Number of tokens from the root to the node, including end of sentence; 0 for the root."""
    scores: Float64Array
    """Sum of log-probabilities from the root to the node."""
    ranks: Float64Array
    """Ranking score of a finished hypothesis; NaN for all other nodes."""

    @property
    def final_mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mask [N] of the nodes that end a hypothesis."""
        return ~np.isnan(self.ranks)

    @property
    def best_node(self) -> int:
        """Last node of the hypothesis with the highest ranking score; of equals, the one that was found first."""
        return int(np.nanargmax(self.ranks))

    def path_to(self, node: int) -> list[int]:
        """Return the nodes on the path from the root to ``node``, without the root."""
        path = []
        while node > 0:
            path.append(node)
            node = int(self.parents[node])
        return path[::-1]


def search_with_tree(
    engine: Engine, source: Sequence[int], options: DecodingOptions
) -> tuple[list[Hypothesis], BeamTree]:
    """Translate a sentence as `nmt translate` does and return the hypotheses with the search tree.

    If the translation has a flaw, the search is repeated with other options; see `nmt.inference.retry`. The tree is
    that of the search whose result is returned. ``engine`` must have a single slot.
    """
    first = _search_once(engine, source, options)
    retry = retry_options(source, first[0], options)
    if retry is None:
        return first
    second = _search_once(engine, source, retry)
    chosen = choose_attempt(source, first[0], second[0])
    is_of_second = any(each is chosen[0] for each in second[0])
    return chosen, (second if is_of_second else first)[1]


def _search_once(engine: Engine, source: Sequence[int], options: DecodingOptions) -> tuple[list[Hypothesis], BeamTree]:
    """Run one beam search and return its hypotheses, best first, and its tree."""
    search = _RecordingBeamSearch(engine)
    search.admit([0], [source], options)
    while True:
        for _, hypotheses in search.advance():
            return hypotheses, search.build_tree()


class _RecordingBeamSearch(BeamSearch):
    """Beam search of one sentence that records the hypotheses it keeps."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine, BOS, EOS)
        self._finished = _RecordingFinished(engine.num_slots, engine.beam_size, self._record_finished)
        self._nodes = [(BOS, -1, 0, 0.0, np.nan)]
        self._row_nodes: Int64Array = np.zeros(engine.beam_size, dtype=np.int64)  # [K]: node of each hypothesis
        self._previous_row_nodes = self._row_nodes  # [K]: node of each hypothesis before this step

    def build_tree(self) -> BeamTree:
        """Return the tree of all steps so far."""
        tokens, parents, steps, scores, ranks = map(np.array, zip(*self._nodes, strict=True))
        return BeamTree(tokens, parents, steps, scores, ranks)

    def _select_rows(self, totals: Float64Array, ids: Int64Array, attention: Float32Array | None) -> None:
        """Select the hypotheses of the next step and add their last tokens to the tree."""
        super()._select_rows(totals, ids, attention)
        self._previous_row_nodes, self._row_nodes = self._row_nodes, np.zeros_like(self._row_nodes)
        for row in np.flatnonzero(self._scores[0] > -np.inf):
            parent = self._previous_row_nodes[self._parents[0, row]]
            self._row_nodes[row] = self._add_node(
                int(self._tokens[0, row]), int(parent), float(self._scores[0, row]), np.nan
            )

    def _record_finished(self, row: int, score: float, rank: float) -> None:
        """Add the end of a hypothesis that is finished."""
        self._add_node(EOS, int(self._previous_row_nodes[row]), score, rank)

    def _add_node(self, token: int, parent: int, score: float, rank: float) -> int:
        """Add a node and return its index; ``rank`` is NaN if the hypothesis is not finished."""
        self._nodes.append((token, parent, self._step + 1, score, rank))
        return len(self._nodes) - 1


class _RecordingFinished(FinishedHypotheses):
    """Finished hypotheses of one sentence, each reported to a callback."""

    def __init__(self, num_slots: int, beam_size: int, on_finished: Callable[[int, float, float], None]) -> None:
        super().__init__(num_slots, beam_size)
        self._on_finished = on_finished

    def merge(self, rank_scores: Float64Array, scores: Float64Array, backpointers: Int64Array) -> None:
        """Report the hypotheses that finish in this step, and merge them; see `FinishedHypotheses.merge`."""
        for row in np.flatnonzero(rank_scores[0] > -np.inf):
            self._on_finished(int(row), float(scores[0, row]), float(rank_scores[0, row]))
        super().merge(rank_scores, scores, backpointers)
