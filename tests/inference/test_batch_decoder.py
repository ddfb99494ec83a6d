"""Threads share the work, and a loop is searched again."""

import time

import pytest
from repeating_engine import RepeatingEngine

from nmt.corpus.tokenizer import FIRST_TEXT_ID
from nmt.inference.batch_decoder import BatchDecoder
from nmt.search.options import DecodingOptions
from nmt.search.protocol import StepRequest, StepResult

A, B = FIRST_TEXT_ID, FIRST_TEXT_ID + 1


def test_a_loop_is_searched_once_more_without_repetition() -> None:
    workers = BatchDecoder([RepeatingEngine])
    options = DecodingOptions(max_length_extra=10, max_length_ratio=0.0)
    [hypothesis] = workers.search([(7, [A, B])], 2, options)[7]
    tokens = hypothesis.tokens
    trigrams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    assert len(trigrams) == len(set(trigrams))
    [stuttering] = workers.search(
        [(7, [A, B])], 2, DecodingOptions(max_length_extra=10, max_length_ratio=0.0, no_repeat_ngram_size=9)
    )[7]
    assert stuttering.tokens == [A] * 9  # who asks for repetition gets it


def test_a_source_that_repeats_excuses_repetition() -> None:
    [hypothesis] = BatchDecoder([RepeatingEngine]).search(
        [(0, [A] * 9)], 1, DecodingOptions(max_length_extra=10, max_length_ratio=0.0)
    )[0]
    assert hypothesis.tokens == [A] * 9


def test_a_failure_leaves_no_sentences_behind() -> None:
    class Fragile(RepeatingEngine):
        steps = 0

        def step(self, request: StepRequest) -> StepResult:
            Fragile.steps += 1
            if Fragile.steps == 2:
                raise KeyboardInterrupt
            return super().step(request)

    workers, options = BatchDecoder([Fragile]), DecodingOptions(max_length_extra=4, max_length_ratio=0.0)
    sentences = [(0, [A, B]), (1, [B, A])]
    with pytest.raises(KeyboardInterrupt):
        workers.search(sentences, 2, options)
    assert workers.search(sentences, 2, options) == BatchDecoder([RepeatingEngine]).search(sentences, 2, options)


def test_threads_share_the_sentences() -> None:
    options = DecodingOptions(max_length_extra=4, max_length_ratio=0.0)
    sentences = [(number, [A, B] if number % 3 else [B, A]) for number in range(50)]
    alone = BatchDecoder([RepeatingEngine]).search(sentences, 2, options)
    together = BatchDecoder([RepeatingEngine] * 3).search(sentences, 2, options)
    assert together == alone
    assert sorted(together) == list(range(50))


def test_an_interruption_ends_the_other_threads_too() -> None:
    """Or a process that was told to stop would wait for all of their sentences."""

    class Fragile(RepeatingEngine):
        def step(self, request: StepRequest) -> StepResult:
            raise KeyboardInterrupt

    class Slow(RepeatingEngine):
        steps = 0

        def step(self, request: StepRequest) -> StepResult:
            Slow.steps += 1
            time.sleep(0.005)
            return super().step(request)

    workers = BatchDecoder([Fragile, Slow])
    with pytest.raises(KeyboardInterrupt):
        workers.search(
            [(number, [A, B]) for number in range(1600)], 2, DecodingOptions(max_length_extra=4, max_length_ratio=0.0)
        )
    workers._threads.shutdown()
    assert Slow.steps < 100  # of more than 200
