"""The order and the limits of the queue, with batchers without a model."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from types import SimpleNamespace

import pytest
from scheduler_setup import LIMIT, LONG, SLOTS, SchedulerSetup, wait_for_texts
from serving import wait_until

from serve.errors import QueueFullError
from serve.scheduling import scheduler as scheduler_module


@pytest.fixture
def setup() -> Iterator[SchedulerSetup]:
    setup = SchedulerSetup()
    yield setup
    setup.fake.open.set()
    setup.scheduler.close()


def test_translations_are_in_the_order_of_the_sentences(setup: SchedulerSetup):
    assert wait_for_texts(setup.submit("STEPS3 a", "b", "STEPS2 c")) == ["[STEPS3 a]", "[b]", "[STEPS2 c]"]
    assert wait_for_texts(setup.submit()) == []


def test_small_requests_overtake_a_large_one_which_keeps_its_share(
    setup: SchedulerSetup, monkeypatch: pytest.MonkeyPatch
):
    now = time.monotonic()
    monkeypatch.setattr(scheduler_module, "time", SimpleNamespace(monotonic=lambda: now))
    setup.model.throughput.record(1.0, ["x" * 80])  # 10 ms per character: 0.28 s for a sentence of 8
    setup.block()
    large = setup.submit(*[f"large {n:2}" for n in range(40)], seconds=1e6)
    small = []
    for n in range(20):
        now += 1.0
        small.append(setup.submit(f"small {n:2}", seconds=1e6))
    setup.fake.open.set()
    for request in (large, *small):
        request.future.result(30)
    order = [text.split()[0] for text in setup.fake.decoded()[SLOTS:]]
    # Small requests come once per second; sentences of the large one fall due every 0.28 / 0.25 s.
    assert 15 <= order[: order.index("small", 30)].count("large") <= 20
    assert order[:38].count("small") == 20


@pytest.mark.parametrize("cost", [0.0, 1000.0])
def test_a_request_that_costs_more_than_estimated_is_postponed(
    setup: SchedulerSetup, monkeypatch: pytest.MonkeyPatch, cost: float
):
    now = time.monotonic()
    monkeypatch.setattr(scheduler_module, "time", SimpleNamespace(monotonic=lambda: now))
    setup.model.throughput.record(1.0, ["x" * 80])
    setup.block()
    large = setup.submit(*[f"large {n:2}" for n in range(40)], seconds=1e6)
    large.record_excess(cost)
    now += 20.0
    small = setup.submit("small", seconds=1e6)
    setup.fake.open.set()
    for request in (large, small):
        request.future.result(30)
    position = setup.fake.decoded()[SLOTS:].index("small")
    assert position == 0 if cost else position > 10


def test_an_earlier_request_of_the_same_size_goes_first(setup: SchedulerSetup):
    setup.block()
    requests = [setup.submit(*[f"{n}"] * 3) for n in range(6)]
    setup.fake.open.set()
    for request in requests:
        request.future.result(30)
    order = setup.fake.decoded()[SLOTS:]
    assert order.index("0") < order.index("5")
    assert order[0] == "0"
    assert order[-1] == "5"


def test_each_chunk_of_a_long_sentence_takes_a_slot(setup: SchedulerSetup):
    assert wait_for_texts(setup.submit("a|b|c|d|e|f|g", "h")) == ["[a|b|c|d|e|f|g]", "[h]"]


def test_small_requests_overtake_the_chunks_of_one_long_sentence(
    setup: SchedulerSetup, monkeypatch: pytest.MonkeyPatch
):
    now = time.monotonic()
    monkeypatch.setattr(scheduler_module, "time", SimpleNamespace(monotonic=lambda: now))
    setup.model.throughput.record(1.0, ["x" * 80])
    setup.fake.open.clear()
    large = setup.submit("|".join(f"large {n:3}" for n in range(100)), seconds=1e6)
    wait_until(lambda: setup.fake.decoded())  # it has been split
    assert setup.metric("nmt_waiting_sentences") == 99
    small = setup.submit("small", seconds=1e6)
    setup.fake.open.set()
    assert wait_for_texts(small) == ["[small]"]
    assert setup.fake.decoded().index("small") <= 2 * SLOTS
    assert len(large.future.result(30)) == 1
    assert setup.metric("nmt_waiting_sentences") == 0


def test_the_chunks_of_a_cancelled_sentence_leave_the_queue(setup: SchedulerSetup):
    setup.fake.open.clear()
    request = setup.submit("|".join(f"{n}" for n in range(50)))
    wait_until(lambda: setup.fake.decoded())
    request.future.cancel()
    assert setup.metric("nmt_waiting_sentences") == 0
    setup.fake.open.set()
    assert wait_for_texts(setup.submit("after")) == ["[after]"]
    assert setup.fake.decoded() == ["0", "after"]


def test_workers_share_the_chunks_of_a_sentence():
    setup = SchedulerSetup(workers=2)
    setup.fake.open.clear()
    request = setup.submit("|".join(f"STEPS2 {n}" for n in range(4 * SLOTS)))
    wait_until(lambda: len(setup.fake.batchers) == 2 and all(batcher.running for batcher in setup.fake.batchers))
    setup.fake.open.set()
    assert len(wait_for_texts(request)) == 1
    setup.scheduler.close()


def test_the_queue_is_bounded_and_accepts_all_sentences_of_a_request_or_none(setup: SchedulerSetup):
    setup.block()
    setup.submit(*["x"] * (LIMIT - 1))
    with pytest.raises(QueueFullError):
        setup.submit("y", "y")
    last = setup.submit("z")
    assert setup.metric("nmt_waiting_sentences") == LIMIT
    setup.fake.open.set()
    assert wait_for_texts(last) == ["[z]"]
    assert "y" not in setup.fake.decoded()


def test_a_request_that_can_hardly_finish_in_time_is_refused_with_a_time_to_wait(setup: SchedulerSetup):
    setup.model.throughput.record(100.0, ["x" * 80] * 10)  # 10 seconds per sentence
    setup.block()
    setup.submit("x" * 80)
    with pytest.raises(QueueFullError) as refused:
        setup.submit("x" * 80, seconds=30)
    assert 1 <= refused.value.retry_after <= 10
    setup.submit("x" * 80, seconds=60)


def test_an_empty_queue_accepts_any_request(setup: SchedulerSetup):
    setup.model.throughput.record(100.0, ["x" * 80])
    assert len(wait_for_texts(setup.submit(*["x"] * (LIMIT + 1), seconds=5))) == LIMIT + 1


def test_cancelled_sentences_leave_the_queue_and_their_slots(setup: SchedulerSetup):
    blocking = setup.block()
    gone = [setup.submit("gone") for _ in range(LIMIT)]
    assert all(request.future.cancel() for request in (*gone, blocking))
    stays = setup.submit(*["stays"] * LIMIT)
    setup.fake.open.set()
    assert wait_for_texts(stays) == ["[stays]"] * LIMIT
    assert "gone" not in setup.fake.decoded()
    wait_until(lambda: not setup.fake.batchers[0].running)


def test_a_sentence_past_its_deadline_is_not_started(setup: SchedulerSetup):
    setup.block()
    late = setup.submit("late", seconds=0.01)
    time.sleep(0.02)
    setup.fake.open.set()
    assert wait_for_texts(setup.submit("next")) == ["[next]"]
    assert "late" not in setup.fake.decoded()
    assert not late.future.done()  # the caller has a time-out of its own


def test_sentences_past_their_deadline_do_not_block_others(setup: SchedulerSetup):
    setup.model.throughput.record(1e-9, ["x"])
    setup.block()
    for _ in range(2 * SLOTS):
        setup.submit("late", seconds=0.2)
    good = setup.submit("good")
    time.sleep(0.25)
    setup.fake.open.set()
    assert wait_for_texts(good) == ["[good]"]


def test_a_continued_request_is_not_refused_and_later_cost_counts(setup: SchedulerSetup):
    setup.model.throughput.record(100.0, ["x" * 80] * 100)  # 1 second per sentence
    setup.block()
    setup.submit("x" * 80)
    deadline = time.monotonic() + 30
    sentence = [setup.create_sentence("x" * 80)]
    with pytest.raises(QueueFullError):
        setup.scheduler.submit(sentence, deadline, later_cost=20)
    setup.scheduler.submit(sentence, deadline, later_cost=20, continued=True)


def test_each_sentence_is_reported_when_it_is_finished(setup: SchedulerSetup):
    reported: list[tuple[int, str]] = []
    setup.submit("STEPS9 a", "b", "STEPS4 c", on_sentence=lambda n, t: reported.append((n, t.text))).future.result(30)
    assert reported == [(1, "[b]"), (2, "[STEPS4 c]"), (0, "[STEPS9 a]")]


def test_translations_are_cached_by_everything_that_affects_them():
    setup = SchedulerSetup(cache_size=2)
    setup.submit("a").future.result(30)
    assert wait_for_texts(setup.submit("a")) == ["[a]"]
    setup.submit("a", num_hypotheses=2).future.result(30)
    setup.submit("a", beam_size=3).future.result(30)
    scoped = setup.create_sentence("a", cache_scope="mine")
    setup.scheduler.submit([scoped], time.monotonic() + LONG).future.result(30)
    setup.model.checksum = "2"
    setup.submit("a").future.result(30)
    assert setup.fake.decoded() == ["a"] * 5
    assert setup.metric('nmt_cache_total{result="hit"}') == 1
    setup.scheduler.close()


def test_idle_workers_share_a_request():
    setup = SchedulerSetup(workers=2)
    setup.fake.open.clear()
    request = setup.submit("a", "b", "c", "d")
    wait_until(lambda: len(setup.fake.admitted) == 2)
    assert sorted(map(len, setup.fake.admitted)) == [2, 2]
    setup.fake.open.set()
    request.future.result(30)
    setup.scheduler.close()


def test_many_clients_at_once():
    setup = SchedulerSetup(workers=2, cache_size=10)
    answers: dict[int, list[str]] = {}

    def translate(n: int) -> None:
        request = setup.submit(f"STEPS{n % 7 + 1} {n}a", f"{n}b", num_hypotheses=n % 3 + 1)
        if n % 5 == 0:
            request.future.cancel()
        else:
            answers[n] = wait_for_texts(request)

    threads = [threading.Thread(target=translate, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == {n: [f"[STEPS{n % 7 + 1} {n}a]", f"[{n}b]"] for n in range(60) if n % 5}
    wait_until(lambda: all(not batcher.running for batcher in setup.fake.batchers))
    assert setup.metric("nmt_waiting_sentences") == 0
    setup.scheduler.close()


def test_requests_resolve_once_even_if_cancelled_at_the_same_time(setup: SchedulerSetup):
    futures = [setup.submit("x", "x").future for _ in range(20)]
    kept = [future for future in futures if not future.cancel()]
    assert wait(kept, timeout=30).not_done == set()


def test_a_request_overtakes_all_that_another_client_has_queued(setup: SchedulerSetup):
    setup.block()
    flood = [setup.submit("flood", client="a") for _ in range(LIMIT)]
    small = setup.submit("small", client="b")
    setup.fake.open.set()
    for request in (*flood, small):
        request.future.result(30)
    assert setup.fake.decoded()[SLOTS:].index("small") <= SLOTS


def test_clients_with_full_queues_take_turns(setup: SchedulerSetup):
    setup.block()
    requests = [setup.submit(client, client=client) for client in ("a" * 40 + "b" * 10)]
    setup.fake.open.set()
    for request in requests:
        request.future.result(30)
    assert abs(setup.fake.decoded()[SLOTS : SLOTS + 20].count("b") - 10) <= SLOTS


def test_a_full_queue_admits_each_client_up_to_its_share(setup: SchedulerSetup):
    setup.block()
    setup.submit(*["x"] * LIMIT, client="a")
    with pytest.raises(QueueFullError):
        setup.submit("x", client="a")
    setup.submit(*["y"] * (LIMIT // 2), client="b")
    with pytest.raises(QueueFullError):
        setup.submit("y", client="b")


def test_the_time_that_another_client_needs_counts_up_to_the_time_of_the_request(setup: SchedulerSetup):
    setup.model.throughput.record(100.0, ["x" * 80] * 100)  # 1 second per sentence
    setup.block()
    setup.submit(*["x" * 80] * 50, client="a", seconds=1000)
    with pytest.raises(QueueFullError):
        setup.submit("x" * 80, client="a", seconds=30)
    setup.submit("x" * 80, client="b", seconds=30)


def test_a_long_sentence_counts_as_its_chunks(setup: SchedulerSetup):
    setup.block()
    setup.submit("x" * 200 * (LIMIT - 1))
    with pytest.raises(QueueFullError):
        setup.submit("x" * 400)
    setup.submit("x" * 200)
