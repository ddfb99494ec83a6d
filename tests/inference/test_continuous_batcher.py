"""Continuous batching: sentences enter and leave at any step, and each is decoded as if it were alone."""

import random
from collections.abc import Hashable, Sequence

import pytest
from fake_engine import FakeEngine
from repeating_engine import RepeatingEngine

from nmt.corpus.tokenizer import FIRST_TEXT_ID
from nmt.inference.batch_decoder import BatchDecoder
from nmt.inference.continuous_batcher import ContinuousBatcher, DecodingRequest
from nmt.search.beam_search import Hypothesis
from nmt.search.options import DecodingOptions

A, B = FIRST_TEXT_ID, FIRST_TEXT_ID + 1
OPTIONS = [
    DecodingOptions(),
    DecodingOptions(num_hypotheses=2, length_penalty=0.3),
    DecodingOptions(no_repeat_ngram_size=2),
]


def make_engine(num_slots: int, beam_size: int) -> FakeEngine:
    return FakeEngine(num_slots, beam_size)


def decode_alone(source: Sequence[int], options: DecodingOptions) -> list[Hypothesis]:
    return BatchDecoder([make_engine]).search([(0, source)], 3, options)[0]


@pytest.mark.parametrize("seed", range(20))
def test_results_do_not_depend_on_the_other_sentences(seed: int) -> None:
    rng = random.Random(seed)
    batcher = ContinuousBatcher(make_engine(3, 3))
    sources = [rng.choices(range(6), k=rng.randint(1, 3)) for _ in range(12)]
    options = [rng.choice(OPTIONS) for _ in sources]
    waiting = list(range(len(sources)))
    found: dict[Hashable, list[Hypothesis]] = {}
    running: set[Hashable] = set()
    while waiting or running:
        admitted = waiting[: rng.randint(0, batcher.num_free)]
        del waiting[: len(admitted)]
        batcher.admit([DecodingRequest(n, sources[n], options[n]) for n in admitted])
        running.update(admitted)
        if running and rng.random() < 0.1:
            released = rng.choice(list(running))
            batcher.release([released])
            running.remove(released)
        assert len(batcher) == len(running) == batcher.num_slots - batcher.num_free
        for n, hypotheses in batcher.advance() if running else []:
            found[n] = hypotheses
            running.remove(n)
    assert len(found) >= 6
    for n in range(len(sources)):
        assert found.get(n) in (None, decode_alone(sources[n], options[n]))


def test_repetition_is_retried_as_in_batch_decoding() -> None:
    options = DecodingOptions(max_length_extra=10, max_length_ratio=0.0)
    batcher = ContinuousBatcher(RepeatingEngine(4, 1))
    batcher.admit([DecodingRequest("repeats", [A, B], options), DecodingRequest("allowed", [A] * 9, options)])
    found: dict[str, list[Hypothesis]] = {}
    while len(batcher):
        found.update(batcher.advance())
    expected = BatchDecoder([RepeatingEngine]).search([(0, [A, B]), (1, [A] * 9)], 1, options)
    assert found == {"repeats": expected[0], "allowed": expected[1]}
    assert found["allowed"][0].tokens == [A] * 9


class FailingEngine(FakeEngine):
    """Engine that cannot encode a source that contains 5."""

    def admit(self, slots, sources, required_ids):
        if any(5 in source for source in sources):
            raise MemoryError
        super().admit(slots, sources, required_ids)


def test_failed_admission_admits_no_sentence() -> None:
    batcher = ContinuousBatcher(FailingEngine(4, 2))
    batcher.admit([DecodingRequest("before", [1], OPTIONS[0])])
    with pytest.raises(MemoryError):
        batcher.admit([DecodingRequest("good", [1], OPTIONS[0]), DecodingRequest("bad", [5], OPTIONS[1])])
    assert len(batcher) == 1
    batcher.admit([DecodingRequest("good", [1], OPTIONS[0])])
    found: dict[str, list[Hypothesis]] = {}
    while len(batcher):
        found.update(batcher.advance())
    assert set(found) == {"before", "good"}
    assert found["before"] == found["good"]
