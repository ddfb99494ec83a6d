"""Beam search over slots, with early stopping, length penalty and coverage penalty.

A slot holds one sentence, and each of its rows one open hypothesis. Sentences enter and leave slots at any step
(continuous batching), and the result of a sentence does not depend on the others. Greedy search is a beam of 1.
Options that plain beam search cannot express are handled by `nmt.search.strategies`.

Array shapes: N slots, K rows per slot (the beam size), R = N × K rows, C candidates per row, S source length,
H hypotheses.

A step is vectorised over all slots and uses few NumPy calls: for a single sentence, the overhead of a call costs as
much as its arithmetic.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from nmt.search.coverage import Coverage
from nmt.search.hypotheses import Backpointers, FinishedHypotheses, Hypothesis, length_penalty
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine, StepRequest
from nmt.search.strategies import make_strategy
from nmt.search.strategies.runner import StrategyRunner
from nmt.utils.arrays import BoolArray, Float32Array, Float64Array, Int64Array

__all__ = ["BeamSearch", "DecodingOptions", "Hypothesis", "decode_sentences", "length_penalty"]

_NO_LIMIT = np.iinfo(np.int64).max
_LOWEST = np.finfo(np.float64).min  # below the score of every open hypothesis, above the -inf of unused rows


class BeamSearch:
    """Beam search on an engine: `admit` sentences to free slots, then `advance` all sentences by one token at a time.

    In each step, the K best candidates of a slot are examined. Those that end the sentence become finished
    hypotheses, and the K best of the others become the new rows. A sentence is finished when it has K finished
    hypotheses, when no open hypothesis can still outrank the last of the ``num_hypotheses`` to return, or when it
    reaches its length limit.

    Stopping early is exact: the score of an open hypothesis can only fall, its length penalty can only rise to the
    value at the length limit, and its coverage penalty is at best 0. Its rank score therefore never exceeds its
    current score divided by the length penalty at the limit.
    """

    def __init__(self, engine: Engine, begin: int, end: int) -> None:
        """Create a search; ``begin`` and ``end`` are the ids of begin and end of sentence."""
        slots, beam_size = engine.num_slots, engine.beam_size
        self._engine, self._begin, self._end = engine, begin, end
        self._step = 0
        # State of each slot, [N]
        self._free = set(range(slots))
        self._first_step = np.zeros(slots, dtype=np.int64)
        self._earliest_end = np.zeros(slots, dtype=np.int64)  # step from which hypotheses may end
        self._limit = np.full(slots, _NO_LIMIT)  # step in which all hypotheses must end
        self._alphas = np.zeros(slots)
        self._limit_penalties = np.ones(slots)  # length penalty at the length limit
        self._num_hypotheses = np.ones(slots, dtype=np.int64)
        self._score_bounds = np.full(slots, -np.inf)  # the sentence is finished once its best open score is lower
        self._returns_attention = np.zeros(slots, dtype=bool)
        self._has_coverage = np.zeros(slots, dtype=bool)
        # Open hypotheses, [N, K]
        self._rows = np.arange(slots * beam_size).reshape(slots, beam_size)
        self._scores: Float64Array = np.full((slots, beam_size), -np.inf)
        self._tokens = np.full((slots, beam_size), end, dtype=np.int64)
        self._parents = self._rows.copy()
        self._finished = FinishedHypotheses(slots, beam_size)
        self._backpointers = Backpointers(slots * beam_size)
        self._coverage = Coverage(slots, beam_size)
        self._strategies = StrategyRunner(slots, beam_size, end)
        # Constant parts of the step requests
        self._end_ids = np.full((slots * beam_size, 1), end)
        self._no_ids = np.zeros(0, dtype=np.int64)

    def free_slots(self) -> list[int]:
        """Return the slots without a sentence, in ascending order."""
        return sorted(self._free)

    def admit(self, slots: Sequence[int], sources: Sequence[Sequence[int]], options: DecodingOptions) -> None:
        """Start decoding sentences, given as token ids, in free slots."""
        index = np.array(slots)
        min_lengths, max_lengths = np.array([options.length_limits(len(source)) for source in sources]).T
        strategies = [
            make_strategy(options, self._engine.beam_size, self._end, min_length, source)
            for min_length, source in zip(min_lengths.tolist(), sources, strict=True)
        ]
        self._engine.admit(slots, sources, [strategy.required_ids if strategy else () for strategy in strategies])
        self._free.difference_update(slots)
        self._first_step[index] = self._step
        self._earliest_end[index] = self._step + min_lengths
        self._limit[index] = self._step + max_lengths - 1
        self._alphas[index] = options.length_penalty
        self._limit_penalties[index] = length_penalty(max_lengths, options.length_penalty)
        self._num_hypotheses[index] = min(options.num_hypotheses, self._engine.beam_size)
        self._score_bounds[index] = _LOWEST
        self._returns_attention[index] = options.return_attention
        self._has_coverage[index] = options.coverage_penalty > 0
        if options.coverage_penalty > 0:
            self._coverage.admit(slots, [len(source) for source in sources], options.coverage_penalty)
        self._scores[index, 0] = 0.0  # all rows of a slot start from the same state, so one suffices
        self._tokens[index] = self._begin
        self._parents[index] = self._rows[index]
        self._finished.clear(index)
        for slot, strategy in zip(slots, strategies, strict=True):
            if strategy:
                self._strategies.by_slot[slot] = strategy
                self._scores[slot, strategy.initial_rows] = 0.0
                self._num_hypotheses[slot] = strategy.max_finished
        self._backpointers.reserve(int(max_lengths.max()), self._step)
        self._update_batch_state()

    def release(self, slots: Sequence[int]) -> None:
        """Empty slots, whether or not their sentences have finished."""
        self._engine.release(slots)
        index = list(slots)
        self._strategies.release(slots)
        self._free.update(slots)
        self._limit[index] = _NO_LIMIT
        self._score_bounds[index] = -np.inf
        self._returns_attention[index] = self._has_coverage[index] = False
        self._scores[index] = -np.inf
        self._update_batch_state()

    def _update_batch_state(self) -> None:
        """Recompute the values that depend on which sentences are in the slots."""
        self._next_limit = int(self._limit.min())
        self._last_returned = self._rows[:, 0] + self._num_hypotheses - 1
        self._any_coverage = bool(self._has_coverage.any())
        self._needs_attention = self._any_coverage or bool(self._returns_attention.any())

    def advance(self) -> list[tuple[int, list[Hypothesis]]]:
        """Advance all sentences by one token; free the slots of those that finish.

        Return the slots of the finished sentences with their hypotheses, best first.
        """
        result = self._engine.step(self._request())
        if self._any_coverage and result.attention is not None:
            self._coverage.add(result.attention)
        end_scores: Float64Array = result.id_scores[:, 0].reshape(self._scores.shape) + self._scores
        totals: Float64Array = result.scores + self._scores.reshape(-1, 1)
        np.putmask(totals, result.ids == self._end, -np.inf)
        ids, ends = result.ids, end_scores
        if self._strategies.by_slot:
            at_limit = self._limit <= self._step
            ids, ends = self._strategies.select(result, self._scores, totals, end_scores, at_limit)
        self._select_rows(totals, ids, result.attention)
        ending = ends > self._scores[:, -1:]  # the others cannot be among the K best
        if self._strategies.by_slot:
            ending |= self._strategies.selected[:, None] & (ends > -np.inf)
            self._strategies.update(self._parents, self._tokens)
        if self._step >= self._next_limit or np.count_nonzero(ending):
            self._finish(ends, ending)
        done = self._scores[:, 0] < self._score_bounds
        finished = self._collect(np.flatnonzero(done), end_scores) if np.count_nonzero(done) else []
        if self._any_coverage:
            self._coverage.reorder(self._parents)
        self._step += 1
        if finished:
            self.release([slot for slot, _ in finished])
        return finished

    def _request(self) -> StepRequest:
        request = StepRequest(
            tokens=self._tokens.ravel(),
            parents=self._parents.ravel(),
            num_candidates=self._engine.beam_size + 1,  # at most one of them ends the sentence
            score_ids=self._end_ids,
            suppress_rows=self._no_ids,
            suppress_tokens=self._no_ids,
            return_attention=self._needs_attention,
        )
        return self._strategies.extend_request(request) if self._strategies.by_slot else request

    def _select_rows(self, totals: Float64Array, ids: Int64Array, attention: Float32Array | None) -> None:
        """Make the K best candidates of each slot its new rows, best first, given scores and ids [R, C]."""
        slots, beam_size = self._scores.shape
        candidates = totals.shape[1]
        # A stable sort breaks ties independently of the other sentences.
        order = totals.reshape(slots, -1).argsort(axis=1, kind="stable")[:, : -beam_size - 1 : -1]
        chosen = order + self._rows[:, :1] * candidates
        self._scores = totals.take(chosen)
        self._tokens = ids.take(chosen)
        self._parents = chosen // candidates
        self._backpointers.write(
            self._step, self._tokens.ravel(), self._parents.ravel(), self._scores.ravel(), attention
        )

    def _finish(self, ends: Float64Array, ending: BoolArray) -> None:
        """Store the hypotheses that end in this step, and update the score bounds.

        Given are the scores with end of sentence [N, K], and a mask [N, K] of those that may be among the K best. A
        hypothesis is stored if it is among the K best, if a strategy has selected it, or at the length limit.
        """
        beam_size = ends.shape[1]
        at_limit = self._limit <= self._step
        both = np.concatenate((self._scores, ends), axis=1)
        both.sort(axis=1)
        among_best = (ends >= both[:, beam_size, None]) & (self._earliest_end <= self._step)[:, None]
        accepted = among_best | (at_limit | self._strategies.selected)[:, None]
        accepted &= (np.logical_or.reduce(ending, axis=1) | at_limit)[:, None]
        # Processing all slots is cheaper than indexing some of them.
        self._merge(np.where(accepted, ends, -np.inf))
        rank_scores = self._finished.rank_scores
        bounds = np.maximum(rank_scores.take(self._last_returned) * self._limit_penalties, _LOWEST)
        full = at_limit | (rank_scores[:, -1] > -np.inf)
        self._score_bounds = np.where(self._limit == _NO_LIMIT, -np.inf, np.where(full, np.inf, bounds))

    def _merge(self, scores: Float64Array) -> None:
        """Add hypotheses that end in this step, given their scores [N, K]; -inf adds none."""
        penalties = length_penalty(self._step - self._first_step + 1, self._alphas)
        rank_scores = scores / penalties[:, None]
        if self._any_coverage and self._backpointers.has_attention:
            rank_scores[self._has_coverage] += self._coverage.penalties(np.flatnonzero(self._has_coverage))
        self._finished.merge(rank_scores, scores, self._rows + self._step * self._rows.size)

    def _collect(self, done: Int64Array, end_scores: Float64Array) -> list[tuple[int, list[Hypothesis]]]:
        """Return some slots with their finished hypotheses, best first."""
        stuck = done[self._finished.rank_scores[done, 0] == -np.inf]
        if len(stuck):  # no candidate is left and none has finished: end the open hypotheses
            self._merge(np.where(np.isin(np.arange(len(end_scores)), stuck)[:, None], end_scores, -np.inf))
        rank_scores = self._finished.rank_scores[done]
        returned = np.arange(rank_scores.shape[1]) < self._num_hypotheses[done, None]
        which, ranks = np.nonzero(returned & (rank_scores > -np.inf))
        slots = done[which]
        found: dict[int, list[Hypothesis]] = {slot: [] for slot in done.tolist()}
        for slot, hypothesis in zip(slots.tolist(), self._read(slots, ranks), strict=True):
            found[slot].append(hypothesis)
        for slot, strategy in self._strategies.by_slot.items():
            if slot in found:
                found[slot] = strategy.select_finished(found[slot])
        return list(found.items())

    def _read(self, slots: Int64Array, ranks: Int64Array) -> Iterator[Hypothesis]:
        """Yield the finished hypotheses of given slots [H] and ranks [H]."""
        steps, rows = np.divmod(self._finished.backpointers[slots, ranks], self._rows.size)
        lengths = steps - self._first_step[slots]
        paths = self._backpointers.trace(steps, rows, int(lengths.max(initial=0)))
        scores = self._finished.scores[slots, ranks].tolist()
        rank_scores = self._finished.rank_scores[slots, ranks].tolist()
        for h, length in enumerate(lengths.tolist()):
            backwards = slice(length - 1, None, -1) if length else slice(0)
            cumulative = [0.0, *paths.scores[backwards, h].tolist(), scores[h]]
            with_attention = self._backpointers.has_attention and self._returns_attention[slots[h]]
            yield Hypothesis(
                tokens=paths.tokens[backwards, h].tolist(),
                score=scores[h],
                rank_score=rank_scores[h],
                token_scores=[after - before for before, after in pairwise(cumulative)],
                source_positions=paths.source_positions[backwards, h].tolist() if with_attention else None,
            )


def decode_sentences(
    engine: Engine,
    sources: Iterable[tuple[int, Sequence[int]]],
    begin: int,
    end: int,
    options: DecodingOptions,
    *,
    refill: bool = True,
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """Decode sentences ``(number, source ids)`` and yield ``(number, hypotheses)`` as they finish.

    Sort the sentences by length: batches of similar length are fastest. With ``refill``, free slots are refilled while
    other sentences are running, otherwise once all have finished.
    """
    search = BeamSearch(engine, begin, end)
    waiting = deque(sources)
    numbers: dict[int, int] = {}
    # Encoding one sentence costs almost as much as encoding several, so wait until a quarter of the slots is free.
    min_free = -(-engine.num_slots // 4) if refill else engine.num_slots
    while waiting or numbers:
        if waiting and engine.num_slots - len(numbers) >= min_free:
            admitted = [(slot, waiting.popleft()) for slot in search.free_slots()[: len(waiting)]]
            numbers.update((slot, number) for slot, (number, _) in admitted)
            search.admit([slot for slot, _ in admitted], [source for _, (_, source) in admitted], options)
        for slot, hypotheses in search.advance():
            yield numbers.pop(slot), hypotheses
