"""Forced decoding returns the model's log-probabilities of a given target."""

import pytest
from fake_engine import BEGIN, END, FakeEngine
from hypothesis import given
from hypothesis import strategies as st

from nmt.search.forced_scoring import score_pairs

TOKENS = st.lists(st.integers(2, 5), max_size=6)


@given(st.lists(st.tuples(TOKENS, TOKENS), max_size=9), st.integers(1, 4))
def test_each_token_is_scored_given_its_prefix(pairs: list[tuple[list[int], list[int]]], num_slots: int) -> None:
    engine = FakeEngine(num_slots, beam_size=1)
    numbered = [(number, *pair) for number, pair in enumerate(pairs)]
    found = dict(score_pairs(engine, numbered, BEGIN, END, return_attention=True))
    assert sorted(found) == list(range(len(pairs)))
    for number, (source, target) in enumerate(pairs):
        path = [BEGIN, *target, END]
        expected = [engine.log_probabilities(source, path[:i])[path[i]] for i in range(1, len(path))]
        assert found[number].token_scores == pytest.approx(expected)
        assert found[number].score == pytest.approx(sum(expected), abs=1e-5)
        attended = [int(engine.attention(source, path[:i]).argmax()) for i in range(1, len(path) - 1)]
        assert found[number].source_positions == attended
    assert not engine.sources


def test_beam_larger_than_one_is_rejected() -> None:
    with pytest.raises(ValueError, match="beam of 1, not 3"):
        list(score_pairs(FakeEngine(1, beam_size=3), [], BEGIN, END))
