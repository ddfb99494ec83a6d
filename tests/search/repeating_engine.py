"""A fake engine whose model degenerates into repetition."""

from collections.abc import Sequence

import numpy as np

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.search.protocol import StepRequest, StepResult

_VOCABULARY_SIZE = FIRST_TEXT_ID + 2


class RepeatingEngine:
    """Engine giving the first source token probability 0.8, the last 0.15 and end of sentence 0.05 at each step."""

    def __init__(self, num_slots: int, beam_size: int) -> None:
        self.num_slots, self.beam_size = num_slots, beam_size
        self.sources: dict[int, Sequence[int]] = {}

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        self.sources.update(zip(slots, sources, strict=True))

    def release(self, slots: Sequence[int]) -> None:
        for slot in slots:
            del self.sources[slot]

    def step(self, request: StepRequest) -> StepResult:
        rows = self.num_slots * self.beam_size
        scores = np.full((rows, _VOCABULARY_SIZE), -np.inf, dtype=np.float32)
        for slot, source in self.sources.items():
            slot_scores = scores[slot * self.beam_size : (slot + 1) * self.beam_size]
            slot_scores[:, source[0]], slot_scores[:, source[-1]], slot_scores[:, EOS] = np.log([0.8, 0.15, 0.05])
        id_scores = np.take_along_axis(scores, request.score_ids, axis=1)
        scores[request.suppress_rows, request.suppress_tokens] = -np.inf
        ids = np.argsort(-scores, axis=1, kind="stable")[:, : request.num_candidates]
        return StepResult(np.take_along_axis(scores, ids, axis=1), ids, id_scores)
