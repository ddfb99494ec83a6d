"""Runner that applies the search strategies of individual sentences to the arrays of a batched search.

Array shapes: N slots, K rows per slot, R = N × K rows, C candidates per row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from nmt.search.copy_tokens import CandidateArrays
from nmt.search.protocol import StepRequest, StepResult
from nmt.search.strategies.base import Candidate, CandidateSet, SearchStrategy
from nmt.search.strategies.sampling import Sampling
from nmt.utils.arrays import BoolArray, Float64Array, Int64Array


class StrategyRunner:
    """Runner of the search strategies of all sentences in a batch."""

    def __init__(self, num_slots: int, beam_size: int, eos_id: int) -> None:
        self.strategies: dict[int, SearchStrategy] = {}
        """Strategy by slot; slots of plain beam search are missing."""
        self.has_selected: BoolArray = np.zeros(num_slots, dtype=bool)
        """True for slots whose candidates a strategy selected in the last step, [N]."""
        self._beam, self._eos_id = beam_size, eos_id
        self._score_ids: dict[int, list[int]] = {}  # requested by strategies in the last step, by row
        self._first_column = 1  # of these ids in the request

    def release(self, slots: Sequence[int]) -> None:
        """Remove the strategies of the given slots."""
        for slot in slots:
            self.strategies.pop(slot, None)
            self.has_selected[slot] = False

    def extend_request(self, request: StepRequest) -> StepRequest:
        """Return the request with the suppressed tokens, scored ids and sampling parameters of all strategies added."""
        suppressed = [
            (row, t) for row, strategy, k in self._strategy_rows() for t in sorted(strategy.suppressed_tokens(k))
        ]
        pairs = np.array(suppressed, dtype=np.int64).reshape(-1, 2).T.copy()
        self._score_ids = {row: strategy.score_ids(k) for row, strategy, k in self._strategy_rows()}
        self._first_column = first = request.score_ids.shape[1]
        added = ((0, 0), (0, max(map(len, self._score_ids.values()))))
        score_ids = np.pad(request.score_ids, added, constant_values=self._eos_id)
        for row, tokens in self._score_ids.items():
            score_ids[row, first : first + len(tokens)] = tokens
        request = replace(
            request,
            score_ids=score_ids,
            suppress_rows=np.append(request.suppress_rows, pairs[0]),
            suppress_tokens=np.append(request.suppress_tokens, pairs[1]),
        )
        return self._add_sampling(request)

    def _add_sampling(self, request: StepRequest) -> StepRequest:
        sampling = [(row, strategy, k) for row, strategy, k in self._strategy_rows() if isinstance(strategy, Sampling)]
        if not sampling:
            return request
        rows = len(request.tokens)
        temperature, top_p = np.zeros(rows, dtype=np.float32), np.ones(rows, dtype=np.float32)
        seeds, top_k = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        for row, strategy, k in sampling:
            temperature[row] = strategy.options.sampling_temperature
            top_k[row], top_p[row] = strategy.options.sampling_topk, strategy.options.sampling_topp
            seeds[row] = strategy.noise_seed(k)
        return replace(request, temperature=temperature, seeds=seeds, top_k=top_k, top_p=top_p)

    def select_candidates(
        self, result: StepResult, scores: Float64Array, candidates: CandidateArrays, at_limit: BoolArray
    ) -> CandidateArrays:
        """Call the strategies to select candidates; in their slots, only selected candidates keep a finite score.

        Args:
            result: Result of the engine's step.
            scores: Cumulative score of each open hypothesis, [N, K].
            candidates: Candidates of all rows. ``totals`` is changed in place.
            at_limit: Mask of the sentences at their length limit, [N].
        """
        totals, ids, ends = candidates.totals, candidates.ids.copy(), candidates.ends.copy()
        for slot, strategy in self.strategies.items():
            self.has_selected[slot] = strategy.selects_tokens
            if strategy.selects_tokens:
                listed = self._list_candidates(slot, result, scores[slot], candidates, bool(at_limit[slot]))
                selection = strategy.select_candidates(listed)
                first = slot * self._beam
                totals[first : first + self._beam] = -np.inf
                for column, candidate in enumerate(selection.open):  # at most K < C, so each has its own column
                    totals[first + candidate.row, column] = candidate.score
                    ids[first + candidate.row, column] = candidate.token
                kept = [candidate.row for candidate in selection.finished]
                ends[slot, [row for row in range(self._beam) if row not in kept]] = -np.inf
        return CandidateArrays(totals, ids, ends)

    def _list_candidates(
        self, slot: int, result: StepResult, scores: Float64Array, candidates: CandidateArrays, at_limit: bool
    ) -> CandidateSet:
        """Return the candidates of a slot; ``scores`` are those of its rows, [K]."""
        best, requested = [], []
        open_rows = np.flatnonzero(scores > -np.inf).tolist()
        ends = candidates.ends[slot].tolist()
        num_returned = result.ids.shape[1]
        for k in open_rows:
            row, score = slot * self._beam + k, float(scores[k])
            pairs = zip(candidates.totals[row].tolist(), candidates.ids[row].tolist(), strict=True)
            of_row = [Candidate(total, k, token) for total, token in pairs]
            for n in np.flatnonzero(result.ids[row] == self._eos_id).tolist():
                of_row[n] = Candidate(min(score + float(result.scores[row, n]), ends[k]), k, self._eos_id)
            best.append(of_row[:num_returned] + [copy for copy in of_row[num_returned:] if copy.score > -np.inf])
            # The columns beyond the ids of this row are padding.
            scored = zip(self._score_ids[row], result.id_scores[row, self._first_column :].tolist(), strict=False)
            requested.append([Candidate(score + token_score, k, token) for token, token_score in scored])
        end_candidates = [Candidate(ends[k], k, self._eos_id) for k in open_rows]
        return CandidateSet(best, requested, end_candidates, scores[open_rows].tolist(), at_limit)

    def record_rows(self, parents: Int64Array, tokens: Int64Array) -> None:
        """Inform the strategies about the parent and the token of each new row, [N, K]."""
        for slot, strategy in self.strategies.items():
            strategy.record_rows((parents[slot] - slot * self._beam).tolist(), tokens[slot].tolist())

    def _strategy_rows(self) -> Iterator[tuple[int, SearchStrategy, int]]:
        """Yield each row with a strategy, the strategy, and the row's index in its slot."""
        for slot, strategy in self.strategies.items():
            for k in range(self._beam):
                yield slot * self._beam + k, strategy, k
