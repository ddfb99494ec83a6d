"""Epochs of batches: completeness, size limit, reproducible order; padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus import batching
from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import pad_sequences, plan_epoch_batches, select_epoch_rows
from nmt.corpus.tokenizer import BOS, EOS, PAD

lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=80)


def plan_batches(source: np.ndarray, target: np.ndarray, batch_tokens: int, seed: int, epoch: int) -> list[np.ndarray]:
    return list(plan_epoch_batches(source, target, np.arange(len(source)), batch_tokens, seed, epoch))


@given(lengths, st.integers(1, 200), st.integers(0, 3), st.integers(0, 3), st.integers(1, 90))
@settings(max_examples=100, deadline=None)
def test_epoch_contains_every_pair_once_within_the_size_limit(
    pairs: list[tuple[int, int]], batch_tokens: int, seed: int, epoch: int, window: int
) -> None:
    source, target = (np.array(side) for side in zip(*pairs, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batching, "_BUCKETING_WINDOW", window)
        batches = plan_batches(source, target, batch_tokens, seed, epoch)
        again = plan_batches(source, target, batch_tokens, seed, epoch)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(pairs)))
    for rows in batches:
        longest = max(source[rows].max(), target[rows].max()) + 1
        assert len(rows) == 1 or longest * len(rows) <= batch_tokens
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


@given(
    st.lists(st.tuples(st.integers(1, 30), st.floats(0.01, 3)), min_size=1, max_size=3),
    st.integers(0, 3),
    st.integers(1, 12),
)
def test_corpora_are_mixed_by_weight(corpora: list[tuple[int, float]], seed: int, epochs: int) -> None:
    """After any number of epochs, each corpus was used in proportion to its weight, and its pairs equally often."""
    sizes, weights = zip(*corpora, strict=True)
    used = np.concatenate([select_epoch_rows(sizes, weights, seed, epoch) for epoch in range(epochs)])
    counts, first = np.bincount(used, minlength=sum(sizes)), 0
    for size, weight in corpora:
        usage = counts[first : first + size]
        assert usage.sum() == int(epochs * weight * size)
        assert usage.max() - usage.min() <= 1
        first += size


def test_order_differs_between_epochs_and_seeds() -> None:
    source = target = np.full(200, 9)
    orders = [
        tuple(np.concatenate(plan_batches(source, target, 50, seed, epoch)).tolist())
        for seed in range(3)
        for epoch in range(3)
    ]
    assert len(set(orders)) == 9


def test_batches_group_sentences_of_similar_length() -> None:
    random = np.random.default_rng(1)
    target = random.integers(1, 50, size=2000)
    padded = sum((target[rows].max() + 1) * len(rows) for rows in plan_batches(target, target, 1000, seed=1, epoch=0))
    assert padded < 1.06 * (target + 1).sum()


def test_sentences_are_padded_to_the_longest() -> None:
    sentences = RaggedArray.from_lists([[7, 8, 9], [5]])
    assert pad_sequences(sentences, after=EOS).tolist() == [[7, 8, 9, EOS], [5, EOS, PAD, PAD]]
    assert pad_sequences(sentences, before=BOS).tolist() == [[BOS, 7, 8, 9], [BOS, 5, PAD, PAD]]
    assert pad_sequences(RaggedArray.from_lists([[]]), after=EOS).tolist() == [[EOS]]


@given(st.lists(st.lists(st.integers(0, 2**31 - 1), max_size=9), max_size=9))
def test_ragged_array_round_trips(lists: list[list[int]]) -> None:
    assert [numbers.tolist() for numbers in RaggedArray.from_lists(lists).to_lists()] == lists
