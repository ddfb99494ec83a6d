"""Base class of search strategies, which select the candidates of one sentence.

Strategies use plain Python lists instead of arrays, because few sentences need a strategy. K is the beam size.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np

from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.search.strategies.phrase_constraints import Tokens, tokens_completing_phrases, tokens_repeating_ngrams


class Candidate(NamedTuple):
    """Continuation of an open hypothesis by one token."""

    score: float
    """Cumulative log-probability of the hypothesis, including the token."""
    row: int
    """Row of the hypothesis in its slot, from 0 to K - 1."""
    token: int


class CandidateSet(NamedTuple):
    """All candidates of a sentence in one step."""

    best: list[list[Candidate]]
    """Candidates that the engine returned for each open row, best first or in the order drawn, then copy tokens."""
    requested: list[list[Candidate]]
    """Candidates for the token ids of `SearchStrategy.score_ids`, for each open row; some may also be in ``best``."""
    ends: list[Candidate]
    """Candidate that ends the sentence, for each open row."""
    scores: list[float]
    """Score of each open row before this step."""
    at_limit: bool
    """True if the length limit forces all hypotheses to end in this step."""


class CandidateSelection(NamedTuple):
    """Candidates that a strategy has selected in one step."""

    open: list[Candidate]
    """Candidates that become the new rows, at most K."""
    finished: list[Candidate]
    """Candidates that become finished hypotheses."""


class SearchStrategy:
    """Search strategy of one sentence with a forced target prefix and suppressed tokens.

    This base class selects the tokens of the prefix and leaves later steps to plain beam search. Subclasses select
    the candidates of every step.
    """

    selects_every_step = False
    """True if the strategy also selects the candidates after the target prefix."""

    def __init__(self, options: DecodingOptions, beam_size: int, eos_id: int, min_length: int) -> None:
        """Create a strategy; ``min_length`` is the minimum number of tokens before end of sentence."""
        self.options, self.beam_size, self._eos_id, self._min_length = options, beam_size, eos_id, min_length
        self.row_tokens: list[Tokens] = [()] * beam_size
        """Tokens of the hypothesis in each row."""

    @property
    def initial_rows(self) -> list[int]:
        """Rows that hold a hypothesis in the first step."""
        return [0]

    @property
    def max_finished(self) -> int:
        """Number of finished hypotheses after which the search stops if no open hypothesis can outrank them."""
        return min(self.options.num_hypotheses, self.beam_size)

    @property
    def selects_tokens(self) -> bool:
        """True if the strategy, rather than plain beam search, selects the candidates of this step."""
        return self.selects_every_step or self._in_prefix

    @property
    def required_ids(self) -> Tokens:
        """Token ids that a vocabulary shortlist must include."""
        forced = chain.from_iterable(self.options.force_phrases)
        return tuple(sorted({*self.options.target_prefix, *forced, *self.options.copy_tokens}))

    def suppressed_tokens(self, row: int) -> set[int]:
        """Return the tokens that the engine must not propose for a row in this step."""
        tokens = self.row_tokens[row]
        repetitions = tokens_repeating_ngrams(tokens, self.options.no_repeat_ngram_size)
        suppressed = tokens_completing_phrases(tokens, self.options.bad_phrases) | repetitions
        if self.options.prefix_ends_word and 0 < self._length == len(self.options.target_prefix):
            return suppressed | self.options.word_continuations
        return suppressed

    def score_ids(self, row: int) -> list[int]:
        """Return the token ids to score for a row regardless of their rank."""
        return [self.options.target_prefix[self._length]] if self._in_prefix else []

    def select_candidates(self, candidates: CandidateSet) -> CandidateSelection:
        """Select candidates; the search calls this in steps for which `selects_tokens` is true."""
        if self._in_prefix:
            return CandidateSelection([candidate for [candidate] in candidates.requested], [])
        return self._select_after_prefix(candidates)

    def record_rows(self, parents: Sequence[int], tokens: Sequence[int]) -> None:
        """Record the parent row and the token of each new row."""
        self.row_tokens = [(*self.row_tokens[parent], token) for parent, token in zip(parents, tokens, strict=True)]

    def select_finished(self, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
        """Return the hypotheses to output; ``hypotheses`` are all finished ones, best first."""
        return hypotheses

    @property
    def _length(self) -> int:
        return len(self.row_tokens[0])

    @property
    def _in_prefix(self) -> bool:
        return self._length < len(self.options.target_prefix)

    @property
    def _may_finish(self) -> bool:
        return self._length >= self._min_length

    def _partition(self, candidates: Iterable[Candidate]) -> CandidateSelection:
        """Separate the candidates into open and finished ones, without the impossible ones (score -inf)."""
        possible = [candidate for candidate in candidates if candidate.score > -np.inf]
        return CandidateSelection(
            [candidate for candidate in possible if candidate.token != self._eos_id],
            [candidate for candidate in possible if candidate.token == self._eos_id],
        )

    def _select_after_prefix(self, candidates: CandidateSet) -> CandidateSelection:
        """Select candidates in a step after the target prefix."""
        raise NotImplementedError  # plain beam search selects them
