"""Beam search over slots: sentences enter and leave at any step, and none notices the others.

N slots, K rows a slot, R = N × K, C candidates a row, H hypotheses.

A step has no loop over sentences or hypotheses, and few calls, for to one sentence a call costs as much as the
arithmetic. Greedy search is a beam of one. The slots whose options ask for more than a beam are steered
by guides.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from nmt.search.coverage import Coverage
from nmt.search.hypotheses import Backpointers, Doubles, Finished, Hypothesis, length_penalty
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine, Floats, Ints, StepRequest
from nmt.search.strategies import make_strategy
from nmt.search.strategy_runner import Flags, StrategyRunner

__all__ = ["BeamSearch", "DecodingOptions", "Hypothesis", "length_penalty", "search_all"]

_NO_END = np.iinfo(np.int64).max
_HOPELESS = np.finfo(np.float64).min  # below every sum but that of a hypothesis which is none


class BeamSearch:
    """A running search: `admit` sentences into free slots, `advance` all by a token, collect those that finish.

    In a step the K best candidates of a slot are looked at: those that end the sentence are finished hypotheses, and
    the K best that don't go on. A sentence is finished when it has K finished hypotheses, or when no open one could
    still overtake the last of the ``n_best`` wanted, or at the limit. That bound is exact: an open hypothesis's sum can
    only fall, its length penalty only rise to that of the limit, and its coverage penalty is 0 at the very best; so
    its rank will never exceed its sum now over the length penalty at the limit.
    """

    def __init__(self, engine: Engine, begin: int, end: int) -> None:
        """``begin`` and ``end`` are the ids of begin and end of sentence."""
        slots, beam = engine.slots, engine.beam
        self._engine, self._begin, self._end = engine, begin, end
        self._clock = 0
        # Of each slot.
        self._free = set(range(slots))
        self._began = np.zeros(slots, dtype=np.int64)  # the clock of its first step
        self._may_end = np.zeros(slots, dtype=np.int64)  # the clock from which on hypotheses may end
        self._must_end = np.full(slots, _NO_END)  # the clock at which all do
        self._alphas = np.zeros(slots)
        self._last_penalties = np.ones(slots)  # the length penalty at the limit
        self._wanted = np.ones(slots, dtype=np.int64)
        self._floors = np.full(slots, -np.inf)  # the sum below which the best open hypothesis is of no more use
        self._attention = np.zeros(slots, dtype=bool)  # whether sources are wanted
        self._covering = np.zeros(slots, dtype=bool)  # whether there is a coverage penalty
        # Of each row: the open hypotheses.
        self._rows = np.arange(slots * beam).reshape(slots, beam)
        self._sums: Doubles = np.full((slots, beam), -np.inf)
        self._tokens = np.full((slots, beam), end, dtype=np.int64)
        self._parents = self._rows.copy()
        self._finished = Finished(slots, beam)
        self._history = Backpointers(slots * beam)
        self._coverage = Coverage(slots, beam)
        self._steering = StrategyRunner(slots, beam, end)
        # What every plain request holds.
        self._asked = np.full((slots * beam, 1), end)
        self._none = np.zeros(0, dtype=np.int64)

    def free_slots(self) -> list[int]:
        """Slots without a sentence."""
        return sorted(self._free)

    def admit(self, slots: Sequence[int], sources: Sequence[Sequence[int]], options: DecodingOptions) -> None:
        """Begin the search for some sentences in free slots."""
        index = np.array(slots)
        fewest, most = np.array([options.limits(len(source)) for source in sources]).T
        guides = [
            make_strategy(options, self._engine.beam, self._end, least, source)
            for least, source in zip(fewest.tolist(), sources, strict=True)
        ]
        self._engine.admit(slots, sources, [guide.reachable if guide else () for guide in guides])
        self._free.difference_update(slots)
        self._began[index] = self._clock
        self._may_end[index] = self._clock + fewest
        self._must_end[index] = self._clock + most - 1
        self._alphas[index] = options.length_penalty
        self._last_penalties[index] = length_penalty(most, options.length_penalty)
        self._wanted[index] = min(options.num_hypotheses, self._engine.beam)
        self._floors[index] = _HOPELESS
        self._attention[index] = options.return_attention
        self._covering[index] = options.coverage_penalty > 0
        if options.coverage_penalty > 0:
            self._coverage.admit(slots, [len(source) for source in sources], options.coverage_penalty)
        self._sums[index, 0] = 0.0  # the rows of a slot start equal: one of them is enough
        self._tokens[index] = self._begin
        self._parents[index] = self._rows[index]
        self._finished.clear(index)
        for slot, guide in zip(slots, guides, strict=True):
            if guide:
                self._steering.guides[slot] = guide
                self._sums[slot, guide.first_rows] = 0.0
                self._wanted[slot] = guide.wanted
        self._history.make_room(int(most.max()), self._clock)
        self._plan()

    def release(self, slots: Sequence[int]) -> None:
        """Give up sentences, finished or not."""
        self._engine.release(slots)
        index = list(slots)
        self._steering.release(slots)
        self._free.update(slots)
        self._must_end[index] = _NO_END
        self._floors[index] = -np.inf
        self._attention[index] = self._covering[index] = False
        self._sums[index] = -np.inf
        self._plan()

    def _plan(self) -> None:
        """Work out what holds until sentences come or go."""
        self._next_limit = int(self._must_end.min())
        self._last_wanted = self._rows[:, 0] + self._wanted - 1
        self._wants_coverage = bool(self._covering.any())
        self._wants_attention = self._wants_coverage or bool(self._attention.any())

    def advance(self) -> list[tuple[int, list[Hypothesis]]]:
        """One step for all slots in use; gives the sentences that finish with it, and frees their slots."""
        result = self._engine.step(self._request())
        if self._wants_coverage and result.attention is not None:
            self._coverage.add(result.attention)
        forced: Doubles = result.id_scores[:, 0].reshape(self._sums.shape) + self._sums
        totals: Doubles = result.scores + self._sums.reshape(-1, 1)
        np.putmask(totals, result.ids == self._end, -np.inf)
        ids, ends = result.ids, forced
        if self._steering.guides:
            at_limit = self._must_end <= self._clock
            ids, ends = self._steering.choose(result, self._sums, totals, forced, at_limit)
        self._go_on(totals, ids, result.attention)
        ending = ends > self._sums[:, -1:]  # the others are certainly not among the K best
        if self._steering.guides:
            ending |= self._steering.decided[:, None] & (ends > -np.inf)
            self._steering.follow(self._parents, self._tokens)
        if self._clock >= self._next_limit or np.count_nonzero(ending):
            self._finish(ends, ending)
        done = self._sums[:, 0] < self._floors
        finished = self._collect(np.flatnonzero(done), forced) if np.count_nonzero(done) else []
        if self._wants_coverage:
            self._coverage.follow(self._parents)
        self._clock += 1
        if finished:
            self.release([slot for slot, _ in finished])
        return finished

    def _request(self) -> StepRequest:
        request = StepRequest(
            tokens=self._tokens.ravel(),
            parents=self._parents.ravel(),
            candidates=self._engine.beam + 1,  # at most one of them ends the sentence
            score_ids=self._asked,
            suppress_rows=self._none,
            suppress_tokens=self._none,
            attention=self._wants_attention,
        )
        return self._steering.extend(request) if self._steering.guides else request

    def _go_on(self, totals: Doubles, ids: Ints, attention: Floats | None) -> None:
        """The K best of every slot's totals [R, C] with ids [R, C] become its rows, best first."""
        slots, beam = self._sums.shape
        candidates = totals.shape[1]
        # Stable, so that ties are resolved alike whatever the company.
        order = totals.reshape(slots, -1).argsort(axis=1, kind="stable")[:, : -beam - 1 : -1]
        chosen = order + self._rows[:, :1] * candidates
        self._sums = totals.take(chosen)
        self._tokens = ids.take(chosen)
        self._parents = chosen // candidates
        self._history.write(self._clock, self._tokens.ravel(), self._parents.ravel(), self._sums.ravel(), attention)

    def _finish(self, ends: Doubles, ending: Flags) -> None:
        """Move finished hypotheses out: of the sums with an end of sentence [N, K], those among the K best.

        Where a guide has decided, all; and at the limit.
        """
        beam = ends.shape[1]
        at_limit = self._must_end <= self._clock
        both = np.concatenate((self._sums, ends), axis=1)
        both.sort(axis=1)
        among_best = (ends >= both[:, beam, None]) & (self._may_end <= self._clock)[:, None]
        accepted = among_best | (at_limit | self._steering.decided)[:, None]
        accepted &= (np.logical_or.reduce(ending, axis=1) | at_limit)[:, None]
        # To work on all slots costs less than to pick out some.
        self._merge(np.where(accepted, ends, -np.inf))
        ranks = self._finished.ranks
        bounds = np.maximum(ranks.take(self._last_wanted) * self._last_penalties, _HOPELESS)
        full = at_limit | (ranks[:, -1] > -np.inf)
        self._floors = np.where(self._must_end == _NO_END, -np.inf, np.where(full, np.inf, bounds))

    def _merge(self, sums: Doubles) -> None:
        """Take finished hypotheses with sums [N, K] in; -inf where nothing ends."""
        penalties = length_penalty(self._clock - self._began + 1, self._alphas)
        ranks = sums / penalties[:, None]
        if self._wants_coverage and self._history.has_sources:
            ranks[self._covering] += self._coverage.penalties(np.flatnonzero(self._covering))
        self._finished.merge(ranks, sums, self._rows + self._clock * self._rows.size)

    def _collect(self, done: Ints, ends: Doubles) -> list[tuple[int, list[Hypothesis]]]:
        """The finished hypotheses of some slots, best first."""
        stuck = done[self._finished.ranks[done, 0] == -np.inf]
        if len(stuck):  # nothing may go on and nothing has ended: what there is must do
            self._merge(np.where(np.isin(np.arange(len(ends)), stuck)[:, None], ends, -np.inf))
        ranks = self._finished.ranks[done]
        which, k = np.nonzero((np.arange(ranks.shape[1]) < self._wanted[done, None]) & (ranks > -np.inf))
        slots = done[which]
        found: dict[int, list[Hypothesis]] = {slot: [] for slot in done.tolist()}
        for slot, hypothesis in zip(slots.tolist(), self._read(slots, k), strict=True):
            found[slot].append(hypothesis)
        for slot, guide in self._steering.guides.items():
            if slot in found:
                found[slot] = guide.select(found[slot])
        return list(found.items())

    def _read(self, slots: Ints, k: Ints) -> Iterator[Hypothesis]:
        """The k-th best [H] of slots [H]."""
        clocks, rows = np.divmod(self._finished.places[slots, k], self._rows.size)
        lengths = clocks - self._began[slots]
        trail = self._history.trace(clocks, rows, int(lengths.max(initial=0)))
        sums, ranks = self._finished.sums[slots, k].tolist(), self._finished.ranks[slots, k].tolist()
        for h, words in enumerate(lengths.tolist()):
            backwards = slice(words - 1, None, -1) if words else slice(0)
            running = [0.0, *trail.sums[backwards, h].tolist(), sums[h]]
            with_sources = self._history.has_sources and self._attention[slots[h]]
            yield Hypothesis(
                tokens=trail.tokens[backwards, h].tolist(),
                score=sums[h],
                rank_score=ranks[h],
                token_scores=[after - before for before, after in pairwise(running)],
                sources=trail.sources[backwards, h].tolist() if with_sources else None,
            )


def search_all(
    engine: Engine,
    sources: Iterable[tuple[int, Sequence[int]]],
    begin: int,
    end: int,
    options: DecodingOptions,
    *,
    refill: bool = True,
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """Search numbered sentences; gives (number, hypotheses) as they finish.

    Slots are refilled as they fall free; without ``refill``, once all are. Sentences of like length keep each other
    company best: the caller decides the order.
    """
    search = BeamSearch(engine, begin, end)
    waiting = deque(sources)
    numbers: dict[int, int] = {}
    # Encoding one sentence costs almost as much as encoding several: wait until a quarter of the slots is free.
    enough = -(-engine.slots // 4) if refill else engine.slots
    while waiting or numbers:
        if waiting and engine.slots - len(numbers) >= enough:
            admitted = [(slot, waiting.popleft()) for slot in search.free_slots()[: len(waiting)]]
            numbers.update((slot, number) for slot, (number, _) in admitted)
            search.admit([slot for slot, _ in admitted], [source for _, (_, source) in admitted], options)
        for slot, hypotheses in search.advance():
            yield numbers.pop(slot), hypotheses
