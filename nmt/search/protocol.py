"""What search asks of an engine.

An engine holds a fixed number of slots; a slot holds one sentence and its K rows, which are hypotheses. The vocabulary,
the softmax over it and the recurrent state live in the engine; search sees a few candidates a row.

N slots, K rows a slot, R = N × K rows (slot n owns rows n × K up to (n + 1) × K), C candidates a row, Q scored ids a
row, S source length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class StepRequest:
    """One step for all rows. Rows of empty slots carry any token and a parent of the same slot, and are ignored."""

    tokens: Ints
    """[R]: the last token of each row."""
    parents: Ints
    """[R]: the row, of the same slot, whose state each row continues."""
    candidates: int
    """C: how many next tokens each row brings back."""
    score_ids: Ints
    """[R, Q]: ids whose scores are wanted whatever their rank."""
    suppress_rows: Ints
    """[P]: with ``suppress_tokens``, pairs that are no candidates in this step; some never were."""
    suppress_tokens: Ints
    """[P]"""
    temperature: Floats | None = None
    """[R]: for sampling; candidates are then drawn without replacement (Gumbel top-C, Kool et al. 2019).

    A row with 0 is not sampled: its candidates are the best. The three fields below go with this one.
    """
    seeds: Ints | None = None
    """[R]: of the noise of each row."""
    top_k: Ints | None = None
    """[R]: a sampled row draws among so many of the likeliest tokens; 0 for all."""
    top_p: Floats | None = None
    """[R]: a sampled row draws among the likeliest tokens that together have this probability, or just more, as
    suppression, temperature and ``top_k`` leave them (Holtzman et al. 2020)."""
    attention: bool = False
    """Whether the result shall hold the attention."""


@dataclass(frozen=True)
class StepResult:
    """The candidates of all rows, best first (when sampling: in the order drawn).

    Scores are the model's log-probabilities before suppression; a suppressed or missing candidate has -inf, and any id.
    Search has done with the arrays before the next step, so that an engine may use them again.
    """

    scores: Floats
    """[R, C]"""
    ids: Ints
    """[R, C]"""
    id_scores: Floats
    """[R, Q]"""
    attention: Floats | None = None
    """[R, S]: the alignment head's, where it was wanted and the model has one."""


class Engine(Protocol):
    """A network that advances rows of hypotheses. One thread uses it at a time."""

    @property
    def slots(self) -> int:
        """N"""

    @property
    def beam(self) -> int:
        """K"""

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        """Encode sentences into free slots; all rows of a slot start in its first state.

        ``constraints`` names, for each sentence, tokens that must stay reachable whatever list the engine works with.
        """

    def release(self, slots: Sequence[int]) -> None:
        """Empty slots, finished or not."""

    def step(self, request: StepRequest) -> StepResult:
        """Advance every row of the slots in use by its token."""
