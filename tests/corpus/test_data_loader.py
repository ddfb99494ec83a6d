"""Batches are the same from any position and for any number of processes."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.config.loading import load_translator_recipe
from nmt.corpus.batching import Batch, make_batch
from nmt.corpus.data_loader import BatchLoader, DataPosition
from nmt.corpus.preparation import ArrowCorpus, prepare_data
from nmt.corpus.subword_regularization import SubwordSampler

START = DataPosition(epoch=0, batch=0)


class CorpusWithLengths:
    """Corpus without token ids; the planning of batches uses only the lengths."""

    def __init__(self, lengths: list[int]) -> None:
        self.source_lengths = self.target_lengths = np.array(lengths, dtype=np.int32)
        self.corpus_sizes = [len(lengths)]


def batches_equal(one: Batch, other: Batch) -> bool:
    names = ("source", "source_lengths", "target_in", "target_out")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 4), st.floats(0.2, 2.0), st.integers(0, 20))
def test_processes_share_the_batch_sequence_from_any_position(
    lengths: list[int], world: int, weight: float, after: int
) -> None:
    corpus = CorpusWithLengths(lengths)
    single = BatchLoader(corpus, [weight], batch_tokens=20, seed=1)  # type: ignore[arg-type]
    distributed = BatchLoader(corpus, [weight], batch_tokens=20, seed=1, world_size=world)  # type: ignore[arg-type]
    sequence = [
        global_batch.batches[0].tolist()
        for global_batch in itertools.islice(single.global_batches(START), world * (after + 8))
    ]
    global_batches = list(itertools.islice(distributed.global_batches(START), after + 8))
    assert [batch.tolist() for global_batch in global_batches for batch in global_batch.batches] == sequence
    place = global_batches[after - 1].end_position if after else START
    resumed = itertools.islice(distributed.global_batches(place), 8)
    assert [batch.tolist() for global_batch in resumed for batch in global_batch.batches] == sequence[world * after :]


@pytest.fixture
def corpus(recipe: Path) -> ArrowCorpus:
    return prepare_data(load_translator_recipe(recipe)).train


def test_loaded_batches_follow_the_plan(corpus: ArrowCorpus) -> None:
    loader = BatchLoader(corpus, [1.0], batch_tokens=400, seed=1, rank=1, world_size=2)
    with loader.batches(START) as batches:
        loaded = list(itertools.islice(batches, 40))
    for (batch, after), global_batch in zip(loaded, loader.global_batches(START), strict=False):
        assert batches_equal(batch, make_batch(corpus, global_batch.batches[1]))
        assert after == global_batch.end_position


def test_errors_in_the_loader_thread_are_raised(corpus: ArrowCorpus) -> None:
    broken = BatchLoader(corpus, [1.0], batch_tokens=400, seed=1, rank=7, world_size=2)
    with broken.batches(START) as batches, pytest.raises(IndexError):
        next(batches)


def test_subword_sampling_is_reproducible_from_any_position(recipe: Path) -> None:
    prepared = prepare_data(load_translator_recipe(recipe))
    loader = BatchLoader(prepared.train, [1.0], 400, seed=1, sampler=SubwordSampler(prepared.tokenizer, "bpe", 0.2))
    with loader.batches(START) as batches:
        loaded = list(itertools.islice(batches, 6))
    with loader.batches(loaded[2][1]) as batches:
        again = list(itertools.islice(batches, 3))
    assert all(batches_equal(a, b) for (a, _), (b, _) in zip(loaded[3:], again, strict=True))
