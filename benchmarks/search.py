"""Overhead of beam search per step, without the network: search runs on an engine with precomputed results.

    python benchmarks/search.py

Sentences have 14 tokens, and hypotheses end after about the same number of steps. The times cover admitting, stepping
and collecting, but not the engine. The fastest of several runs counts: other load on the machine only adds time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from nmt.search.beam_search import decode_sentences
from nmt.search.options import DecodingOptions
from nmt.search.protocol import StepRequest, StepResult

BEGIN, END, VOCABULARY, LENGTH = 0, 1, 8000, 14


class PrecomputedEngine:
    """Engine that returns precomputed random results, from the first one on after each admission, and counts steps."""

    def __init__(self, num_slots: int, beam_size: int) -> None:
        self.num_slots, self.beam_size, self.steps = num_slots, beam_size, 0
        random = np.random.default_rng(1)
        rows, candidates = num_slots * beam_size, beam_size + 1
        self._results = []
        for step in range(2 * LENGTH + 16):  # up to the length limit
            scores = -np.sort(random.exponential(2.0, size=(rows, candidates)).astype(np.float32))
            ids = random.integers(2, VOCABULARY, size=(rows, candidates))
            end_scores = random.normal(1.5 * (step - LENGTH) - 3, 2.0, size=(rows, 1)).clip(max=-0.1)
            attention = random.random((rows, LENGTH + 1), dtype=np.float32)
            self._results.append(StepResult(scores, ids, end_scores.astype(np.float32), attention))

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> None:
        """Restart the precomputed results; all sentences are alike."""
        self._remaining = iter(self._results)

    def release(self, slots: Sequence[int]) -> None:
        """Do nothing: no state is kept."""

    def step(self, request: StepRequest) -> StepResult:
        """Return the next result; rows of empty slots have candidates too, which search must ignore."""
        self.steps += 1
        return next(self._remaining)


def measure(num_slots: int, beam_size: int, rounds: int) -> tuple[float, float]:
    """Return the duration of a step in milliseconds, and the mean length of the hypotheses in tokens."""
    engine = PrecomputedEngine(num_slots, beam_size)
    sentences = [(number, range(LENGTH)) for number in range(rounds * num_slots)]
    start = time.perf_counter()
    hypotheses = list(decode_sentences(engine, sentences, BEGIN, END, DecodingOptions(), refill=False))
    seconds = time.perf_counter() - start
    return 1000 * seconds / engine.steps, sum(len(best.tokens) for _, [best] in hypotheses) / len(hypotheses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    print(f"{'sentences':>10} {'beam':>5} {'ms per step':>12} {'tokens':>7}")
    for slots in (1, 32, 512):
        runs = [measure(slots, arguments.beam, max(2, 64 // slots)) for _ in range(arguments.repeats)]
        fastest, tokens = min(runs)
        print(f"{slots:>10} {arguments.beam:>5} {fastest:>12.3f} {tokens:>7.1f}")


if __name__ == "__main__":
    main()
