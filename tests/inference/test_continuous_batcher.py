"""Sentences come and go by themselves, and each is translated as if it were alone."""

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


def make_engine(slots: int, beam: int) -> FakeEngine:
    return FakeEngine(slots, beam)


def alone(source: Sequence[int], options: DecodingOptions) -> list[Hypothesis]:
    return BatchDecoder([make_engine]).search([(0, source)], 3, options)[0]


@pytest.mark.parametrize("seed", range(20))
def test_a_sentence_is_searched_as_if_alone_whatever_comes_and_goes(seed: int) -> None:
    rng = random.Random(seed)
    loop = ContinuousBatcher(make_engine(3, 3))
    sources = [rng.choices(range(6), k=rng.randint(1, 3)) for _ in range(12)]
    wishes = [rng.choice(OPTIONS) for _ in sources]
    waiting = list(range(len(sources)))
    found: dict[Hashable, list[Hypothesis]] = {}
    working: set[Hashable] = set()
    while waiting or working:
        some = waiting[: rng.randint(0, loop.free)]
        del waiting[: len(some)]
        loop.admit([DecodingRequest(n, sources[n], wishes[n]) for n in some])
        working.update(some)
        if working and rng.random() < 0.1:
            gone = rng.choice(list(working))
            loop.release([gone])
            working.remove(gone)
        assert len(loop) == len(working) == loop.slots - loop.free
        for n, hypotheses in loop.advance() if working else []:
            found[n] = hypotheses
            working.remove(n)
    assert len(found) >= 6
    for n in range(len(sources)):
        assert found.get(n) in (None, alone(sources[n], wishes[n]))


def test_a_loop_gets_the_second_try_that_files_get() -> None:
    options = DecodingOptions(max_length_extra=10, max_length_ratio=0.0)
    loop = ContinuousBatcher(RepeatingEngine(4, 1))
    loop.admit([DecodingRequest("stutters", [A, B], options), DecodingRequest("excused", [A] * 9, options)])
    found: dict[str, list[Hypothesis]] = {}
    while len(loop):
        found.update(loop.advance())
    expected = BatchDecoder([RepeatingEngine]).search([(0, [A, B]), (1, [A] * 9)], 1, options)
    assert found == {"stutters": expected[0], "excused": expected[1]}
    assert found["excused"][0].tokens == [A] * 9


class Fragile(FakeEngine):
    """Can't encode a source with a 5 in it."""

    def admit(self, slots, sources, constraints):
        if any(5 in source for source in sources):
            raise MemoryError
        super().admit(slots, sources, constraints)


def test_where_admission_fails_nobody_is_in() -> None:
    loop = ContinuousBatcher(Fragile(4, 2))
    loop.admit([DecodingRequest("before", [1], OPTIONS[0])])
    with pytest.raises(MemoryError):
        loop.admit([DecodingRequest("good", [1], OPTIONS[0]), DecodingRequest("bad", [5], OPTIONS[1])])
    assert len(loop) == 1
    loop.admit([DecodingRequest("good", [1], OPTIONS[0])])
    found: dict[str, list[Hypothesis]] = {}
    while len(loop):
        found.update(loop.advance())
    assert set(found) == {"before", "good"}
    assert found["before"] == found["good"]
