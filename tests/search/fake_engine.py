"""A fake engine whose next-token distribution is a fixed random function of the source and the prefix."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from nmt.search.protocol import StepRequest, StepResult

BEGIN, END = 0, 1
WIDTH = 8  # source positions of the attention


class FakeEngine:
    """Engine without a network; each row stores its prefix, so a wrong parent changes the scores."""

    def __init__(self, num_slots: int, beam_size: int, vocabulary: int = 6, sharpness: float = 1.5) -> None:
        self.num_slots, self.beam_size = num_slots, beam_size
        self.vocabulary, self.sharpness = vocabulary, sharpness
        self.sources: dict[int, tuple[int, ...]] = {}
        self.required_ids: list[tuple[int, ...]] = []
        self.prefixes: list[tuple[int, ...]] = [()] * (num_slots * beam_size)
        self.steps = 0

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        self.required_ids += [tuple(tokens) for tokens in required_ids]
        for slot, source in zip(slots, sources, strict=True):
            assert slot not in self.sources, "admitted into an occupied slot"
            self.sources[slot] = tuple(source)
            for row in range(slot * self.beam_size, (slot + 1) * self.beam_size):
                self.prefixes[row] = ()

    def release(self, slots: Sequence[int]) -> None:
        for slot in slots:
            del self.sources[slot]

    def log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> np.ndarray:
        """Return the log-probability of each next token after a prefix that starts with begin of sentence."""
        logits = _random_generator(source, prefix).normal(size=self.vocabulary) * self.sharpness
        logits[BEGIN] = -np.inf
        return (logits - np.logaddexp.reduce(logits)).astype(np.float32)

    def attention(self, source: Sequence[int], prefix: Sequence[int]) -> np.ndarray:
        """Return the attention weights of the step that proposes the token after a prefix."""
        weights = _random_generator(source, prefix).random(WIDTH) ** 4
        return (weights / weights.sum()).astype(np.float32)

    def step(self, request: StepRequest) -> StepResult:
        self.steps += 1
        rows = self.num_slots * self.beam_size
        self.prefixes = [(*self.prefixes[request.parents[r]], int(request.tokens[r])) for r in range(rows)]
        scores = np.full((rows, request.num_candidates), -np.inf, dtype=np.float32)
        ids = np.full((rows, request.num_candidates), END, dtype=np.int64)
        id_scores = np.full(request.score_ids.shape, -np.inf, dtype=np.float32)
        attention = np.zeros((rows, WIDTH), dtype=np.float32)
        for slot, source in self.sources.items():
            for row in range(slot * self.beam_size, (slot + 1) * self.beam_size):
                all_scores = self.log_probabilities(source, self.prefixes[row])
                id_scores[row] = all_scores[request.score_ids[row]]
                attention[row] = self.attention(source, self.prefixes[row])
                all_scores[request.suppress_tokens[request.suppress_rows == row]] = -np.inf
                order = _ordered_candidates(all_scores, row, request)[: request.num_candidates]
                ids[row, : len(order)], scores[row, : len(order)] = order, all_scores[order]
        return StepResult(scores, ids, id_scores, attention if request.return_attention else None)


def _ordered_candidates(scores: np.ndarray, row: int, request: StepRequest) -> np.ndarray:
    """Return the possible tokens of a row, best first or in the order drawn."""
    best_first = np.argsort(-scores, kind="stable")
    best_first = best_first[np.isfinite(scores[best_first])]
    if request.temperature is None or request.temperature[row] == 0:
        return best_first
    assert request.seeds is not None
    assert request.top_k is not None
    assert request.top_p is not None
    kept = best_first[: request.top_k[row] or None]
    tempered = scores[kept] / request.temperature[row]
    before = np.cumsum(np.exp(tempered - np.logaddexp.reduce(tempered)))
    kept = kept[np.concatenate(([True], before[:-1] < request.top_p[row]))[: len(kept)]]
    noise = np.random.default_rng(int(request.seeds[row])).gumbel(size=len(scores)) * request.temperature[row]
    return kept[np.argsort(-(scores + noise)[kept], kind="stable")]


def _random_generator(source: Sequence[int], prefix: Sequence[int]) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr((tuple(map(int, source)), tuple(map(int, prefix)))).encode()))
