"""Worker threads on batchers without a model."""

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from fake_translator import FakeTranslator
from scheduler_setup import LONG, SLOTS, SchedulerSetup, wait_for_texts
from serving import wait_until

from nmt.inference.text_options import TextOptions
from nmt.search.options import DecodingOptions
from serve.errors import NotReadyError, TranslationFailedError
from serve.models.served_model import ServedModel
from serve.scheduling.jobs import PendingRequest, Sentence
from serve.scheduling.throughput import ThroughputEstimate
from serve.workers import thread as thread_module


@pytest.fixture
def setup() -> Iterator[SchedulerSetup]:
    setup = SchedulerSetup()
    yield setup
    setup.fake.open.set()
    setup.scheduler.close()


def test_a_free_slot_is_refilled_while_other_sentences_are_decoded(setup: SchedulerSetup):
    first = setup.submit("STEPS50 slow", "a", "b", "c")
    second = setup.submit("d", "e", "f")
    assert wait_for_texts(second) == ["[d]", "[e]", "[f]"]
    assert wait_for_texts(first)[0] == "[STEPS50 slow]"
    (batcher,) = setup.fake.batchers
    assert batcher.steps <= 52


def test_sentences_of_all_requests_share_a_batch(setup: SchedulerSetup):
    setup.block()
    requests = [setup.submit(f"{n}") for n in range(SLOTS)]
    setup.fake.open.set()
    assert [wait_for_texts(request) for request in requests] == [[f"[{n}]"] for n in range(SLOTS)]
    assert setup.fake.admitted[1:] == [[f"{n}" for n in range(SLOTS)]]


def test_small_requests_beside_a_long_sentence_do_not_distort_the_throughput(
    setup: SchedulerSetup, monkeypatch: pytest.MonkeyPatch
):
    """The time spent on the long sentence is not attributed to the characters of the small ones."""
    ticks = itertools.count(step=0.01)
    clock = SimpleNamespace(monotonic=time.monotonic, perf_counter=lambda: next(ticks))
    monkeypatch.setattr(thread_module, "time", clock)

    def slowest(*sentences: str) -> float:
        """Return the largest number of seconds per character that was measured."""
        measured: list[float] = []

        def record(seconds: float, finished: list[str]) -> None:
            measured.append(seconds / max(1, sum(map(len, finished))))

        monkeypatch.setattr(setup.model.throughput, "record", record)
        large = setup.submit(*sentences)
        while not large.future.done():
            wait_for_texts(setup.submit(*["STEPS3 " + "y" * 20] * SLOTS))
        return max(measured)

    chunks = ["STEPS3 " + "x" * 20] * 80
    assert slowest("|".join(chunks)) < 2 * slowest(*chunks)


def test_the_cost_of_a_task_is_its_share_of_all_steps(setup: SchedulerSetup, monkeypatch: pytest.MonkeyPatch):
    """Two sentences share three steps of 10 ms: each costs 15 ms, whatever the estimate."""
    ticks = itertools.count(step=0.01)
    setup.block()
    monkeypatch.setattr(
        thread_module, "time", SimpleNamespace(monotonic=time.monotonic, perf_counter=lambda: next(ticks))
    )
    charged: list[float] = []
    monkeypatch.setattr(PendingRequest, "record_excess", lambda _, excess: charged.append(excess))
    monkeypatch.setattr(setup.model.throughput, "estimate", lambda text: 0.01)
    request = setup.submit("STEPS3 a", "STEPS3 b")
    setup.fake.open.set()
    request.future.result(30)
    assert charged[-2:] == pytest.approx([0.005, 0.005])


def test_requests_may_have_different_options_and_beam_sizes(setup: SchedulerSetup):
    requests = [setup.submit("a", num_hypotheses=3), setup.submit("b"), setup.submit("c", beam_size=5)]
    assert [wait_for_texts(request) for request in requests] == [["[a]"], ["[b]"], ["[c]"]]
    assert len(requests[0].future.result()[0].translation.alternatives) == 2
    assert sorted(batcher.beam_size for batcher in setup.fake.batchers) == [2, 5]


def test_a_sentence_that_cannot_be_admitted_fails_alone_and_the_worker_continues(setup: SchedulerSetup):
    setup.block()
    good, bad, unspeakable = setup.submit("good"), setup.submit("EXPLODE", "other"), setup.submit("UNSPEAKABLE")
    setup.fake.open.set()
    for request in (bad, unspeakable):
        with pytest.raises(TranslationFailedError):
            request.future.result(30)
    assert wait_for_texts(good) == ["[good]"]
    assert wait_for_texts(setup.submit("after")) == ["[after]"]


