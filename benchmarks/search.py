"""What search costs beside the network: milliseconds a step, with an engine that has its answers ready.

    python benchmarks/search.py

Sentences have 14 tokens and hypotheses end after about as many. The time is that of admitting, stepping and collecting,
without the engine's; of several runs the fastest counts, for a busy machine only ever adds to it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

import numpy as np

from nmt.search.beam_search import DecodingOptions, search_all
from nmt.search.protocol import StepRequest, StepResult

BEGIN, END, VOCABULARY, LENGTH = 0, 1, 8000, 14


class ReadyEngine:
    """Gives results drawn beforehand, from the first one on when sentences are admitted, and counts its steps."""

    def __init__(self, slots: int, beam: int) -> None:
        self.slots, self.beam, self.steps = slots, beam, 0
        random = np.random.default_rng(1)
        rows, candidates = slots * beam, beam + 1
        self._results = []
        for step in range(2 * LENGTH + 16):  # as far as the limit of length
            scores = -np.sort(random.exponential(2.0, size=(rows, candidates)).astype(np.float32))
            ids = random.integers(2, VOCABULARY, size=(rows, candidates))
            asked = random.normal(1.5 * (step - LENGTH) - 3, 2.0, size=(rows, 1)).clip(max=-0.1)
            attention = random.random((rows, LENGTH + 1), dtype=np.float32)
            self._results.append(StepResult(scores, ids, asked.astype(np.float32), attention))

    def admit(
        self, slots: Sequence[int], sources: Sequence[Sequence[int]], constraints: Sequence[Sequence[int]]
    ) -> None:
        """Sentences are all alike."""
        self._ready = iter(self._results)

    def release(self, slots: Sequence[int]) -> None:
        """Nothing is held."""

    def step(self, request: StepRequest) -> StepResult:
        """Rows of slots out of use get candidates too, which search must not mind."""
        self.steps += 1
        return next(self._ready)


def milliseconds(slots: int, beam: int, rounds: int) -> tuple[float, float]:
    """Of a step, and the tokens of an average hypothesis."""
    engine = ReadyEngine(slots, beam)
    sentences = [(number, range(LENGTH)) for number in range(rounds * slots)]
    start = time.perf_counter()
    found = list(search_all(engine, sentences, BEGIN, END, DecodingOptions(), refill=False))
    seconds = time.perf_counter() - start
    return 1000 * seconds / engine.steps, sum(len(best.tokens) for _, [best] in found) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=10)
    arguments = parser.parse_args()
    print(f"{'sentences':>10} {'beam':>5} {'ms a step':>10} {'tokens':>7}")
    for slots in (1, 32, 512):
        runs = [milliseconds(slots, arguments.beam, max(2, 64 // slots)) for _ in range(arguments.repeats)]
        fastest, tokens = min(runs)
        print(f"{slots:>10} {arguments.beam:>5} {fastest:>10.3f} {tokens:>7.1f}")


if __name__ == "__main__":
    main()
