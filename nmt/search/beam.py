"""Beam search over slots: sentences enter and leave at any step, and none notices the others.

N slots, K rows a slot, R = N × K, C candidates a row, L steps that the history has room for.

A step has no loop over sentences or hypotheses. Greedy search is a beam of one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nmt.search.protocol import Engine, Floats, Ints, StepRequest, StepResult

_NEVER = np.float32(-np.inf)
_FIRST_ROOM = 64
# The search is limited to a multiple of the source's length: beyond it lies only repetition.
_LIMIT_RATIO, _LIMIT_EXTRA = 2, 16


@dataclass(frozen=True)
class SearchOptions:
    """How one sentence is searched."""

    length_penalty: float = 1.0
    """Exponent alpha of `length_penalty`."""
    n_best: int = 1
    """Hypotheses wanted, at most K."""
    attention: bool = True
    """Whether hypotheses shall know their ``sources``."""


@dataclass(frozen=True)
class Hypothesis:
    """A finished translation."""

    tokens: list[int]
    """Without end of sentence."""
    score: float
    """Sum of the log-probabilities, end of sentence counted."""
    rank_score: float
    """``score`` over the length penalty: what hypotheses are ranked by."""
    sources: list[int] | None
    """For each token, the source piece that it attends to most."""

    @property
    def mean_score(self) -> float:
        """Mean log-probability a token, end of sentence counted."""
        return self.score / (len(self.tokens) + 1)


def length_penalty(length: Any, alpha: Any) -> Any:
    """The penalty of GNMT (Wu et al. 2016, equation 14) for ``length`` tokens, end of sentence counted."""
    return ((5.0 + length) / 6.0) ** alpha


class BeamSearch:
    """A running search: `admit` sentences into free slots, `advance` all by a token, collect those that finish.

    In a step the K best candidates of a slot are looked at: those that end the sentence are finished hypotheses, and
    the K best that don't go on. A sentence is finished when it has K finished hypotheses, or when no open one could
    still overtake the last of the ``n_best`` wanted (an open one's sum can only fall, its penalty only rise to that of
    the length limit), or at the limit.
    """

    def __init__(self, engine: Engine, begin: int, end: int) -> None:
        """``begin`` and ``end`` are the ids of begin and end of sentence."""
        slots, beam = engine.slots, engine.beam
        self._engine, self._begin, self._end = engine, begin, end
        self._in_use = np.zeros(slots, dtype=bool)
        self._steps = np.zeros(slots, dtype=np.int64)
        self._limits = np.zeros(slots, dtype=np.int64)
        self._alphas = np.zeros(slots, dtype=np.float64)
        self._wanted = np.ones(slots, dtype=np.int64)
        self._attention = np.zeros(slots, dtype=bool)
        self._attends = False  # whether the engine's model has an attention to show
        # Open hypotheses.
        self._sums = np.full((slots, beam), _NEVER, dtype=np.float32)
        self._tokens = np.full((slots, beam), end, dtype=np.int64)
        self._parents = np.tile(np.arange(beam), (slots, 1))
        # Finished hypotheses, best first; they end after the row `_ends` of step `_lengths`.
        self._ranks = np.full((slots, beam), -np.inf, dtype=np.float64)
        self._finals = np.full((slots, beam), _NEVER, dtype=np.float32)
        self._lengths = np.zeros((slots, beam), dtype=np.int64)
        self._ends = np.zeros((slots, beam), dtype=np.int64)
        # [slots, L, K]: the token chosen for each row at each step, its parent, and what the parent attended to then.
        self._history = {
            name: np.zeros((slots, _FIRST_ROOM, beam), dtype=np.int32) for name in ("tokens", "parents", "sources")
        }

    def free_slots(self) -> list[int]:
        """Slots without a sentence."""
        return np.flatnonzero(~self._in_use).tolist()

    def admit(self, slots: Sequence[int], sources: Sequence[Sequence[int]], options: SearchOptions) -> None:
        """Begin the search for some sentences in free slots."""
        self._engine.admit(slots, sources, [()] * len(slots))
        index = np.array(slots)
        self._in_use[index] = True
        self._steps[index] = 0
        self._limits[index] = [_LIMIT_RATIO * len(source) + _LIMIT_EXTRA for source in sources]
        self._alphas[index] = options.length_penalty
        self._wanted[index] = min(options.n_best, self._engine.beam)
        self._attention[index] = options.attention
        self._sums[index] = _NEVER
        self._sums[index, 0] = 0.0  # the rows of a slot start equal: one of them is enough
        self._tokens[index] = self._begin
        self._parents[index] = np.arange(self._engine.beam)
        self._ranks[index] = -np.inf
        self._make_room(int(self._limits[index].max(initial=0)))

    def release(self, slots: Sequence[int]) -> None:
        """Give up sentences, finished or not."""
        self._engine.release(slots)
        self._in_use[list(slots)] = False

    def advance(self) -> list[tuple[int, list[Hypothesis]]]:
        """One step for all slots in use; gives the sentences that finish with it, and frees their slots."""
        result = self._engine.step(self._request())
        self._take(result)
        done = np.flatnonzero(self._in_use & self._is_done())
        if not len(done):
            return []
        finished = list(zip(done.tolist(), self._collect(done), strict=True))
        self.release(done.tolist())
        return finished

    def _request(self) -> StepRequest:
        slots, beam = self._sums.shape
        none = np.zeros(0, dtype=np.int64)
        return StepRequest(
            tokens=self._tokens.ravel(),
            parents=(self._parents + np.arange(slots)[:, None] * beam).ravel(),
            candidates=beam + 1,  # at most one of them ends the sentence
            asked=np.full((slots * beam, 1), self._end),
            suppress_rows=none,
            suppress_tokens=none,
            attention=bool(self._attention[self._in_use].any()),
        )

    def _take(self, result: StepResult) -> None:
        """Choose the next rows of every slot, and move finished hypotheses out."""
        slots, beam = self._sums.shape
        candidates = result.ids.shape[1]
        ids = result.ids.reshape(slots, beam * candidates)
        totals = (self._sums[:, :, None] + result.scores.reshape(slots, beam, candidates)).reshape(slots, -1)
        ending = ids == self._end
        # An empty translation is no translation.
        totals[ending & (self._steps == 0)[:, None]] = _NEVER
        order = np.argsort(-totals, axis=1, kind="stable")
        self._finish(totals, ending, order, self._sums + result.asked.reshape(slots, beam))
        # The K best that go on: of the stable order, those that end the sentence sink to the bottom.
        going_on = np.argsort(np.take_along_axis(ending, order, axis=1), axis=1, kind="stable")[:, :beam]
        chosen = np.take_along_axis(order, going_on, axis=1)
        self._sums = np.take_along_axis(totals, chosen, axis=1)
        self._tokens = np.take_along_axis(ids, chosen, axis=1)
        self._parents = chosen // candidates
        self._remember(result)
        self._steps += self._in_use

    def _finish(self, totals: Floats, ending: Any, order: Ints, forced: Floats) -> None:
        """Merge hypotheses that end here into the finished ones; at the limit (``forced`` [N, K]) all end."""
        slots, beam = self._sums.shape
        candidates = totals.shape[1] // beam
        places = np.argsort(order, axis=1)  # the rank of each candidate
        ends_here = ending & (places < beam)
        sums = np.where(ends_here, totals, _NEVER).reshape(slots, beam, candidates).max(axis=2)
        at_limit = self._steps + 1 >= self._limits
        sums = np.where(at_limit[:, None], forced, sums)
        length = (self._steps + 1)[:, None]
        ranks = sums / length_penalty(length, self._alphas[:, None])
        columns = {
            "_ranks": ranks,
            "_finals": sums,
            "_lengths": np.broadcast_to(length, ranks.shape),
            "_ends": np.broadcast_to(np.arange(beam), ranks.shape),
        }
        best = np.argsort(-np.concatenate((self._ranks, ranks), axis=1), axis=1, kind="stable")[:, :beam]
        for name, new in columns.items():
            setattr(
                self,
                name,
                np.take_along_axis(np.concatenate((getattr(self, name), new), axis=1), best, axis=1),
            )

    def _remember(self, result: StepResult) -> None:
        slots, beam = self._sums.shape
        index = np.arange(slots), np.minimum(self._steps, self._history["tokens"].shape[1] - 1)
        self._history["tokens"][index] = self._tokens
        self._history["parents"][index] = self._parents
        if result.attention is not None:
            self._attends = True
            self._history["sources"][index] = result.attention.argmax(axis=1).reshape(slots, beam)

    def _is_done(self) -> Any:
        alphas = self._alphas
        bound = self._sums.max(axis=1) / length_penalty(self._limits, alphas)
        last_wanted = self._ranks[np.arange(len(alphas)), self._wanted - 1]
        full = np.isfinite(self._ranks).all(axis=1)
        return full | (last_wanted >= bound) | (self._steps >= self._limits)

    def _collect(self, done: Ints) -> list[list[Hypothesis]]:
        """The finished hypotheses of some slots, traced back all at once."""
        lengths, rows = self._lengths[done] - 1, self._ends[done].copy()  # [F, K]
        longest = int(lengths.max(initial=0))
        tokens = np.zeros((*rows.shape, longest), dtype=np.int64)
        sources = np.zeros_like(tokens)
        slots = done[:, None]
        for step in range(longest - 1, -1, -1):
            inside = step < lengths
            tokens[:, :, step] = self._history["tokens"][slots, step, rows]
            parents = self._history["parents"][slots, step, rows]
            rows = np.where(inside, parents, rows)
            sources[:, :, step] = self._history["sources"][slots, step, rows]
        return [
            [
                Hypothesis(
                    tokens[f, k, : lengths[f, k]].tolist(),
                    float(self._finals[slot, k]),
                    float(self._ranks[slot, k]),
                    sources[f, k, : lengths[f, k]].tolist() if self._attends and self._attention[slot] else None,
                )
                for k in range(self._wanted[slot])
                if np.isfinite(self._ranks[slot, k])
            ]
            for f, slot in enumerate(done.tolist())
        ]

    def _make_room(self, steps: int) -> None:
        room = self._history["tokens"].shape[1]
        if steps > room:
            more = ((0, 0), (0, max(steps, 2 * room) - room), (0, 0))
            self._history = {name: np.pad(values, more) for name, values in self._history.items()}


def search_all(
    engine: Engine, sources: Iterable[tuple[int, Sequence[int]]], begin: int, end: int, options: SearchOptions
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """Search numbered sentences, refilling slots as they fall free; gives (number, hypotheses) as they finish.

    Sentences of like length keep each other company best: the caller decides the order.
    """
    search = BeamSearch(engine, begin, end)
    waiting = deque(sources)
    numbers: dict[int, int] = {}
    while waiting or numbers:
        free = search.free_slots()
        # Encoding one sentence costs almost as much as encoding several: wait until a quarter of the slots is free.
        if waiting and (len(free) >= -(-engine.slots // 4) or not numbers):
            admitted = [(slot, waiting.popleft()) for slot in free[: len(waiting)]]
            numbers.update((slot, number) for slot, (number, _) in admitted)
            search.admit([slot for slot, _ in admitted], [source for _, (_, source) in admitted], options)
        for slot, hypotheses in search.advance():
            yield numbers.pop(slot), hypotheses
