"""Batches: every pair once an epoch, within the size, in an order that depends on seed and epoch alone."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.corpus.batching import pad, plan_epoch
from nmt.corpus.tokenizer import BOS, EOS, PAD

lengths = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 40)), min_size=1, max_size=80)


@given(lengths, st.integers(1, 200), st.integers(0, 3), st.integers(0, 3))
@settings(max_examples=100, deadline=None)
def test_an_epoch_holds_every_pair_once_within_the_size(
    pairs: list[tuple[int, int]], batch_tokens: int, seed: int, epoch: int
) -> None:
    source, target = (np.array(side) for side in zip(*pairs, strict=True))
    plan = plan_epoch(source, target, batch_tokens, seed, epoch)
    assert sorted(np.concatenate(plan).tolist()) == list(range(len(pairs)))
    for rows in plan:
        longest = max(source[rows].max(), target[rows].max()) + 1
        assert len(rows) == 1 or longest * len(rows) <= batch_tokens
    again = plan_epoch(source, target, batch_tokens, seed, epoch)
    assert all(np.array_equal(a, b) for a, b in zip(plan, again, strict=True))


@given(st.integers(1, 30), st.integers(1, 5))
def test_ranks_share_the_epoch_evenly_and_in_order(count: int, world: int) -> None:
    lengths = np.full(count, 9)
    whole = plan_epoch(lengths, lengths, 10, seed=1, epoch=2)
    dealt = [plan_epoch(lengths, lengths, 10, seed=1, epoch=2, rank=rank, world=world) for rank in range(world)]
    assert {len(share) for share in dealt} == {count // world}
    in_turn = [batch.tolist() for turn in zip(*dealt, strict=True) for batch in turn]
    assert in_turn == [batch.tolist() for batch in whole[: count - count % world]]


def test_epochs_and_seeds_differ() -> None:
    source = target = np.full(200, 9)
    orders = [
        tuple(np.concatenate(plan_epoch(source, target, 50, seed, epoch)).tolist())
        for seed in range(3)
        for epoch in range(3)
    ]
    assert len(set(orders)) == 9


def test_sentences_of_like_length_go_together() -> None:
    random = np.random.default_rng(1)
    target = random.integers(1, 50, size=2000)
    plan = plan_epoch(target, target, 1000, seed=1, epoch=0)
    padded = sum((target[rows].max() + 1) * len(rows) for rows in plan)
    assert padded < 1.06 * (target + 1).sum()


def test_padding() -> None:
    sentences = [np.array([7, 8, 9], dtype=np.int32), np.array([5], dtype=np.int32)]
    assert pad(sentences, after=EOS).tolist() == [[7, 8, 9, EOS], [5, EOS, PAD, PAD]]
    assert pad(sentences, before=BOS).tolist() == [[BOS, 7, 8, 9], [BOS, 5, PAD, PAD]]
