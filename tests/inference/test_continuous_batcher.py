"""Continuous batching: sentences enter and leave at any step, and each is decoded as if it were alone."""

import random
from collections.abc import Hashable, Sequence
from dataclasses import replace

import pytest
from engines import VOCABULARY, HalfVocabularyShortlist, native_factory, network
from fake_engine import FakeEngine
from repeating_engine import RepeatingEngine

from nmt.corpus.tokenizer import FIRST_TEXT_ID, placeholder_id
from nmt.engine.factory import EngineFactory
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


NATIVE_OPTIONS = [
    DecodingOptions(),
    DecodingOptions(num_hypotheses=3, length_penalty=0.3, return_attention=False),
    DecodingOptions(no_repeat_ngram_size=2),
    DecodingOptions(target_prefix=(A, B)),
    DecodingOptions(force_phrases=((A, B),)),
    DecodingOptions(copy_tokens=(placeholder_id(0),), num_hypotheses=2),
    DecodingOptions(coverage_penalty=0.3),
    DecodingOptions(sampling_temperature=1.0, seed=3, num_hypotheses=2),
    DecodingOptions(return_alternatives=True, num_hypotheses=3),
    DecodingOptions(num_beam_groups=3, num_hypotheses=3),
]


def make_engine(num_slots: int, beam_size: int) -> FakeEngine:
    return FakeEngine(num_slots, beam_size)


def decode_alone(make_engine: EngineFactory, request: DecodingRequest) -> list[Hypothesis]:
    return BatchDecoder([make_engine]).search([(0, request.source_ids)], 3, request.options)[0]


def check_random_schedule(make_engine: EngineFactory, requests: Sequence[DecodingRequest], rng: random.Random) -> None:
    """Let sentences enter and leave at random, and compare each result with that of the sentence alone."""
    batcher = ContinuousBatcher(make_engine(4, 3))
    waiting = list(requests)
    found: dict[Hashable, list[Hypothesis]] = {}
    running: set[Hashable] = set()
    released: list[Hashable] = []
    while waiting or running:
        admitted = waiting[: rng.randint(0, batcher.num_free)]
        del waiting[: len(admitted)]
        batcher.admit(admitted)
        running.update(request.key for request in admitted)
        if running and len(released) < len(requests) // 3 and rng.random() < 0.1:
            released.append(rng.choice(sorted(running, key=str)))
            batcher.release(released[-1:])
            running.remove(released[-1])
        assert len(batcher) == len(running) == batcher.num_slots - batcher.num_free
        for key, hypotheses in batcher.advance(rng.randint(1, 9)):
            found[key] = hypotheses
            running.remove(key)
    assert set(found) == {request.key for request in requests}.difference(released)
    for request in requests:
        assert found.get(request.key) in (None, decode_alone(make_engine, request))


@pytest.mark.parametrize("seed", range(20))
def test_results_do_not_depend_on_the_other_sentences(seed: int) -> None:
    rng = random.Random(seed)
    sources = [rng.choices(range(6), k=rng.randint(1, 3)) for _ in range(12)]
    requests = [DecodingRequest(n, source, rng.choice(OPTIONS)) for n, source in enumerate(sources)]
    check_random_schedule(make_engine, requests, rng)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("seed", range(5))
def test_results_on_the_native_engine_do_not_depend_on_the_other_sentences(seed: int, precision: str) -> None:
    """Sentences that the native search decodes share the slots with sentences that need `nmt.search`."""
    rng = random.Random(seed)
    native = native_factory(network(attention="multihead"), precision, HalfVocabularyShortlist() if seed % 2 else None)
    sources = [rng.choices(range(FIRST_TEXT_ID, VOCABULARY), k=rng.randint(1, 12)) for _ in range(24)]
    requests = [DecodingRequest(n, source, rng.choice(NATIVE_OPTIONS)) for n, source in enumerate(sources)]
    check_random_schedule(native, requests, rng)


def test_every_search_advances_while_the_other_has_sentences() -> None:
    """A constrained sentence finishes although plain ones enter all the time, and a plain one the other way round."""
    plain = DecodingOptions(retry_repetition=False)
    constrained = replace(plain, target_prefix=(A,))
    for single, others in ((plain, constrained), (constrained, plain)):
        batcher = ContinuousBatcher(native_factory(network(attention="multihead"))(2, 3))
        batcher.admit([DecodingRequest("single", [A] * 5, single), DecodingRequest(0, [B] * 5, others)])
        max_steps = single.length_limits(5)[1]
        finished: set[Hashable] = set()
        for step in range(1, max_steps + 1):
            finished |= {key for key, _ in batcher.advance(max_steps)}
            if batcher.num_free and "single" not in finished:
                batcher.admit([DecodingRequest(step, [B] * 5, others)])
        assert "single" in finished


def test_plain_sentences_advance_by_several_tokens_alone_and_by_one_beside_others() -> None:
    engine = native_factory(network(attention="multihead"))(2, 3)
    long = DecodingOptions(min_length_ratio=2.0, retry_repetition=False)
    calls = {}
    for max_steps in (1, 5, 1000):
        batcher = ContinuousBatcher(engine)
        batcher.admit([DecodingRequest("plain", [A] * 20, long)])
        calls[max_steps] = 1
        while not batcher.advance(max_steps):
            calls[max_steps] += 1
    assert calls[5] == -(-calls[1] // 5)
    assert calls[1000] == 1
    batcher.admit(
        [
            DecodingRequest("plain", [A] * 20, long),
            DecodingRequest("other", [A] * 40, DecodingOptions(target_prefix=(A,) * 90)),
        ]
    )
    for _ in range(calls[1] - 1):
        assert not batcher.advance(1000)
    assert [key for key, _ in batcher.advance(1000)] == ["plain"]


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


@pytest.mark.parametrize("bad_options", [DecodingOptions(), DecodingOptions(target_prefix=(A,))])
def test_failed_admission_to_one_search_admits_no_sentence_to_the_other(bad_options: DecodingOptions) -> None:
    batcher = ContinuousBatcher(native_factory(network(attention="multihead"))(3, 2))
    plain, constrained = DecodingOptions(), DecodingOptions(target_prefix=(A,))
    requests = [DecodingRequest("plain", [A, B], plain), DecodingRequest("other", [A, B], constrained)]
    for order in (requests, requests[::-1]):
        with pytest.raises(ValueError, match="token"):
            batcher.admit([*order, DecodingRequest("bad", [VOCABULARY], bad_options)])
        assert batcher.num_free == 3
    batcher.admit(requests)
    found: set[Hashable] = set()
    while len(batcher):
        found |= {key for key, _ in batcher.advance()}
    assert found == {"plain", "other"}


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
