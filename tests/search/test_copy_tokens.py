"""Copy tokens occur exactly once, at the place that the network prefers, and cost nothing if it places them itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from fake_engine import BEGIN, END, FakeEngine
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_beam_search import run

from nmt.search.options import DecodingOptions

_COPIES = (7, 5, 8)


class CopyingEngine(FakeEngine):
    """Engine whose model, like a trained network, neither repeats nor loses copy tokens."""

    def log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> np.ndarray:
        scores = super().log_probabilities(source, prefix)
        missing = [token for token in _COPIES if token not in prefix]
        scores[[token for token in _COPIES if token in prefix]] -= 50
        scores[END] -= 50 * bool(missing)
        return (scores - np.logaddexp.reduce(scores)).astype(np.float32)


class OmittingEngine(FakeEngine):
    """Engine whose model writes the source and ends; copy tokens have the probability exp(-10), others exp(-3)."""

    def log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> np.ndarray:
        scores = np.full(self.vocabulary, -3, dtype=np.float32)
        scores[list(_COPIES)] = -10
        scores[BEGIN] = -np.inf
        written = [token for token in prefix[1:] if token not in _COPIES]
        scores[source[len(written)] if len(written) < len(source) else END] = 0
        return (scores - np.logaddexp.reduce(scores)).astype(np.float32)


class RefusingEngine(FakeEngine):
    """Engine whose model gives copy tokens the probability exp(-100)."""

    def log_probabilities(self, source: Sequence[int], prefix: Sequence[int]) -> np.ndarray:
        scores = super().log_probabilities(source, prefix)
        scores[list(_COPIES)] = -100
        return scores


@given(
    st.integers(0, 10_000),
    st.integers(1, 5),
    st.builds(
        DecodingOptions,
        length_penalty=st.sampled_from([0.0, 1.0]),
        num_hypotheses=st.integers(1, 5),
        bad_phrases=st.sampled_from([(), ((3,), (2, 4))]),
        coverage_penalty=st.sampled_from([0.0, 0.3]),
        max_length_extra=st.just(50),
    ),
)
@settings(max_examples=60, deadline=None)
def test_results_equal_plain_beam_search_if_the_network_copies_correctly(
    seed: int, beam_size: int, options: DecodingOptions
) -> None:
    engine = CopyingEngine(num_slots=2, beam_size=beam_size, vocabulary=9)
    [expected] = run(engine, [(seed, 1, 2)], options)
    # Near the length limit, plain beam search ends hypotheses without all tokens.
    assume(all(len(hypothesis.tokens) < 50 for hypothesis in expected))
    assert run(engine, [(seed, 1, 2)], replace(options, copy_tokens=_COPIES)) == [expected]


@pytest.mark.parametrize("beam_size", [1, 2, 5])
@pytest.mark.parametrize("copies", [(7,), (7, 5), (8, 5, 7)])
def test_omitted_tokens_follow_where_the_hypothesis_would_end(beam_size: int, copies: tuple[int, ...]) -> None:
    engine = OmittingEngine(num_slots=1, beam_size=beam_size, vocabulary=9)
    [[best]] = run(engine, [(2, 3, 4, 2)], DecodingOptions(copy_tokens=copies))
    assert [token for token in best.tokens if token not in copies] == [2, 3, 4, 2]
    assert sorted(token for token in best.tokens if token in copies) == sorted(copies)
    if beam_size == 1:
        assert best.tokens[:4] == [2, 3, 4, 2]


@given(
    seed=st.integers(0, 10_000),
    beam_size=st.integers(1, 5),
    extra=st.integers(0, 12),
    more=st.sampled_from([
        {}, {"num_beam_groups": 2}, {"sampling_temperature": 1.0}, {"no_repeat_ngram_size": 1},
        {"min_length_ratio": 3.0}, {"target_prefix": (2, 5)}, {"force_phrases": ((2, 3),)},
    ]),
)  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_a_network_that_refuses_to_copy_is_forced(
    seed: int, beam_size: int, extra: int, more: dict[str, object]
) -> None:
    engine = RefusingEngine(num_slots=1, beam_size=beam_size, vocabulary=9)
    options = DecodingOptions(
        copy_tokens=_COPIES, num_hypotheses=beam_size, max_length_ratio=0.0, max_length_extra=extra, **more
    )  # type: ignore[arg-type]
    [found] = run(engine, [(seed,)], options)
    assert found
    for hypothesis in found:
        assert all(hypothesis.tokens.count(token) == 1 for token in _COPIES)
        assert len(hypothesis.tokens) < options.length_limits(1)[1]


def test_samples_contain_copy_tokens_as_often_at_each_place_as_the_model() -> None:
    """Compare the share of samples that begin with each copy token with its probability."""
    engine = FakeEngine(num_slots=1, beam_size=50, vocabulary=9)
    options = DecodingOptions(sampling_temperature=1.0, num_hypotheses=50, copy_tokens=_COPIES, max_length_ratio=0.0)
    firsts = []
    for seed in range(12):
        [found] = run(engine, [(3,)], replace(options, max_length_extra=6, seed=seed))
        firsts += [hypothesis.tokens[0] for hypothesis in found]
    scores = engine.log_probabilities((3,), [BEGIN])
    for token in _COPIES:
        assert firsts.count(token) / 600 == pytest.approx(np.exp(scores[token]), abs=0.05)
