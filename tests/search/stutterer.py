"""An engine whose model repeats itself."""

from collections.abc import Sequence

import numpy as np

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.search.protocol import StepRequest, StepResult

_B = FIRST_TEXT_ID + 1


class Stutterer:
    """A model that likes the first piece of its source above all, the second less, and hardly ever ends."""

    def __init__(self, slots: int, beam: int) -> None:
        self.slots, self.beam = slots, beam
        self.sources: dict[int, Sequence[int]] = {}

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        self.sources.update(zip(slots, sources, strict=True))

    def release(self, slots: Sequence[int]) -> None:
        for slot in slots:
            del self.sources[slot]

    def step(self, request: StepRequest) -> StepResult:
        rows = self.slots * self.beam
        scores = np.full((rows, _B + 1), -np.inf, dtype=np.float32)
        for slot, source in self.sources.items():
            of_slot = scores[slot * self.beam : (slot + 1) * self.beam]
            of_slot[:, source[0]], of_slot[:, source[-1]], of_slot[:, EOS] = np.log([0.8, 0.15, 0.05])
        score_ids = np.take_along_axis(scores, request.score_ids, axis=1)
        scores[request.suppress_rows, request.suppress_tokens] = -np.inf
        ids = np.argsort(-scores, axis=1, kind="stable")[:, : request.candidates]
        return StepResult(np.take_along_axis(scores, ids, axis=1), ids, score_ids)
