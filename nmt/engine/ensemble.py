"""Ensemble decoding: the probabilities of several models are averaged at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nmt.search.protocol import Engine, StepRequest, StepResult
from nmt.utils.arrays import AnyArray


class EnsembleMember(Engine, Protocol):
    """An engine that computes a step and the selection of candidates separately."""

    def log_probabilities(self, request: StepRequest) -> tuple[AnyArray, AnyArray | None]:
        """Advance all rows by one token; return log-probabilities [active rows, tokens] and the attention, if any."""

    def select_candidates(self, request: StepRequest, scores: AnyArray, attention: AnyArray | None) -> StepResult:
        """Select or sample candidates from log-probabilities and the attention of `log_probabilities`."""


class EnsembleEngine:
    """An ensemble of models with the same vocabulary and shortlist; implements `nmt.search.protocol.Engine`."""

    def __init__(self, members: Sequence[EnsembleMember]) -> None:
        """All members must be of one class and have the same numbers of slots and rows.

        The attention weights are those of the first.
        """
        self._members = members
        self.num_slots, self.beam_size = members[0].num_slots, members[0].beam_size

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        """Encode sentences into free slots; see `Engine.admit`."""
        for member in self._members:
            member.admit(slots, sources, required_ids)

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots; see `Engine.release`."""
        for member in self._members:
            member.release(slots)

    def step(self, request: StepRequest) -> StepResult:
        """Advance all rows by one token; see `Engine.step`."""
        results = [member.log_probabilities(request) for member in self._members]
        scores = np.logaddexp.reduce([scores for scores, _ in results]) - np.log(np.float32(len(results)))
        return self._members[0].select_candidates(request, scores, results[0][1])
