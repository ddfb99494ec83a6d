"""Beam search equals simple reference implementations on an engine whose model is a random function."""

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from fake_engine import BEGIN, END, FakeEngine
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.search.beam_search import BeamSearch, DecodingOptions, Hypothesis, decode_sentences, length_penalty
from nmt.search.protocol import StepRequest, StepResult


def run(engine: FakeEngine, sources: Sequence[Sequence[int]], options: DecodingOptions) -> list[list[Hypothesis]]:
    found = dict(decode_sentences(engine, enumerate(sources), BEGIN, END, options))
    return [found[number] for number in range(len(sources))]


def naive_greedy_search(engine: FakeEngine, source: Sequence[int], limit: int) -> list[int]:
    prefix = [BEGIN]
    while True:
        scores = engine.log_probabilities(source, prefix)
        if len(prefix) == 1:
            scores[END] = -np.inf
        best = END if len(prefix) == limit else int(scores.argmax())
        if best == END:
            return prefix[1:]
        prefix.append(best)


def naive_beam_search(engine: FakeEngine, source: Sequence[int], beam_size: int, limit: int, alpha: float) -> list[int]:
    """Beam search over lists; the only early stopping is that K hypotheses have finished."""
    open_, finished = [(0.0, [BEGIN])], []
    for length in itertools.count(1):
        candidates = []
        for total, prefix in open_:
            scores = engine.log_probabilities(source, prefix)
            if length == 1:
                scores[END] = -np.inf
            candidates += [(np.float32(total) + scores[t], [*prefix, t]) for t in range(engine.vocabulary)]
            if length == limit:
                finished.append((total + scores[END], prefix[1:]))
        candidates.sort(key=lambda candidate: -candidate[0])
        if length < limit:
            finished += [(s, p[1:-1]) for s, p in candidates[:beam_size] if p[-1] == END and np.isfinite(s)]
        if length == limit or len(finished) >= beam_size:
            break
        open_ = [c for c in candidates if c[1][-1] != END][:beam_size]
    return max(finished, key=lambda f: f[0] / length_penalty(len(f[1]) + 1, alpha))[1]


@given(st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_beam_of_one_equals_greedy_search(seed: int) -> None:
    engine = FakeEngine(num_slots=2, beam_size=1)
    source = (seed,) * (1 + seed % 3)
    [[best]] = run(engine, [source], DecodingOptions())
    assert best.tokens == naive_greedy_search(engine, source, 2 * len(source) + 16)


@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([0.0, 0.6, 1.0]))
@settings(max_examples=60, deadline=None)
def test_beam_search_equals_naive_implementation(seed: int, beam_size: int, alpha: float) -> None:
    """Early stopping is exact and never loses a hypothesis."""
    engine = FakeEngine(num_slots=3, beam_size=beam_size, vocabulary=7)
    source = (seed, 3)
    [[best]] = run(engine, [source], DecodingOptions(length_penalty=alpha))
    assert best.tokens == naive_beam_search(engine, source, beam_size, 20, alpha)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.8, 1.0]))
@settings(max_examples=25, deadline=None)
def test_wide_beam_equals_exhaustive_search(seed: int, alpha: float) -> None:
    """With two ordinary tokens and at most three steps, a beam of 64 holds every hypothesis."""
    limit = 3
    engine = FakeEngine(num_slots=1, beam_size=64, vocabulary=4)
    options = DecodingOptions(length_penalty=alpha, max_length_ratio=0.0, max_length_extra=limit, num_hypotheses=4)
    [found] = run(engine, [(seed,)], options)
    expected = []
    for length in range(1, limit):
        for tokens in itertools.product((2, 3), repeat=length):
            path = [BEGIN, *tokens, END]
            total = sum(engine.log_probabilities((seed,), path[:i])[path[i]] for i in range(1, len(path)))
            expected.append((total / length_penalty(length + 1, alpha), list(tokens)))
    expected.sort(key=lambda hypothesis: -hypothesis[0])
    assert [h.tokens for h in found] == [tokens for _, tokens in expected[:4]]
    assert [h.rank_score for h in found] == pytest.approx([score for score, _ in expected[:4]], abs=1e-5)


@given(
    st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=6), min_size=1, max_size=12),
    st.integers(1, 4),
    st.integers(1, 5),
)
@settings(max_examples=40, deadline=None)
def test_results_do_not_depend_on_batch_or_slots(sources: list[list[int]], beam_size: int, num_slots: int) -> None:
    options = DecodingOptions(num_hypotheses=beam_size)
    together = run(FakeEngine(num_slots, beam_size), sources, options)
    alone = [run(FakeEngine(1, beam_size), [source], options)[0] for source in sources]
    assert together == alone


