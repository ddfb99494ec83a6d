"""An engine of a few lines: the next token's distribution is a fixed random function of the source and the prefix."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from nmt.search.protocol import StepRequest, StepResult

BEGIN, END = 0, 1


class FakeEngine:
    """Rows remember their prefixes, so that wrong parents show at once."""

    def __init__(self, slots: int, beam: int, vocabulary: int = 6, sharpness: float = 1.5) -> None:
        self.slots, self.beam = slots, beam
        self.vocabulary, self.sharpness = vocabulary, sharpness
        self.sources: dict[int, tuple[int, ...]] = {}
        self.prefixes: list[tuple[int, ...]] = [()] * (slots * beam)
        self.steps = 0

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        for slot, source in zip(slots, sources, strict=True):
            assert slot not in self.sources, "admitted into a slot in use"
            self.sources[slot] = tuple(source)
            for row in range(slot * self.beam, (slot + 1) * self.beam):
                self.prefixes[row] = ()

    def release(self, slots: Sequence[int]) -> None:
        for slot in slots:
            del self.sources[slot]

    def log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> np.ndarray:
        """Of each token of the vocabulary after ``prefix``, which starts with the begin of sentence."""
        seed = zlib.crc32(repr((tuple(map(int, source)), tuple(map(int, prefix)))).encode())
        logits = np.random.default_rng(seed).normal(size=self.vocabulary) * self.sharpness
        logits[BEGIN] = -np.inf
        return (logits - np.logaddexp.reduce(logits)).astype(np.float32)

    def step(self, request: StepRequest) -> StepResult:
        self.steps += 1
        rows = self.slots * self.beam
        self.prefixes = [(*self.prefixes[request.parents[r]], int(request.tokens[r])) for r in range(rows)]
        scores = np.full((rows, request.candidates), -np.inf, dtype=np.float32)
        ids = np.full((rows, request.candidates), END, dtype=np.int64)
        asked = np.full(request.asked.shape, -np.inf, dtype=np.float32)
        attention = np.zeros((rows, 8), dtype=np.float32)
        for slot, source in self.sources.items():
            for row in range(slot * self.beam, (slot + 1) * self.beam):
                all_scores = self.log_probabilities(source, self.prefixes[row])
                order = np.argsort(-all_scores, kind="stable")[: request.candidates]
                ids[row, : len(order)], scores[row, : len(order)] = order, all_scores[order]
                asked[row] = all_scores[request.asked[row]]
                attention[row, len(self.prefixes[row]) % 8] = 1.0
        return StepResult(scores, ids, asked, attention if request.attention else None)
