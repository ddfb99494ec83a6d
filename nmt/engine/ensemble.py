"""Several models that translate as one: their probabilities are averaged before anything is chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmt.engine.onnx.engine import OnnxEngine
from nmt.search.protocol import StepRequest, StepResult


class EnsembleEngine:
    """Members with one vocabulary and one shortlist; implements `nmt.search.protocol.Engine`."""

    def __init__(self, members: Sequence[OnnxEngine]) -> None:
        """The members have equal numbers of slots and rows. The attention is the first one's."""
        self._members = members

    @property
    def slots(self) -> int:
        """N"""
        return self._members[0].slots

    @property
    def beam(self) -> int:
        """K"""
        return self._members[0].beam

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        """See `Engine.admit`."""
        for member in self._members:
            member.admit(slots, sources, constraints)

    def release(self, slots: Sequence[int]) -> None:
        """See `Engine.release`."""
        for member in self._members:
            member.release(slots)

    def step(self, request: StepRequest) -> StepResult:
        """See `Engine.step`."""
        distributions = [member.distribution(request) for member in self._members]
        scores = np.logaddexp.reduce([scores for scores, _ in distributions]) - np.log(np.float32(len(distributions)))
        return self._members[0].choose(request, scores, distributions[0][1])
