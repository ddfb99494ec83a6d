"""Forced decoding, which computes the log-probabilities that a model assigns to given translations.

Array shapes: N slots of one row each, S source length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from nmt.search.protocol import Engine, StepRequest

_NO_IDS = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class ForcedScore:
    """Log-probabilities that a model assigns to a given translation."""

    token_scores: list[float]
    """Log-probability of each token given the tokens before it; end of sentence is last."""
    source_positions: list[int] | None
    """Source token to which each target token, except end of sentence, attends most; None without attention."""

    @property
    def score(self) -> float:
        """Log-probability of the whole translation."""
        return sum(self.token_scores)


@dataclass
class _RunningPair:
    """A sentence pair that is being scored in a slot."""

    number: int
    target: list[int]
    """Token ids of the translation, with end of sentence."""
    scores: list[float] = field(default_factory=list)
    source_positions: list[int] = field(default_factory=list)


def score_pairs(
    engine: Engine,
    pairs: Iterable[tuple[int, Sequence[int], Sequence[int]]],
    bos_id: int,
    eos_id: int,
    return_attention: bool = False,
) -> Iterator[tuple[int, ForcedScore]]:
    """Score sentence pairs, and yield ``(number, score)`` for each pair as soon as it is finished.

    Args:
        engine: Engine with a beam size of 1 and free slots only.
        pairs: Number, source token ids and target token ids of each pair.
        bos_id: Id of begin of sentence.
        eos_id: Id of end of sentence.
        return_attention: Whether the scores include ``source_positions``.
    """
    if engine.beam_size != 1:
        raise ValueError(f"engine: forced decoding needs a beam of 1, not {engine.beam_size}; create another engine")
    waiting = deque(pairs)
    running: dict[int, _RunningPair] = {}
    tokens = np.full(engine.num_slots, eos_id, dtype=np.int64)
    score_ids = np.full((engine.num_slots, 1), eos_id, dtype=np.int64)
    while waiting or running:
        free = [slot for slot in range(engine.num_slots) if slot not in running]
        if waiting and (len(free) >= -(-engine.num_slots // 4) or not running):
            admitted = [(slot, waiting.popleft()) for slot in free[: len(waiting)]]
            targets = [list(target) for _, (_, _, target) in admitted]
            engine.admit([slot for slot, _ in admitted], [source for _, (_, source, _) in admitted], targets)
            for (slot, (number, _, _)), target in zip(admitted, targets, strict=True):
                running[slot] = _RunningPair(number, [*target, eos_id])
                tokens[slot] = bos_id
        for slot, pair in running.items():
            score_ids[slot] = pair.target[len(pair.scores)]
        result = engine.step(
            StepRequest(
                tokens, np.arange(engine.num_slots), 1, score_ids, _NO_IDS, _NO_IDS, return_attention=return_attention
            )
        )
        attended = None if result.attention is None else result.attention.argmax(axis=1)
        finished = []
        for slot, pair in running.items():
            pair.scores.append(float(result.id_scores[slot, 0]))
            if attended is not None:
                pair.source_positions.append(int(attended[slot]))
            tokens[slot] = score_ids[slot, 0]
            if len(pair.scores) == len(pair.target):
                finished.append(slot)
        for slot in finished:
            pair = running.pop(slot)
            yield pair.number, ForcedScore(pair.scores, None if attended is None else pair.source_positions[:-1])
        if finished:
            engine.release(finished)