def test_a_sentence_without_scores_fails_alone(setup: SchedulerSetup, caplog: pytest.LogCaptureFixture):
    setup.block()
    good, bad = setup.submit("good"), setup.submit("NAN")
    setup.fake.open.set()
    with pytest.raises(TranslationFailedError):
        bad.future.result(30)
    assert wait_for_texts(good) == ["[good]"]
    assert "the network computes scores that are NaN" in caplog.text
    assert len(setup.fake.batchers) == 1


def test_a_failing_step_fails_only_the_running_sentences(setup: SchedulerSetup, caplog: pytest.LogCaptureFixture):
    setup.block()
    broken = [setup.submit(text) for text in ("BREAK", "b", "c", "d")]
    waiting = setup.submit("later")
    setup.fake.open.set()
    for request in broken:
        with pytest.raises(TranslationFailedError):
            request.future.result(30)
    assert wait_for_texts(waiting) == ["[later]"]
    assert len(caplog.records) == 1
    assert len(setup.fake.batchers) == 2


def test_sentences_are_retried_after_their_process_is_lost(setup: SchedulerSetup):
    setup.fake.deaths = 1
    setup.block()
    cancelled, *others = [setup.submit(text) for text in ("never mind", "STEPS9 a", "KILL b", "c")]
    cancelled.future.cancel()
    setup.fake.open.set()
    assert [wait_for_texts(request) for request in others] == [["[STEPS9 a]"], ["[KILL b]"], ["[c]"]]
    assert len(setup.fake.batchers) == 2
    wait_until(lambda: setup.metric("nmt_slots_in_use") == 0)


def test_chunks_are_retried_after_several_processes_are_lost_together():
    setup = SchedulerSetup(workers=2)
    setup.fake.open.clear()
    request = setup.submit("|".join(f"STEPS2 {n}" for n in range(2 * SLOTS)))
    wait_until(lambda: len(setup.fake.batchers) == 2 and all(batcher.running for batcher in setup.fake.batchers))
    for batcher in setup.fake.batchers:
        batcher.lost = True
    setup.fake.open.set()
    assert len(wait_for_texts(request)) == 1
    assert len(setup.fake.batchers) == 4
    setup.scheduler.close()


def test_a_sentence_that_kills_two_processes_fails(setup: SchedulerSetup):
    setup.fake.deaths = 3
    with pytest.raises(TranslationFailedError):
        setup.submit("KILL").future.result(30)
    assert setup.fake.deaths == 1
    assert wait_for_texts(setup.submit("after")) == ["[after]"]


def test_the_log_of_a_failure_contains_no_text_of_the_user(setup: SchedulerSetup, caplog: pytest.LogCaptureFixture):
    with pytest.raises(TranslationFailedError):
        setup.submit("EXPLODE my secret").future.result(30)
    (record,) = caplog.records
    assert "RuntimeError" in record.getMessage()
    assert "secret" not in caplog.text


def test_a_cancelled_sentence_frees_its_slot_at_the_next_step(setup: SchedulerSetup):
    slow = setup.submit(*["STEPS1000000 slow"] * SLOTS)
    wait_until(lambda: setup.fake.batchers and len(setup.fake.batchers[0]) == SLOTS)
    slow.future.cancel()
    assert wait_for_texts(setup.submit("next")) == ["[next]"]


def test_closing_the_queue_finishes_waiting_sentences_and_ends_the_workers():
    before = set(threading.enumerate())
    setup = SchedulerSetup(workers=2)
    threads = set(threading.enumerate()) - before
    assert len(threads) == 2
    setup.fake.open.clear()
    requests = [setup.submit("a", "b"), setup.submit(*["c"] * 20)]
    setup.scheduler.close()
    with pytest.raises(NotReadyError):
        setup.submit("d")
    setup.fake.open.set()
    assert [len(wait_for_texts(request)) for request in requests] == [2, 20]
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_a_retired_model_finishes_its_work_and_its_batches_are_dropped(setup: SchedulerSetup):
    blocking = setup.block()
    fresh = FakeTranslator(checksum="2")
    setup.model.retired = True
    direction = ServedModel(fresh, SLOTS, ThroughputEstimate()).direction(("en", "fr"))
    sentence = Sentence("new", direction, 2, DecodingOptions(), TextOptions())
    new = setup.scheduler.submit([sentence], time.monotonic() + LONG)
    setup.fake.open.set()
    assert wait_for_texts(blocking) == ["[blocking]"] * SLOTS
    assert wait_for_texts(new) == ["[new]"]
    setup.scheduler.wake_workers()
    retired = weakref.ref(setup.model)
    del setup.model, blocking

    def dropped() -> bool:
        gc.collect()
        return retired() is None

    wait_until(dropped)
