"""Batches from any place of a run, for any number of processes, are those of the one endless row."""

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


class Sizes:
    """All that planning asks of a corpus."""

    def __init__(self, lengths: list[int]) -> None:
        self.source_lengths = self.target_lengths = np.array(lengths, dtype=np.int32)
        self.corpus_sizes = [len(lengths)]


def equal(one: Batch, other: Batch) -> bool:
    names = ("source", "source_lengths", "target_in", "target_out")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=20), st.integers(1, 4), st.floats(0.2, 2.0), st.integers(0, 20))
def test_processes_take_turns_from_any_place_on(lengths: list[int], world: int, weight: float, after: int) -> None:
    corpus = Sizes(lengths)
    alone = BatchLoader(corpus, [weight], batch_tokens=20, seed=1)  # type: ignore[arg-type]
    together = BatchLoader(corpus, [weight], batch_tokens=20, seed=1, world_size=world)  # type: ignore[arg-type]
    row = [turn.batches[0].tolist() for turn in itertools.islice(alone.global_batches(START), world * (after + 8))]
    global_batches = list(itertools.islice(together.global_batches(START), after + 8))
    assert [batch.tolist() for turn in global_batches for batch in turn.batches] == row
    place = global_batches[after - 1].end if after else START
    resumed = itertools.islice(together.global_batches(place), 8)
    assert [batch.tolist() for turn in resumed for batch in turn.batches] == row[world * after :]


@pytest.fixture
def corpus(recipe: Path) -> ArrowCorpus:
    return prepare_data(load_translator_recipe(recipe)).train


def test_what_the_thread_makes_is_what_was_planned(corpus: ArrowCorpus) -> None:
    loader = BatchLoader(corpus, [1.0], batch_tokens=400, seed=1, rank=1, world_size=2)
    with loader.batches(START) as batches:
        made = list(itertools.islice(batches, 40))
    for (batch, after), turn in zip(made, loader.global_batches(START), strict=False):
        assert equal(batch, make_batch(corpus, turn.batches[1]))
        assert after == turn.end


def test_what_goes_wrong_in_the_thread_is_told(corpus: ArrowCorpus) -> None:
    broken = BatchLoader(corpus, [1.0], batch_tokens=400, seed=1, rank=7, world_size=2)
    with broken.batches(START) as batches, pytest.raises(IndexError):
        next(batches)


def test_a_loader_that_samples_repeats_itself(recipe: Path) -> None:
    prepared = prepare_data(load_translator_recipe(recipe))
    loader = BatchLoader(prepared.train, [1.0], 400, seed=1, sampler=SubwordSampler(prepared.tokenizer, "bpe", 0.2))
    with loader.batches(START) as batches:
        made = list(itertools.islice(batches, 6))
    with loader.batches(made[2][1]) as batches:
        again = list(itertools.islice(batches, 3))
    assert all(equal(a, b) for (a, _), (b, _) in zip(made[3:], again, strict=True))
