"""Batch decoding in threads, and the retry after repetition."""

import time

import pytest
from repeating_engine import RepeatingEngine

from nmt.corpus.tokenizer import FIRST_TEXT_ID
from nmt.inference.batch_decoder import BatchDecoder
from nmt.search.options import DecodingOptions
from nmt.search.protocol import StepRequest, StepResult

A, B = FIRST_TEXT_ID, FIRST_TEXT_ID + 1


def test_repetition_is_retried_with_repeated_ngrams_forbidden() -> None:
    decoder = BatchDecoder([RepeatingEngine])
    options = DecodingOptions(max_length_extra=10, max_length_ratio=0.0)
    [hypothesis] = decoder.search([(7, [A, B])], 2, options)[7]
    tokens = hypothesis.tokens
    trigrams = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    assert len(trigrams) == len(set(trigrams))
    [repeating] = decoder.search(
        [(7, [A, B])], 2, DecodingOptions(max_length_extra=10, max_length_ratio=0.0, no_repeat_ngram_size=9)
    )[7]
    assert repeating.tokens == [A] * 9  # an explicit option disables the retry


def test_repetition_is_allowed_if_the_source_repeats() -> None:
    [hypothesis] = BatchDecoder([RepeatingEngine]).search(
        [(0, [A] * 9)], 1, DecodingOptions(max_length_extra=10, max_length_ratio=0.0)
    )[0]
    assert hypothesis.tokens == [A] * 9


def test_failed_search_leaves_no_sentences_in_the_engine() -> None:
    class FailingEngine(RepeatingEngine):
        steps = 0

        def step(self, request: StepRequest) -> StepResult:
            FailingEngine.steps += 1
            if FailingEngine.steps == 2:
                raise KeyboardInterrupt
            return super().step(request)

    decoder, options = BatchDecoder([FailingEngine]), DecodingOptions(max_length_extra=4, max_length_ratio=0.0)
    sentences = [(0, [A, B]), (1, [B, A])]
    with pytest.raises(KeyboardInterrupt):
        decoder.search(sentences, 2, options)
    assert decoder.search(sentences, 2, options) == BatchDecoder([RepeatingEngine]).search(sentences, 2, options)


def test_sentences_are_distributed_over_threads() -> None:
    options = DecodingOptions(max_length_extra=4, max_length_ratio=0.0)
    sentences = [(number, [A, B] if number % 3 else [B, A]) for number in range(50)]
    alone = BatchDecoder([RepeatingEngine]).search(sentences, 2, options)
    together = BatchDecoder([RepeatingEngine] * 3).search(sentences, 2, options)
    assert together == alone
    assert sorted(together) == list(range(50))


def test_interruption_stops_the_other_threads() -> None:
    """An interrupted process does not wait until the other threads have decoded all their sentences."""

    class FailingEngine(RepeatingEngine):
        def step(self, request: StepRequest) -> StepResult:
            raise KeyboardInterrupt

    class SlowEngine(RepeatingEngine):
        steps = 0

        def step(self, request: StepRequest) -> StepResult:
            SlowEngine.steps += 1
            time.sleep(0.005)
            return super().step(request)

    decoder = BatchDecoder([FailingEngine, SlowEngine])
    with pytest.raises(KeyboardInterrupt):
        decoder.search(
            [(number, [A, B]) for number in range(1600)], 2, DecodingOptions(max_length_extra=4, max_length_ratio=0.0)
        )
    decoder._threads.shutdown()
    assert SlowEngine.steps < 100  # of more than 200