def test_scores_equal_model_log_probabilities() -> None:
    engine = FakeEngine(num_slots=1, beam_size=3)
    [found] = run(engine, [(4, 2)], DecodingOptions(num_hypotheses=3))
    assert len(found) == 3
    for hypothesis in found:
        path = [BEGIN, *hypothesis.tokens, END]
        total = sum(engine.log_probabilities((4, 2), path[:i])[path[i]] for i in range(1, len(path)))
        assert hypothesis.score == pytest.approx(total, abs=1e-5)
        assert hypothesis.token_scores == pytest.approx(
            [engine.log_probabilities((4, 2), path[:i])[path[i]] for i in range(1, len(path))], abs=1e-6
        )
        attended = [engine.attention((4, 2), path[:i]).argmax() for i in range(1, len(path) - 1)]
        assert hypothesis.source_positions == attended
    assert [h.rank_score for h in found] == sorted((h.rank_score for h in found), reverse=True)


class DamagedEngine(FakeEngine):
    """An engine that returns a bad number in the second step of every sentence that begins with 99."""

    def __init__(self, beam_size: int, field: str, bad: float) -> None:
        super().__init__(4, beam_size)
        self._field, self._bad = field, bad

    def step(self, request: StepRequest) -> StepResult:
        result = super().step(request)
        for slot, source in self.sources.items():
            row = (slot + 1) * self.beam_size - 1
            if source[0] == 99 and len(self.prefixes[row]) >= 2:
                getattr(result, self._field)[row, -1] = self._bad
        return result


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("field", ["scores", "id_scores"])
@pytest.mark.parametrize(
    "options",
    [
        DecodingOptions(num_hypotheses=2),
        DecodingOptions(copy_tokens=(2,)),
        DecodingOptions(force_phrases=((2, 3),)),
        DecodingOptions(no_repeat_ngram_size=2),
        DecodingOptions(coverage_penalty=0.5),
        DecodingOptions(sampling_temperature=1.0),
    ],
    ids=["plain", "copy", "force", "n-gram", "coverage", "sampling"],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_sentences_with_bad_scores_finish_without_hypotheses(options: DecodingOptions, field: str, bad: float) -> None:
    sources = [(99, 1, 2) if n % 3 == 0 else (n, 1, 2) for n in range(12)]
    engine = DamagedEngine(3, field, bad)
    found = run(engine, sources, options)
    assert engine.steps < 200
    expected = run(FakeEngine(4, 3), sources, options)
    for source, hypotheses, undamaged in zip(sources, found, expected, strict=True):
        if source[0] != 99:
            assert hypotheses == undamaged
        assert all(np.isfinite(hypothesis.token_scores).all() for hypothesis in hypotheses)
    if options == DecodingOptions(num_hypotheses=2):
        assert [number for number, hypotheses in enumerate(found) if not hypotheses] == [0, 3, 6, 9]


def test_free_slots_are_refilled_while_others_run() -> None:
    engine = FakeEngine(num_slots=4, beam_size=1)
    sources = [(n,) for n in range(16)]
    refilled = run(engine, sources, DecodingOptions())
    one_by_one = FakeEngine(num_slots=1, beam_size=1)
    assert refilled == run(one_by_one, sources, DecodingOptions())
    assert engine.steps < one_by_one.steps / 2


def test_without_refill_slots_are_reused_together() -> None:
    engine = FakeEngine(num_slots=4, beam_size=2)
    sources = [(n,) for n in range(10)]
    together = dict(decode_sentences(engine, enumerate(sources), BEGIN, END, DecodingOptions(), refill=False))
    assert [together[n] for n in range(10)] == run(FakeEngine(4, 2), sources, DecodingOptions())


def test_backpointer_buffer_grows_for_long_sentences() -> None:
    """Short sentences come first, so that the ring buffer has wrapped around when it grows."""
    engine = FakeEngine(num_slots=2, beam_size=2)
    sources = [(n,) for n in range(30)] + [(n, *range(20)) for n in range(6)]
    found = run(engine, sources, DecodingOptions(min_length_ratio=8.0, max_length_ratio=9.0))
    assert engine.steps > 3 * 168
    for source, [best] in zip(sources, found, strict=True):
        path = [BEGIN, *best.tokens, END]
        scores = [engine.log_probabilities(source, path[:i])[path[i]] for i in range(1, len(path))]
        assert best.token_scores == pytest.approx(scores, abs=1e-5)


def test_releasing_a_sentence_does_not_affect_others() -> None:
    engine = FakeEngine(num_slots=2, beam_size=2)
    search = BeamSearch(engine, BEGIN, END)
    search.admit([0, 1], [(7,), (8,)], DecodingOptions())
    search.advance()
    search.release([0])
    assert search.free_slots() == [0]
    finished: list[tuple[int, list[Hypothesis]]] = []
    while not finished:
        finished = search.advance()
    expected = run(FakeEngine(1, 2), [(8,)], DecodingOptions())
    assert finished == [(1, expected[0])]


def test_length_penalty_matches_gnmt() -> None:
    assert length_penalty(1, 1.0) == 1.0
    assert length_penalty(7, 0.5) == pytest.approx(2**0.5)
    assert length_penalty(100, 0.0) == 1.0
