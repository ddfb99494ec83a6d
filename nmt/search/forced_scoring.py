"""ForcedScore decoding: what a model thinks of a translation that somebody else made.

N slots of one row each, S source length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from nmt.search.protocol import Engine, StepRequest

_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class ForcedScore:
    """A given target under the model."""

    token_scores: list[float]
    """Log-probability of each token after the ones before it; end of sentence last."""
    sources: list[int] | None
    """For each token, the source piece that it attends to most; None for a model without attention."""

    @property
    def score(self) -> float:
        """Log-probability of the whole target."""
        return sum(self.token_scores)


@dataclass
class _Pair:
    number: int
    target: list[int]
    """With end of sentence."""
    scores: list[float]
    sources: list[int]


def score_all(
    engine: Engine,
    pairs: Iterable[tuple[int, Sequence[int], Sequence[int]]],
    begin: int,
    end: int,
    attention: bool = False,
) -> Iterator[tuple[int, ForcedScore]]:
    """Score numbered pairs (number, source, target) with an engine of one row a slot."""
    if engine.beam != 1:
        raise ValueError(f"a given target is one hypothesis: it needs an engine with a beam of 1, not {engine.beam}")
    waiting = deque(pairs)
    running: dict[int, _Pair] = {}
    tokens = np.full(engine.slots, end, dtype=np.int64)
    score_ids = np.full((engine.slots, 1), end, dtype=np.int64)
    while waiting or running:
        free = [slot for slot in range(engine.slots) if slot not in running]
        if waiting and (len(free) >= -(-engine.slots // 4) or not running):
            admitted = [(slot, waiting.popleft()) for slot in free[: len(waiting)]]
            targets = [list(target) for _, (_, _, target) in admitted]
            engine.admit([slot for slot, _ in admitted], [source for _, (_, source, _) in admitted], targets)
            for (slot, (number, _, _)), target in zip(admitted, targets, strict=True):
                running[slot] = _Pair(number, [*target, end], [], [])
                tokens[slot] = begin
        for slot, pair in running.items():
            score_ids[slot] = pair.target[len(pair.scores)]
        result = engine.step(
            StepRequest(tokens, np.arange(engine.slots), 1, score_ids, _NONE, _NONE, attention=attention)
        )
        attended = None if result.attention is None else result.attention.argmax(axis=1)
        finished = []
        for slot, pair in running.items():
            pair.scores.append(float(result.id_scores[slot, 0]))
            if attended is not None:
                pair.sources.append(int(attended[slot]))
            tokens[slot] = score_ids[slot, 0]
            if len(pair.scores) == len(pair.target):
                finished.append(slot)
        for slot in finished:
            pair = running.pop(slot)
            yield pair.number, ForcedScore(pair.scores, pair.sources[:-1] if attended is not None else None)
        if finished:
            engine.release(finished)
