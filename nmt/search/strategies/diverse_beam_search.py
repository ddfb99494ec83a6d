"""Diverse beam search, in which groups of hypotheses select different tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest

from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.strategies.base import Candidate, CandidateSelection, CandidateSet, SearchStrategy
from nmt.search.strategies.phrase_constraints import Tokens


class DiverseBeamSearch(SearchStrategy):
    """Diverse beam search with Hamming diversity (Vijayakumar et al. 2016, https://arxiv.org/abs/1610.02424).

    The beam is divided into groups, and each group performs a beam search. In each step the groups select in turn, and
    a token that earlier groups have selected is penalised. The penalty affects the selection only; the scores remain
    log-probabilities of the model.

    K + 1 candidates per row are sufficient: one may be end of sentence, one per row of the earlier groups may be
    penalised, and the rest are as many as the group has rows.
    """

    selects_every_step = True

    def __init__(self, options: DecodingOptions, beam_size: int, eos_id: int, min_length: int) -> None:
        super().__init__(options, beam_size, eos_id, min_length)
        self._num_groups = min(options.num_beam_groups, beam_size)
        self._group_of_row = [row * self._num_groups // beam_size for row in range(beam_size)]
        self._group_sizes = Counter(self._group_of_row)
        self._finished: list[list[Tokens]] = [[] for _ in range(self._num_groups)]  # by group

    @property
    def initial_rows(self) -> list[int]:
        """Rows that hold a hypothesis in the first step: the first row of each group."""
        return [self._group_of_row.index(group) for group in range(self._num_groups)]

    @property
    def max_finished(self) -> int:
        """Number of finished hypotheses to collect: the beam size, so that no group stops another group."""
        return self.beam_size

    def record_rows(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """Record the new rows, each of which belongs to the group of its parent."""
        super().record_rows(parents, tokens)
        self._group_of_row = [self._group_of_row[parent] for parent in parents]

    def select_finished(self, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
        """Return the best hypothesis of each group, then the second best, and so on, without duplicates."""
        ranks = {tuple(hypothesis.tokens): rank for rank, hypothesis in enumerate(hypotheses)}
        by_group = [sorted(ranks[tokens] for tokens in finished) for finished in self._finished]
        interleaved = [rank for turn in zip_longest(*by_group) for rank in turn if rank is not None]
        chosen = list(dict.fromkeys(interleaved or range(len(hypotheses))))[: self.options.num_hypotheses]
        return [hypotheses[rank] for rank in sorted(chosen)]

    def _select_after_prefix(self, candidates: CandidateSet) -> CandidateSelection:
        selection = CandidateSelection([], [])
        used_tokens: Counter[int] = Counter()
        for group in range(self._num_groups):
            rows = [candidates.ends] if candidates.at_limit else candidates.best
            in_group = [candidate for row in rows for candidate in row if self._group_of_row[candidate.row] == group]
            of_group = self._select_for_group(group, in_group, used_tokens, candidates.at_limit)
            selection.open.extend(of_group.open)
            selection.finished.extend(of_group.finished)
            used_tokens.update(candidate.token for candidate in of_group.open)
        return selection

    def _select_for_group(
        self, group: int, candidates: list[Candidate], used_tokens: Counter[int], at_limit: bool
    ) -> CandidateSelection:
        """Return the candidates that a group selects: as in plain beam search, but with penalised scores."""
        size, penalty = self._group_sizes[group], self.options.diversity_penalty
        best_first = sorted(candidates, key=lambda candidate: penalty * used_tokens[candidate.token] - candidate.score)
        missing = size - len(self._finished[group])
        finished = self._partition(best_first[:size]).finished[:missing] if self._may_finish or at_limit else []
        self._finished[group] += [self.row_tokens[candidate.row] for candidate in finished]
        open_ = self._partition(best_first).open[:size] if len(finished) < missing else []
        return CandidateSelection(open_, finished)
