"""StrategyRunner: between the arrays of a search and the guides of some of its sentences.

N slots, K rows a slot, R = N × K, C candidates a row, Q score_ids ids a row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nmt.search.hypotheses import Doubles
from nmt.search.protocol import Ints, StepRequest, StepResult
from nmt.search.strategies import Candidate, Offer, SamplingStrategy, SearchStrategy

Flags = np.ndarray[Any, np.dtype[np.bool_]]


class StrategyRunner:
    """The guides of a search: `guides` holds them by slot."""

    def __init__(self, slots: int, beam: int, end: int) -> None:
        self.guides: dict[int, SearchStrategy] = {}
        self.decided: Flags = np.zeros(slots, dtype=bool)
        """[N]: whether a guide has chosen what ends in the last step."""
        self._beam, self._end = beam, end
        self._asked: dict[int, list[int]] = {}  # of each guided row, what the last request score_ids

    def release(self, slots: Sequence[int]) -> None:
        """Forget the guides of some slots."""
        for slot in slots:
            self.guides.pop(slot, None)
            self.decided[slot] = False

    def extend(self, request: StepRequest) -> StepRequest:
        """A plain request, and what guides ask besides."""
        suppressed = [(row, token) for row, guide, k in self._rows() for token in sorted(guide.suppressed(k))]
        pairs = np.array(suppressed, dtype=np.int64).reshape(-1, 2).T.copy()
        self._asked = {row: guide.score_ids(k) for row, guide, k in self._rows()}
        columns = np.full((len(request.tokens), 1 + max(map(len, self._asked.values()))), self._end)
        for row, tokens in self._asked.items():
            columns[row, 1 : 1 + len(tokens)] = tokens
        request = replace(request, score_ids=columns, suppress_rows=pairs[0], suppress_tokens=pairs[1])
        return self._with_sampling(request)

    def _with_sampling(self, request: StepRequest) -> StepRequest:
        sampling = [(row, guide, k) for row, guide, k in self._rows() if isinstance(guide, SamplingStrategy)]
        if not sampling:
            return request
        rows = len(request.tokens)
        temperature, top_p = np.zeros(rows, dtype=np.float32), np.ones(rows, dtype=np.float32)
        seeds, top_k = np.zeros(rows, dtype=np.int64), np.zeros(rows, dtype=np.int64)
        for row, guide, k in sampling:
            temperature[row], top_p[row] = guide.options.sampling_temperature, guide.options.sampling_topp
            seeds[row], top_k[row] = guide.seed(k), guide.options.sampling_topk
        return replace(request, temperature=temperature, seeds=seeds, top_k=top_k, top_p=top_p)

    def choose(
        self, result: StepResult, sums: Doubles, totals: Doubles, ends: Doubles, at_limit: Flags
    ) -> tuple[Ints, Doubles]:
        """Let guides choose for their slots, from sums [N, K] and their totals [R, C] with the result's scores.

        Of a slot that a guide decides for, only what it chooses keeps a finite total, or end [N, K]. Gives the ids
        [R, C] that the totals then belong to, and the ends.
        """
        ids, ends = result.ids.copy(), ends.copy()
        for slot, guide in self.guides.items():
            self.decided[slot] = guide.decides
            if guide.decides:
                choice = guide.choose(self._offer(slot, result, sums[slot], ends[slot], bool(at_limit[slot])))
                first = slot * self._beam
                totals[first : first + self._beam] = -np.inf
                for column, candidate in enumerate(choice.rows):  # never more than K: any column is free
                    totals[first + candidate.row, column] = candidate.total
                    ids[first + candidate.row, column] = candidate.token
                kept = [end.row for end in choice.ends]
                ends[slot, [row for row in range(self._beam) if row not in kept]] = -np.inf
        return ids, ends

    def _offer(self, slot: int, result: StepResult, sums: Doubles, ends: Doubles, at_limit: bool) -> Offer:
        candidates, score_ids = [], []
        open_rows = np.flatnonzero(sums > -np.inf).tolist()
        for k in open_rows:
            row, total = slot * self._beam + k, float(sums[k])
            scored = zip(result.ids[row].tolist(), result.scores[row].tolist(), strict=True)
            candidates.append([Candidate(total + score, k, token) for token, score in scored])
            wanted = zip(self._asked[row], result.id_scores[row, 1:].tolist(), strict=False)  # the rest is padding
            score_ids.append([Candidate(total + score, k, token) for token, score in wanted])
        return Offer(candidates, score_ids, [Candidate(float(ends[k]), k, self._end) for k in open_rows], at_limit)

    def follow(self, parents: Ints, tokens: Ints) -> None:
        """Tell guides of the new rows [N, K]."""
        for slot, guide in self.guides.items():
            guide.follow((parents[slot] - slot * self._beam).tolist(), tokens[slot].tolist())

    def _rows(self) -> Iterator[tuple[int, SearchStrategy, int]]:
        """Every guided row, its guide, and its number in the slot."""
        for slot, guide in self.guides.items():
            for k in range(self._beam):
                yield slot * self._beam + k, guide, k
