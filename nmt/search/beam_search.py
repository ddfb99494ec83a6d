"""Beam search over slots, with early stopping, length penalty and coverage penalty.

A slot holds one sentence, and each row of a slot holds one open (unfinished) hypothesis. Sentences enter and leave
slots at any step (continuous batching), and the result of a sentence does not depend on the other sentences. A beam
size of 1 is greedy search. Options that plain beam search cannot express are handled by `nmt.search.strategies`.

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

from nmt.search.copy_tokens import CandidateArrays, CopyTracker
from nmt.search.coverage import CoverageTracker
from nmt.search.hypotheses import Backpointers, FinishedHypotheses, Hypothesis, length_penalty
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine, PlainBeamSearch, SearchingEngine, SentenceGroup, StepRequest
from nmt.search.strategies import is_plain, make_strategy
from nmt.search.strategies.base import SearchStrategy
from nmt.search.strategies.runner import StrategyRunner
from nmt.utils.arrays import BoolArray, Float32Array, Float64Array, Int64Array

__all__ = ["BeamSearch", "DecodingOptions", "Hypothesis", "decode_sentences", "length_penalty"]

_NO_LIMIT = np.iinfo(np.int64).max
_LOWEST = np.finfo(np.float64).min  # below the score of every open hypothesis, above the -inf of unused rows


class BeamSearch:
    """Beam search on an engine.

    Call `admit` to put sentences into free slots, and `advance` to extend the hypotheses of all sentences by one token.

    In each step, the K best candidates of a slot are examined. Those that end the sentence become finished
    hypotheses, and the K best of the others become the new rows. A sentence is finished when it has K finished
    hypotheses, when no open hypothesis can still outrank the last of the ``num_hypotheses`` to return, or when it
    reaches its length limit.

    Stopping early is exact: the score of an open hypothesis can only fall, its length penalty can only rise to the
    value at the length limit, and its coverage penalty is at best 0. Its rank score therefore never exceeds its
    current score divided by the length penalty at the limit.
    """

    def __init__(self, engine: Engine, bos_id: int, eos_id: int) -> None:
        """Create a search with an engine, whose slots must all be free."""
        num_slots, beam_size = engine.num_slots, engine.beam_size
        self._engine, self._bos_id, self._eos_id = engine, bos_id, eos_id
        self._step = 0
        # State of each slot, [N]
        self._free = set(range(num_slots))
        self._first_step = np.zeros(num_slots, dtype=np.int64)
        self._earliest_end = np.zeros(num_slots, dtype=np.int64)  # step from which hypotheses may end
        self._limit = np.full(num_slots, _NO_LIMIT)  # step in which all hypotheses must end
        self._alphas = np.zeros(num_slots)  # exponents of the length penalty
        self._limit_penalties = np.ones(num_slots)  # length penalty at the length limit
        self._num_hypotheses = np.ones(num_slots, dtype=np.int64)
        self._score_bounds = np.full(num_slots, -np.inf)  # the sentence is finished once its best open score is lower
        self._returns_attention = np.zeros(num_slots, dtype=bool)
        self._has_coverage_penalty = np.zeros(num_slots, dtype=bool)
        # Open hypotheses, [N, K]
        self._rows = np.arange(num_slots * beam_size).reshape(num_slots, beam_size)
        self._scores: Float64Array = np.full((num_slots, beam_size), -np.inf)
        self._tokens = np.full((num_slots, beam_size), eos_id, dtype=np.int64)
        self._parents = self._rows.copy()
        self._finished = FinishedHypotheses(num_slots, beam_size)
        self._backpointers = Backpointers(num_slots * beam_size)
        self._coverage = CoverageTracker(num_slots, beam_size)
        self._copies = CopyTracker(num_slots, beam_size, eos_id)
        self._strategies = StrategyRunner(num_slots, beam_size, eos_id)

    def free_slots(self) -> list[int]:
        """Return the slots without a sentence, in ascending order."""
        return sorted(self._free)

    def admit(self, slots: Sequence[int], sources: Sequence[Sequence[int]], options: DecodingOptions) -> None:
        """Start decoding sentences in the given free slots; ``sources`` holds the source token ids of each."""
        self.admit_groups([SentenceGroup(slots, sources, options)])

    def admit_groups(self, groups: Sequence[SentenceGroup]) -> None:
        """Start decoding groups of sentences, which the engine encodes together whatever their options."""
        strategies = [
            [
                make_strategy(group.options, self._engine.beam_size, self._eos_id, min_length, source)
                for (min_length, _), source in zip(group.length_limits(), group.sources, strict=True)
            ]
            for group in groups
        ]
        self._engine.admit(
            [slot for group in groups for slot in group.slots],
            [source for group in groups for source in group.sources],
            [
                strategy.required_ids if strategy else group.options.copy_tokens
                for group, of_group in zip(groups, strategies, strict=True)
                for strategy in of_group
            ],
        )
        for group, of_group in zip(groups, strategies, strict=True):
            self._start_group(group, of_group)
        self._update_batch_state()

    def _start_group(self, group: SentenceGroup, strategies: Sequence[SearchStrategy | None]) -> None:
        """Initialise the state of the slots of encoded sentences; ``strategies`` are those of each sentence."""
        slots, sources, options = group
        index = np.array(slots)
        min_lengths, max_lengths = np.array(group.length_limits()).T
        self._free.difference_update(slots)
        self._first_step[index] = self._step
        self._earliest_end[index] = self._step + min_lengths
        self._limit[index] = self._step + max_lengths - 1
        self._alphas[index] = options.length_penalty
        self._limit_penalties[index] = length_penalty(max_lengths, options.length_penalty)
        self._num_hypotheses[index] = min(options.num_hypotheses, self._engine.beam_size)
        self._score_bounds[index] = _LOWEST
        self._returns_attention[index] = options.return_attention
        self._has_coverage_penalty[index] = options.coverage_penalty > 0
        if options.coverage_penalty > 0:
            self._coverage.reset_slots(slots, [len(source) for source in sources], options.coverage_penalty)
        if options.copy_tokens and not options.forces_phrases:
            self._copies.admit(slots, options)
        self._scores[index, 0] = 0.0  # all rows of a slot start from the same state, so one suffices
        self._tokens[index] = self._bos_id
        self._parents[index] = self._rows[index]
        self._finished.clear(index)
        for slot, strategy in zip(slots, strategies, strict=True):
            if strategy:
                self._strategies.strategies[slot] = strategy
                self._scores[slot, strategy.initial_rows] = 0.0
                self._num_hypotheses[slot] = strategy.max_finished
        self._backpointers.reserve_capacity(int(max_lengths.max()), self._step)

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots, whether or not their sentences have finished."""
        self._engine.release(slots)
        index = list(slots)
        self._strategies.release(slots)
        self._copies.release(slots)
        self._free.update(slots)
        self._limit[index] = _NO_LIMIT
        self._score_bounds[index] = -np.inf
        self._returns_attention[index] = self._has_coverage_penalty[index] = False
        self._scores[index] = -np.inf
        self._update_batch_state()

    def _update_batch_state(self) -> None:
        """Recompute the values that summarise the options of all sentences in the slots."""
        self._next_limit = int(self._limit.min())
        self._last_returned = self._rows[:, 0] + self._num_hypotheses - 1
        self._any_coverage = bool(self._has_coverage_penalty.any())
        self._needs_attention = self._any_coverage or bool(self._returns_attention.any())

    def advance(self) -> list[tuple[int, list[Hypothesis]]]:
        """Advance all sentences by one token, and free the slots of the sentences that finish.

        Returns:
            Slot and hypotheses, best first, of each sentence that has finished. A sentence for which the engine returns
            scores that are NaN or infinite finishes at once, without hypotheses.
        """
        result = self._engine.step(self._build_step_request())
        if self._any_coverage and result.attention is not None:
            self._coverage.add_attention(result.attention)
        end_scores: Float64Array = result.id_scores[:, 0].reshape(self._scores.shape) + self._scores
        totals: Float64Array = result.scores + self._scores.reshape(-1, 1)
        np.putmask(totals, result.ids == self._eos_id, -np.inf)
        candidates = CandidateArrays(totals, result.ids, end_scores)
        if self._copies.is_active:
            may_end, remaining = self._earliest_end <= self._step, self._limit - self._step
            candidates = self._copies.add_candidates(candidates, self._scores, result.id_scores, may_end, remaining)
        if self._strategies.strategies:
            at_limit = self._limit <= self._step
            candidates = self._strategies.select_candidates(result, self._scores, candidates, at_limit)
        ends = candidates.ends
        self._select_rows(candidates.totals, candidates.ids, result.attention)
        # Scores are at most 0, but for rounding. The sum is NaN if one of them is.
        failed = [] if self._scores[:, 0].sum() + ends.sum() < 1 else self._find_failed(ends)
        ending = ends > self._scores[:, -1:]  # the others cannot be among the K best
        if self._strategies.strategies or self._copies.is_active:
            ending |= self._accepted_slots()[:, None] & (ends > -np.inf)
            self._strategies.record_rows(self._parents, self._tokens)
        if self._copies.is_active:
            self._copies.reorder_rows(self._parents, self._tokens)
        if self._step >= self._next_limit or np.count_nonzero(ending):
            self._store_finished(ends, ending)
        done = self._scores[:, 0] < self._score_bounds
        done[failed] = False
        finished = self._take_results(np.flatnonzero(done), end_scores) if np.count_nonzero(done) else []
        if self._any_coverage:
            self._coverage.reorder_rows(self._parents)
        self._step += 1
        finished += [(slot, []) for slot in failed]
        if finished:
            self.release([slot for slot, _ in finished])
        return finished

    def _find_failed(self, ends: Float64Array) -> list[int]:
        """Return the sentences' slots with a score that is NaN or infinite, after removing their hypotheses.

        ``ends`` holds the score of each open hypothesis with end of sentence, [N, K].
        """
        failed = ~((self._scores < np.inf) & (ends < np.inf)).all(axis=1)
        self._scores[failed] = ends[failed] = -np.inf
        return [slot for slot in np.flatnonzero(failed).tolist() if slot not in self._free]

    def _build_step_request(self) -> StepRequest:
        request = StepRequest(
            tokens=self._tokens.ravel(),
            parents=self._parents.ravel(),
            num_candidates=self._engine.beam_size + 1,  # at most one of them ends the sentence
            score_ids=self._copies.score_ids,
            suppress_rows=self._copies.suppressed_rows,
            suppress_tokens=self._copies.suppressed_tokens,
            return_attention=self._needs_attention,
        )
        return self._strategies.extend_request(request) if self._strategies.strategies else request

    def _select_rows(self, totals: Float64Array, ids: Int64Array, attention: Float32Array | None) -> None:
        """Replace the rows of each slot by its K best candidates, best first.

        ``totals`` and ``ids`` hold the cumulative score and the token id of each candidate [R, C]; ``attention`` holds
        the attention weights [R, S] of the old rows.
        """
        (num_slots, beam_size), num_candidates = self._scores.shape, totals.shape[1]
        # A stable sort breaks ties independently of the other sentences.
        order = totals.reshape(num_slots, -1).argsort(axis=1, kind="stable")[:, : -beam_size - 1 : -1]
        chosen = order + self._rows[:, :1] * num_candidates
        self._scores = totals.take(chosen)
        self._tokens = ids.take(chosen)
        self._parents = chosen // num_candidates
        rows = self._tokens.ravel(), self._parents.ravel(), self._scores.ravel()
        self._backpointers.record_step(self._step, *rows, attention)

    def _store_finished(self, ends: Float64Array, ending: BoolArray) -> None:
        """Store the hypotheses that end in this step, and update the score bounds.

        A hypothesis is stored if it is among the K best, if a strategy has selected it, or at the length limit.

        Args:
            ends: Score of each open hypothesis with end of sentence, [N, K].
            ending: Mask of the hypotheses that may be among the K best, [N, K].
        """
        beam_size = ends.shape[1]
        at_limit = self._limit <= self._step
        both = np.concatenate((self._scores, ends), axis=1)
        both.sort(axis=1)
        among_best = (ends >= both[:, beam_size, None]) & (self._earliest_end <= self._step)[:, None]
        accepted = among_best | (at_limit | self._accepted_slots())[:, None]
        accepted &= (np.logical_or.reduce(ending, axis=1) | at_limit)[:, None]
        # Processing all slots is cheaper than indexing some of them.
        self._add_finished(np.where(accepted, ends, -np.inf))
        rank_scores = self._finished.rank_scores
        bounds = np.maximum(rank_scores.take(self._last_returned) * self._limit_penalties, _LOWEST)
        full = at_limit | (rank_scores[:, -1] > -np.inf)
        self._score_bounds = np.where(self._limit == _NO_LIMIT, -np.inf, np.where(full, np.inf, bounds))

    def _accepted_slots(self) -> BoolArray:
        """Return a mask [N] of the slots in which all finite scores of ``ends`` become finished hypotheses."""
        return self._strategies.has_selected | self._copies.accepted_slots

    def _add_finished(self, scores: Float64Array) -> None:
        """Add the hypotheses that end in this step, given the score [N, K] of each; a score of -inf adds none."""
        penalties = length_penalty(self._step - self._first_step + 1, self._alphas)
        rank_scores = scores / penalties[:, None]
        if self._any_coverage and self._backpointers.has_attention:
            slots = np.flatnonzero(self._has_coverage_penalty)
            rank_scores[slots] += self._coverage.compute_penalties(slots)
        self._finished.merge(rank_scores, scores, self._rows + self._step * self._rows.size)

    def _take_results(self, done: Int64Array, end_scores: Float64Array) -> list[tuple[int, list[Hypothesis]]]:
        """Return the slots in ``done``, each with the hypotheses to output, best first."""
        stuck = done[self._finished.rank_scores[done, 0] == -np.inf]
        if len(stuck):  # no candidate is left and none has finished: end the open hypotheses
            self._add_finished(np.where(np.isin(np.arange(len(end_scores)), stuck)[:, None], end_scores, -np.inf))
        rank_scores = self._finished.rank_scores[done]
        returned = np.arange(rank_scores.shape[1]) < self._num_hypotheses[done, None]
        which, ranks = np.nonzero(returned & (rank_scores > -np.inf))
        slots = done[which]
        found: dict[int, list[Hypothesis]] = {slot: [] for slot in done.tolist()}
        for slot, hypothesis in zip(slots.tolist(), self._read_hypotheses(slots, ranks), strict=True):
            found[slot].append(hypothesis)
        for slot, strategy in self._strategies.strategies.items():
            if slot in found:
                found[slot] = strategy.select_finished(found[slot])
        return list(found.items())

    def _read_hypotheses(self, slots: Int64Array, ranks: Int64Array) -> Iterator[Hypothesis]:
        """Yield the finished hypotheses with the given slots and ranks; both arrays are [H]."""
        steps, rows = np.divmod(self._finished.backpointers[slots, ranks], self._rows.size)
        lengths = steps - self._first_step[slots]
        paths = self._backpointers.trace_paths(steps, rows, int(lengths.max(initial=0)))
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
    bos_id: int,
    eos_id: int,
    options: DecodingOptions,
    *,
    refill: bool = True,
) -> Iterator[tuple[int, list[Hypothesis]]]:
    """Decode sentences with beam search, and yield ``(number, hypotheses)`` for each as soon as it is finished.

    Args:
        engine: Engine with free slots only.
        sources: Pairs of a sentence number and its source token ids. Sorting them by length makes decoding faster.
        bos_id: Id of begin of sentence.
        eos_id: Id of end of sentence.
        options: Decoding options of all sentences.
        refill: Whether to fill free slots while other sentences are running, instead of when all slots are free.
    """
    search: BeamSearch | PlainBeamSearch = BeamSearch(engine, bos_id, eos_id)
    if isinstance(engine, SearchingEngine) and is_plain(options):
        search = engine.plain_beam_search()
    waiting = deque(sources)
    numbers: dict[int, int] = {}
    # Encoding one sentence costs almost as much as encoding several, so wait until a quarter of the slots is free.
    min_free = -(-engine.num_slots // 4) if refill else engine.num_slots
    while waiting or numbers:
        if waiting and engine.num_slots - len(numbers) >= min_free:
            slots = search.free_slots()[: len(waiting)]
            admitted = [waiting.popleft() for _ in slots]
            numbers.update(zip(slots, (number for number, _ in admitted), strict=True))
            search.admit_groups([SentenceGroup(slots, [source for _, source in admitted], options)])
        for slot, hypotheses in search.advance():
            yield numbers.pop(slot), hypotheses
