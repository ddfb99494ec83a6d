"""Interface between the search and the engine, which computes the network.

An engine holds a fixed number of slots. A slot holds one sentence and its K rows, one hypothesis per row. The
vocabulary, the softmax over it, the selection of the best tokens and the recurrent state stay in the engine; search
sees a few candidates per row.

Array shapes: N slots, K rows per slot (the beam size), R = N × K rows (slot n owns the rows n × K to
(n + 1) × K - 1), C candidates per row, Q scored ids per row, P suppressed pairs, S source length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from nmt.search.hypotheses import Hypothesis
from nmt.search.options import DecodingOptions
from nmt.utils.arrays import Float32Array, Int64Array


@dataclass(frozen=True)
class StepRequest:
    """Input of one decoding step for all rows.

    The engine ignores rows of empty slots, which may have any token and any parent in the same slot.
    """

    tokens: Int64Array
    """Last token of each row, [R]."""
    parents: Int64Array
    """Row in the same slot whose recurrent state each row continues, [R]."""
    num_candidates: int
    """Number C of next tokens to return per row."""
    score_ids: Int64Array
    """Token ids to score regardless of their rank, [R, Q]; the caller must not change the array afterwards."""
    suppress_rows: Int64Array
    """Row of each (row, token) pair that must not become a candidate, [P]."""
    suppress_tokens: Int64Array
    """Token id of each (row, token) pair that must not become a candidate, [P]."""
    temperature: Float32Array | None = None
    """Sampling temperature of each row, [R]; 0 returns the best candidates instead of samples.

    Candidates are drawn without replacement by Gumbel top-k (Kool et al. 2019). ``seeds``, ``top_k``
    and ``top_p`` are given if and only if this field is.
    """
    seeds: Int64Array | None = None
    """Random seed of the Gumbel noise of each row, [R]."""
    top_k: Int64Array | None = None
    """Number of most probable tokens to sample from, [R]; 0 for all."""
    top_p: Float32Array | None = None
    """Probability mass of the smallest set of most probable tokens to sample from, [R] (Holtzman et al. 2020).

    The set is determined after suppression, temperature and ``top_k`` have been applied.
    """
    return_attention: bool = False
    """If true, the result includes the attention weights."""


@dataclass(frozen=True)
class StepResult:
    """Candidates of all rows, best first, or in the order drawn when sampling.

    Scores are the model's log-probabilities before suppression. A suppressed or missing candidate has the score -inf
    and an arbitrary id. Search does not use the arrays after the next step begins, so the engine may reuse them.
    """

    scores: Float32Array
    """Log-probability of each candidate, [R, C]."""
    ids: Int64Array
    """Token id of each candidate, [R, C]."""
    id_scores: Float32Array
    """Log-probabilities of the request's ``score_ids``, [R, Q]."""
    attention: Float32Array | None = None
    """Attention weights of the alignment head, [R, S]; None if not requested or if the model has no attention."""


class SentenceGroup(NamedTuple):
    """Sentences with equal options that begin together."""

    slots: Sequence[int]
    """Slot of each sentence."""
    sources: Sequence[Sequence[int]]
    """Source token ids of each sentence."""
    options: DecodingOptions

    def length_limits(self) -> list[tuple[int, int]]:
        """Return the minimum and the maximum length of the translation of each sentence, in tokens."""
        return [self.options.length_limits(len(source)) for source in self.sources]


class PlainBeamSearch(Protocol):
    """A beam search of an engine, for plain options; otherwise like `nmt.search.beam_search.BeamSearch`."""

    def free_slots(self) -> list[int]:
        """Return the slots without a sentence, in ascending order."""

    def admit_groups(self, groups: Sequence[SentenceGroup]) -> None:
        """Start decoding groups of sentences in free slots; if this raises an exception, none is started."""

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots, whether or not their sentences have finished."""

    def advance(self, max_steps: int = ...) -> list[tuple[int, list[Hypothesis]]]:
        """Advance all sentences by one token at a time, until some have finished or by ``max_steps`` tokens.

        By default there is no maximum. Returns slot and hypotheses of each finished sentence, whose slot is then free.
        """


class Engine(Protocol):
    """A network that advances rows of hypotheses by one token per step. Not thread-safe."""

    @property
    def num_slots(self) -> int:
        """Number of slots, N."""

    @property
    def beam_size(self) -> int:
        """Number of rows per slot, K."""

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        """Encode sentences into free slots; all rows of a slot start from the initial decoder state.

        ``required_ids`` are the target token ids that the vocabulary shortlist of each sentence must include.
        """

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots, whether or not their sentences have finished."""

    def step(self, request: StepRequest) -> StepResult:
        """Advance every row of the occupied slots by its token and return the next candidates."""


@runtime_checkable
class SearchingEngine(Engine, Protocol):
    """An engine that also has a beam search of its own, which is faster than one that calls `Engine.step`."""

    def plain_beam_search(self) -> PlainBeamSearch:
        """Return a beam search with as many slots and rows as the engine, whose sentences are not the engine's."""
