"""A fake engine whose model degenerates into repetition."""

from collections.abc import Sequence

import numpy as np

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.search.protocol import StepRequest, StepResult

_VOCABULARY_SIZE = FIRST_TEXT_ID + 2


class RepeatingEngine:
    """Engine giving the first source token probability 0.8, the last 0.15 and end of sentence 0.05 at each step."""

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
        scores = np.full((rows, _VOCABULARY_SIZE), -np.inf, dtype=np.float32)
        for slot, source in self.sources.items():
            slot_scores = scores[slot * self.beam : (slot + 1) * self.beam]
            slot_scores[:, source[0]], slot_scores[:, source[-1]], slot_scores[:, EOS] = np.log([0.8, 0.15, 0.05])
        id_scores = np.take_along_axis(scores, request.score_ids, axis=1)
        scores[request.suppress_rows, request.suppress_tokens] = -np.inf
        ids = np.argsort(-scores, axis=1, kind="stable")[:, : request.candidates]
        return StepResult(np.take_along_axis(scores, ids, axis=1), ids, id_scores)
