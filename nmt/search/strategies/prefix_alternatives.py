"""Alternatives that differ from each other in the first token after the target prefix."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nmt.search.hypotheses import Hypothesis
from nmt.search.strategies.base import Candidate, CandidateSelection, CandidateSet, SearchStrategy


class PrefixAlternatives(SearchStrategy):
    """Search for the best tokens after the target prefix, each of which is continued greedily to a translation.

    This is what CTranslate2 does with ``return_alternatives``.
    """

    selects_every_step = True

    @property
    def max_finished(self) -> int:
        """Number of finished hypotheses to collect: the beam size, so that no alternative stops another."""
        return self.beam_size

    def select_finished(self, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
        """Return the best hypotheses."""
        return hypotheses[: self.options.num_hypotheses]

    def _select_after_prefix(self, candidates: CandidateSet) -> CandidateSelection:
        if candidates.at_limit:
            return CandidateSelection([], candidates.ends)
        if self._length == len(self.options.target_prefix):
            [row] = candidates.best
            count = min(self.options.num_hypotheses, self.beam_size)
            return self._partition(sorted(self._permitted(row), reverse=True)[:count])
        rows = [list(self._permitted(row)) for row in candidates.best]
        return self._partition(max(row) for row in rows if row)

    def _permitted(self, candidates: list[Candidate]) -> Iterator[Candidate]:
        """Yield the possible candidates, without end of sentence before the minimum length."""
        for candidate in candidates:
            if candidate.score > -np.inf and (candidate.token != self._eos_id or self._may_finish):
                yield candidate
