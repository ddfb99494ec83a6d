"""Lexically constrained decoding, which forces given phrases to occur in a translation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from nmt.search.options import DecodingOptions
from nmt.search.strategies.base import Candidate, CandidateSelection, CandidateSet, SearchStrategy
from nmt.search.strategies.phrase_constraints import RequiredPhrases, ends_with_phrase


class LexicalConstraints(SearchStrategy):
    """Lexically constrained decoding (Hokamp & Liu 2017) with dynamic beam allocation (Post & Vilar 2018).

    Candidates are grouped into banks by the number of constraint tokens that they satisfy. The banks select their
    best candidates in turn, beginning with the bank with the most satisfied tokens, until the beam is full. That bank
    always keeps a candidate that extends a phrase, so all phrases are satisfied within the length limit.
    """

    selects_every_step = True

    def __init__(self, options: DecodingOptions, beam_size: int, eos_id: int, min_length: int) -> None:
        super().__init__(options, beam_size, eos_id, min_length)
        self._required = RequiredPhrases((*options.force_phrases, *((token,) for token in options.copy_tokens)))

    def suppressed_tokens(self, row: int) -> set[int]:
        """Return the suppressed tokens, including those that continue the last word of a forced phrase.

        Copy tokens are among them, because those that are missing are scored as required phrases.
        """
        options = self.options
        suppressed = super().suppressed_tokens(row).union(options.copy_tokens)
        if options.word_continuations and ends_with_phrase(self.row_tokens[row], options.force_phrases):
            return suppressed | options.word_continuations
        return suppressed

    def score_ids(self, row: int) -> list[int]:
        """Return the next token of the target prefix or, after the prefix, the tokens that extend a required phrase."""
        return super().score_ids(row) or sorted(self._required.next_tokens(self.row_tokens[row]))

    def _select_after_prefix(self, candidates: CandidateSet) -> CandidateSelection:
        total, count = self._required.total_tokens, self._required.count_satisfied
        satisfied = [candidate for candidate in candidates.ends if count(self.row_tokens[candidate.row]) == total]
        if candidates.at_limit:
            return CandidateSelection([], satisfied or candidates.ends)
        open_: list[Candidate] = []
        for best, requested in zip(candidates.best, candidates.requested, strict=True):
            unique = {candidate.token: candidate for candidate in self._partition([*best, *requested]).open}
            open_ += unique.values()
        finished = self._partition(self._allocate_beam([*open_, *satisfied])).finished if self._may_finish else []
        return CandidateSelection(self._allocate_beam(open_), finished)

    def _allocate_beam(self, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return the K candidates that the banks select in turn, or all candidates if there are fewer."""
        banks: dict[int, list[Candidate]] = defaultdict(list)
        for candidate in sorted(candidates, key=lambda candidate: candidate.score):
            tokens = self.row_tokens[candidate.row]
            if candidate.token != self._eos_id:
                tokens = (*tokens, candidate.token)
            banks[self._required.count_satisfied(tokens)].append(candidate)
        selected: list[Candidate] = []
        while banks and len(selected) < self.beam_size:
            for count in sorted(banks, reverse=True)[: self.beam_size - len(selected)]:
                selected.append(banks[count].pop())
                if not banks[count]:
                    del banks[count]
        return selected
