"""Beam search with copy tokens, each of which must occur exactly once in a translation."""

from __future__ import annotations

from itertools import chain

from nmt.search.strategies.base import CandidateSelection, CandidateSet, SearchStrategy


class CopyConstraints(SearchStrategy):
    """Beam search in which hypotheses contain each copy token exactly once; see `SearchStrategy`.

    It differs from plain beam search only where plain beam search would repeat or lose a copy token. Plain beam search
    takes over as soon as no copy token is missing in any row.
    """

    @property
    def selects_tokens(self) -> bool:
        """True in the target prefix, and as long as a hypothesis lacks a copy token."""
        return self._in_prefix or any(map(self._missing_copies, range(self.beam_size)))

    def _select_after_prefix(self, candidates: CandidateSet) -> CandidateSelection:
        candidates = self._with_copies(candidates)
        if candidates.at_limit:
            return CandidateSelection([], self._partition(candidates.ends).finished)
        ranked = sorted(chain.from_iterable(candidates.best), reverse=True)
        finished = self._partition(self._select_best(ranked, self.beam_size)).finished if self._may_finish else []
        return CandidateSelection(self._select_best(self._partition(ranked).open, self.beam_size), finished)
