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
_LIMIT_EXTRA = 16  # tokens that even the shortest source may give beyond its share


@dataclass(frozen=True)
class SearchOptions:
    """How one sentence is searched."""

    length_penalty: float = 1.0
    """Exponent alpha of `length_penalty`."""
    length_ratio: float = 2.0
    """Tokens of the longest translation over those of its source: beyond it lies only repetition."""
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
        # Of each slot.
        self._in_use = np.zeros(slots, dtype=bool)
        self._steps = np.zeros(slots, dtype=np.int64)
        self._limits = np.zeros(slots, dtype=np.int64)
        self._alphas = np.zeros(slots, dtype=np.float64)
        self._wanted = np.ones(slots, dtype=np.int64)
        self._attention = np.zeros(slots, dtype=bool)
        # Of each row: the open hypotheses.
        self._sums = np.full((slots, beam), _NEVER, dtype=np.float32)
        self._tokens = np.full((slots, beam), end, dtype=np.int64)
        self._parents = np.tile(np.arange(beam), (slots, 1))
        self._finished = _Finished(slots, beam)
        self._history = _History(slots, beam)

    def free_slots(self) -> list[int]:
        """Slots without a sentence."""
        return np.flatnonzero(~self._in_use).tolist()

    def admit(self, slots: Sequence[int], sources: Sequence[Sequence[int]], options: SearchOptions) -> None:
        """Begin the search for some sentences in free slots."""
        self._engine.admit(slots, sources, [()] * len(slots))
        index = np.array(slots)
        self._in_use[index] = True
        self._steps[index] = 0
        self._limits[index] = [int(options.length_ratio * len(source)) + _LIMIT_EXTRA for source in sources]
        self._alphas[index] = options.length_penalty
        self._wanted[index] = min(options.n_best, self._engine.beam)
        self._attention[index] = options.attention
        self._sums[index] = _NEVER
        self._sums[index, 0] = 0.0  # the rows of a slot start equal: one of them is enough
        self._tokens[index] = self._begin
        self._parents[index] = np.arange(self._engine.beam)
        self._finished.clear(index)
        self._history.make_room(int(self._limits[index].max(initial=0)))

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
        self._history.write(self._steps, self._tokens, self._parents, result.attention)
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
        self._finished.merge(sums, self._steps + 1, self._alphas)

    def _is_done(self) -> Any:
        alphas = self._alphas
        bound = self._sums.max(axis=1) / length_penalty(self._limits, alphas)
        ranks = self._finished.ranks
        last_wanted = ranks[np.arange(len(alphas)), self._wanted - 1]
        full = np.isfinite(ranks).all(axis=1)
        return full | (last_wanted >= bound) | (self._steps >= self._limits)

    def _collect(self, done: Ints) -> list[list[Hypothesis]]:
        """The finished hypotheses of some slots, best first."""
        lengths = self._finished.lengths[done] - 1  # [F, K]
        tokens, sources = self._history.trace(done, lengths, self._finished.ends[done])
        return [
            [
                self._hypothesis(slot, k, tokens[f, k, : lengths[f, k]], sources[f, k, : lengths[f, k]])
                for k in range(self._wanted[slot])
                if np.isfinite(self._finished.ranks[slot, k])
            ]
            for f, slot in enumerate(done.tolist())
        ]

    def _hypothesis(self, slot: int, k: int, tokens: Ints, sources: Ints) -> Hypothesis:
        return Hypothesis(
            tokens=tokens.tolist(),
            score=float(self._finished.sums[slot, k]),
            rank_score=float(self._finished.ranks[slot, k]),
            sources=sources.tolist() if self._history.has_sources and self._attention[slot] else None,
        )


class _Finished:
    """The K best finished hypotheses of each slot, best first; all arrays are [N, K]."""

    def __init__(self, slots: int, beam: int) -> None:
        self.ranks = np.full((slots, beam), -np.inf, dtype=np.float64)
        """Sums over the length penalty; -inf where there is no hypothesis."""
        self.sums = np.full((slots, beam), _NEVER, dtype=np.float32)
        self.lengths = np.zeros((slots, beam), dtype=np.int64)
        """In tokens, end of sentence counted."""
        self.ends = np.zeros((slots, beam), dtype=np.int64)
        """The row that each one left, as rows were before it ended."""

    def clear(self, slots: Ints) -> None:
        """Forget those of some slots."""
        self.ranks[slots] = -np.inf

    def merge(self, sums: Floats, lengths: Ints, alphas: Any) -> None:
        """Take in what ends in this step, from row k of slot n: ``sums`` [N, K], -inf for none; lengths, alphas [N]."""
        ranks = sums / length_penalty(lengths, alphas)[:, None]
        order = np.argsort(-np.concatenate((self.ranks, ranks), axis=1), axis=1, kind="stable")[:, : sums.shape[1]]

        def best(old: Any, new: Any) -> Any:
            both = np.concatenate((old, np.broadcast_to(new, old.shape)), axis=1)
            return np.take_along_axis(both, order, axis=1)

        self.ranks, self.sums = best(self.ranks, ranks), best(self.sums, sums)
        self.lengths = best(self.lengths, lengths[:, None])
        self.ends = best(self.ends, np.arange(sums.shape[1]))


class _History:
    """How the rows came to be; all arrays are [N, L, K]: slot, step, row."""

    def __init__(self, slots: int, beam: int) -> None:
        shape = (slots, _FIRST_ROOM, beam)
        self._tokens = np.zeros(shape, dtype=np.int32)
        self._parents = np.zeros(shape, dtype=np.int32)
        self._sources = np.zeros(shape, dtype=np.int32)
        """What each row attended to most when it proposed; a child finds it at its parent."""
        self.has_sources = False

    def make_room(self, steps: int) -> None:
        """Make L at least ``steps``."""
        room = self._tokens.shape[1]
        if steps > room:
            longer = ((0, 0), (0, max(steps, 2 * room) - room), (0, 0))
            self._tokens = np.pad(self._tokens, longer)
            self._parents = np.pad(self._parents, longer)
            self._sources = np.pad(self._sources, longer)

    def write(self, steps: Ints, tokens: Ints, parents: Ints, attention: Floats | None) -> None:
        """Record step ``steps`` [N]: tokens and parents [N, K] of the new rows, attention [R, S] of the old ones."""
        # A slot out of use may stand at the end of its room: what is written there is never read.
        place = np.arange(len(steps)), np.minimum(steps, self._tokens.shape[1] - 1)
        self._tokens[place] = tokens
        self._parents[place] = parents
        if attention is not None:
            self.has_sources = True
            self._sources[place] = attention.argmax(axis=1).reshape(tokens.shape)

    def trace(self, slots: Ints, lengths: Ints, rows: Ints) -> tuple[Ints, Ints]:
        """Tokens and attended sources [F, K, longest] of those that left ``rows`` [F, K] after ``lengths`` [F, K]."""
        longest = int(lengths.max(initial=0))
        tokens = np.zeros((*rows.shape, longest), dtype=np.int64)
        sources = np.zeros_like(tokens)
        slots = slots[:, None]
        for step in range(longest - 1, -1, -1):
            tokens[:, :, step] = self._tokens[slots, step, rows]
            rows = np.where(step < lengths, self._parents[slots, step, rows], rows)
            sources[:, :, step] = self._sources[slots, step, rows]
        return tokens, sources


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
