"""The queue, its order and its limits, on decode loops without a model."""

import itertools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import wait
from types import SimpleNamespace

import pytest
from fake_translator import FakeTranslator
from serving import wait_until

from nmt.search.options import DecodingOptions
from serve.errors import NotReadyError, QueueFullError, TranslationFailedError
from serve.metrics import Metrics
from serve.models.registry import ServedModel
from serve.scheduling import scheduler as scheduler_module
from serve.scheduling.scheduler import PendingRequest, Scheduler, Sentence
from serve.workers import thread as decoding_module

SLOTS, LIMIT, LONG = 4, 100, 60.0


class Rig:
    """A scheduler with one thread, and a model."""

    def __init__(self, threads: int = 1, cached: int = 0) -> None:
        self.fake = FakeTranslator()
        self.model = ServedModel(self.fake, SLOTS)
        self.metrics = Metrics()
        self.scheduler = Scheduler(threads, SLOTS, LIMIT, cached, self.metrics)

    def submit(self, *texts: str, seconds: float = LONG, n_best: int = 1, beam: int = 2, each=None) -> PendingRequest:
        options = DecodingOptions(num_hypotheses=n_best)
        sentences = [Sentence(text, beam, options) for text in texts]
        return self.scheduler.submit(self.model, sentences, time.monotonic() + seconds, each)

    def block(self) -> PendingRequest:
        """Keep the thread in a step, all slots in use, until ``fake.open`` is set."""
        self.fake.open.clear()
        ticket = self.submit(*["blocking"] * SLOTS)
        wait_until(lambda: len(self.fake.admitted) == 1)
        return ticket

    def metric(self, line: str) -> float:
        found = [each for each in self.metrics.render().decode().splitlines() if each.startswith(line)]
        return float(found[0].split()[-1])


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.fake.open.set()
    rig.scheduler.close()


def texts(ticket: PendingRequest) -> list[str]:
    return [translation.text for translation in ticket.future.result(30)]


def test_results_come_in_order(rig: Rig):
    assert texts(rig.submit("STEPS3 a", "b", "STEPS2 c")) == ["[STEPS3 a]", "[b]", "[STEPS2 c]"]
    assert texts(rig.submit()) == []


def test_a_freed_slot_is_filled_while_others_go_on(rig: Rig):
    first = rig.submit("STEPS50 slow", "a", "b", "c")
    second = rig.submit("d", "e", "f")
    assert texts(second) == ["[d]", "[e]", "[f]"]
    assert texts(first)[0] == "[STEPS50 slow]"
    (loop,) = rig.fake.loops
    assert loop.steps <= 52


def test_sentences_of_all_requests_share_a_loop(rig: Rig):
    rig.block()
    tickets = [rig.submit(f"{n}") for n in range(SLOTS)]
    rig.fake.open.set()
    assert [texts(ticket) for ticket in tickets] == [[f"[{n}]"] for n in range(SLOTS)]
    assert rig.fake.admitted[1:] == [[f"{n}" for n in range(SLOTS)]]


def test_small_requests_overtake_a_large_one_which_keeps_its_share(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    now = time.monotonic()
    monkeypatch.setattr(scheduler_module, "time", SimpleNamespace(monotonic=lambda: now))
    rig.model.throughput.worked(1.0, ["x" * 80])  # 10 ms a character: 0.28 s for a sentence of 8 characters
    rig.block()
    large = rig.submit(*[f"large {n:2}" for n in range(40)], seconds=1e6)
    small = []
    for n in range(20):
        now += 1.0
        small.append(rig.submit(f"small {n:2}", seconds=1e6))
    rig.fake.open.set()
    for ticket in (large, *small):
        ticket.future.result(30)
    order = [text.split()[0] for text in rig.fake.seen()[SLOTS:]]
    # The small ones come a second apart, the large one's sentences fall due every 0.28 / 0.25 s.
    assert 15 <= order[: order.index("small", 30)].count("large") <= 20
    assert order[:38].count("small") == 20


@pytest.mark.parametrize("cost", [0.0, 1000.0])
def test_what_costs_more_than_was_thought_is_put_off(rig: Rig, monkeypatch: pytest.MonkeyPatch, cost: float):
    now = time.monotonic()
    monkeypatch.setattr(scheduler_module, "time", SimpleNamespace(monotonic=lambda: now))
    rig.model.throughput.worked(1.0, ["x" * 80])
    rig.block()
    large = rig.submit(*[f"large {n:2}" for n in range(40)], seconds=1e6)
    large.charge(cost)
    now += 20.0
    small = rig.submit("small", seconds=1e6)
    rig.fake.open.set()
    for ticket in (large, small):
        ticket.future.result(30)
    place = rig.fake.seen()[SLOTS:].index("small")
    assert place == 0 if cost else place > 10


def test_small_requests_beside_a_long_sentence_leave_the_pace_as_it_is(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    """Else what is done for the long one would be laid to the charge of the small ones' characters."""
    ticks = itertools.count(step=0.01)
    clock = SimpleNamespace(monotonic=time.monotonic, perf_counter=lambda: next(ticks))
    monkeypatch.setattr(decoding_module, "time", clock)

    def slowest(*sentences: str) -> float:
        """Seconds a character, of all that was measured meanwhile."""
        measured: list[float] = []

        def worked(seconds: float, finished: list[str]) -> None:
            measured.append(seconds / max(1, sum(map(len, finished))))

        monkeypatch.setattr(rig.model.throughput, "worked", worked)
        large = rig.submit(*sentences)
        while not large.future.done():
            texts(rig.submit(*["STEPS3 " + "y" * 20] * SLOTS))
        return max(measured)

    chunks = ["STEPS3 " + "x" * 20] * 80
    assert slowest("|".join(chunks)) < 2 * slowest(*chunks)


def test_the_cost_of_what_is_done_is_its_share_of_all_steps(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    """Two sentences of three steps of 10 ms each: every one of them costs 15 ms, whatever was estimated."""
    ticks = itertools.count(step=0.01)
    rig.block()
    monkeypatch.setattr(
        decoding_module, "time", SimpleNamespace(monotonic=time.monotonic, perf_counter=lambda: next(ticks))
    )
    charged: list[float] = []
    monkeypatch.setattr(PendingRequest, "charge", lambda _, excess: charged.append(excess))
    monkeypatch.setattr(rig.model.throughput, "estimate", lambda text: 0.01)
    ticket = rig.submit("STEPS3 a", "STEPS3 b")
    rig.fake.open.set()
    ticket.future.result(30)
    assert charged[-2:] == pytest.approx([0.005, 0.005])


def test_an_earlier_request_of_the_same_size_goes_first(rig: Rig):
    rig.block()
    tickets = [rig.submit(*[f"{n}"] * 3) for n in range(6)]
    rig.fake.open.set()
    for ticket in tickets:
        ticket.future.result(30)
    order = rig.fake.seen()[SLOTS:]
    assert order.index("0") < order.index("5")
    assert order[0] == "0"
    assert order[-1] == "5"


def test_a_long_sentence_takes_a_slot_for_each_of_its_parts(rig: Rig):
    assert texts(rig.submit("a|b|c|d|e|f|g", "h")) == ["[a|b|c|d|e|f|g]", "[h]"]


def test_small_requests_overtake_the_parts_of_one_long_sentence(rig: Rig, monkeypatch: pytest.MonkeyPatch):
    now = time.monotonic()
    monkeypatch.setattr(scheduler_module, "time", SimpleNamespace(monotonic=lambda: now))
    rig.model.throughput.worked(1.0, ["x" * 80])
    rig.fake.open.clear()
    large = rig.submit("|".join(f"large {n:3}" for n in range(100)), seconds=1e6)
    wait_until(lambda: rig.fake.seen())  # it has been taken apart
    assert rig.metric("nmt_waiting_sentences") == 99
    small = rig.submit("small", seconds=1e6)
    rig.fake.open.set()
    assert texts(small) == ["[small]"]
    assert rig.fake.seen().index("small") <= 2 * SLOTS
    assert len(large.future.result(30)) == 1
    assert rig.metric("nmt_waiting_sentences") == 0


def test_the_parts_of_a_cancelled_sentence_leave_the_queue(rig: Rig):
    rig.fake.open.clear()
    ticket = rig.submit("|".join(f"{n}" for n in range(50)))
    wait_until(lambda: rig.fake.seen())
    ticket.future.cancel()
    assert rig.metric("nmt_waiting_sentences") == 0
    rig.fake.open.set()
    assert texts(rig.submit("after")) == ["[after]"]
    assert rig.fake.seen() == ["0", "after"]


def test_threads_share_the_parts_of_a_sentence():
    rig = Rig(threads=2)
    rig.fake.open.clear()
    ticket = rig.submit("|".join(f"STEPS2 {n}" for n in range(4 * SLOTS)))
    wait_until(lambda: len(rig.fake.loops) == 2 and all(loop.live for loop in rig.fake.loops))
    rig.fake.open.set()
    assert len(texts(ticket)) == 1
    rig.scheduler.close()


def test_options_and_beams_may_differ(rig: Rig):
    tickets = [rig.submit("a", n_best=3), rig.submit("b"), rig.submit("c", beam=5)]
    assert [texts(ticket) for ticket in tickets] == [["[a]"], ["[b]"], ["[c]"]]
    assert len(tickets[0].future.result()[0].alternatives) == 2
    assert sorted(loop.beam for loop in rig.fake.loops) == [2, 5]


def test_what_cannot_be_admitted_fails_alone_and_the_thread_lives_on(rig: Rig):
    rig.block()
    good, bad, unspeakable = rig.submit("good"), rig.submit("EXPLODE", "other"), rig.submit("UNSPEAKABLE")
    rig.fake.open.set()
    for ticket in (bad, unspeakable):
        with pytest.raises(TranslationFailedError):
            ticket.future.result(30)
    assert texts(good) == ["[good]"]
    assert texts(rig.submit("after")) == ["[after]"]


def test_a_step_that_breaks_costs_only_what_is_in_work(rig: Rig, caplog: pytest.LogCaptureFixture):
    rig.block()
    broken = [rig.submit(text) for text in ("BREAK", "b", "c", "d")]
    waiting = rig.submit("later")
    rig.fake.open.set()
    for ticket in broken:
        with pytest.raises(TranslationFailedError):
            ticket.future.result(30)
    assert texts(waiting) == ["[later]"]
    assert len(caplog.records) == 1
    assert len(rig.fake.loops) == 2


def test_sentences_whose_process_dies_are_translated_by_the_next_one(rig: Rig):
    rig.fake.deaths = 1
    rig.block()
    given_up, *others = [rig.submit(text) for text in ("never mind", "STEPS9 a", "KILL b", "c")]
    given_up.future.cancel()
    rig.fake.open.set()
    assert [texts(ticket) for ticket in others] == [["[STEPS9 a]"], ["[KILL b]"], ["[c]"]]
    assert len(rig.fake.loops) == 2
    wait_until(lambda: rig.metric("nmt_slots_in_use") == 0)


def test_parts_whose_processes_die_together_are_translated_by_the_next_ones():
    rig = Rig(threads=2)
    rig.fake.open.clear()
    ticket = rig.submit("|".join(f"STEPS2 {n}" for n in range(2 * SLOTS)))
    wait_until(lambda: len(rig.fake.loops) == 2 and all(loop.live for loop in rig.fake.loops))
    for loop in rig.fake.loops:
        loop.lost = True
    rig.fake.open.set()
    assert len(texts(ticket)) == 1
    assert len(rig.fake.loops) == 4
    rig.scheduler.close()


def test_what_kills_two_processes_is_given_up(rig: Rig):
    rig.fake.deaths = 3
    with pytest.raises(TranslationFailedError):
        rig.submit("KILL").future.result(30)
    assert rig.fake.deaths == 1
    assert texts(rig.submit("after")) == ["[after]"]


def test_the_log_of_a_failure_has_no_text(rig: Rig, caplog: pytest.LogCaptureFixture):
    with pytest.raises(TranslationFailedError):
        rig.submit("EXPLODE my secret").future.result(30)
    (record,) = caplog.records
    assert "RuntimeError" in record.getMessage()
    assert "secret" not in caplog.text


def test_the_queue_is_bounded_and_takes_all_or_none(rig: Rig):
    rig.block()
    rig.submit(*["x"] * (LIMIT - 1))
    with pytest.raises(QueueFullError):
        rig.submit("y", "y")
    last = rig.submit("z")
    assert rig.metric("nmt_waiting_sentences") == LIMIT
    rig.fake.open.set()
    assert texts(last) == ["[z]"]
    assert "y" not in rig.fake.seen()


def test_what_can_hardly_be_done_in_time_is_refused_with_the_time_to_wait(rig: Rig):
    rig.model.throughput.worked(100.0, ["x" * 80] * 10)  # ten seconds a sentence
    rig.block()
    rig.submit("x" * 80)
    with pytest.raises(QueueFullError) as refused:
        rig.submit("x" * 80, seconds=30)
    assert 1 <= refused.value.retry_after <= 10
    rig.submit("x" * 80, seconds=60)


def test_an_empty_queue_takes_anything(rig: Rig):
    rig.model.throughput.worked(100.0, ["x" * 80])
    assert len(texts(rig.submit(*["x"] * (LIMIT + 1), seconds=5))) == LIMIT + 1


def test_cancelled_sentences_leave_the_queue_and_their_slots(rig: Rig):
    blocking = rig.block()
    gone = [rig.submit("gone") for _ in range(LIMIT)]
    assert all(ticket.future.cancel() for ticket in (*gone, blocking))
    stays = rig.submit(*["stays"] * LIMIT)
    rig.fake.open.set()
    assert texts(stays) == ["[stays]"] * LIMIT
    assert "gone" not in rig.fake.seen()
    wait_until(lambda: not rig.fake.loops[0].live)


def test_a_cancelled_sentence_frees_its_slot_at_the_next_step(rig: Rig):
    slow = rig.submit(*["STEPS1000000 slow"] * SLOTS)
    wait_until(lambda: rig.fake.loops and len(rig.fake.loops[0]) == SLOTS)
    slow.future.cancel()
    assert texts(rig.submit("next")) == ["[next]"]


def test_what_is_past_its_deadline_is_not_begun(rig: Rig):
    rig.block()
    late = rig.submit("late", seconds=0.01)
    time.sleep(0.02)
    rig.fake.open.set()
    assert texts(rig.submit("next")) == ["[next]"]
    assert "late" not in rig.fake.seen()
    assert not late.future.done()  # whoever waits knows the time himself


def test_what_is_past_its_deadline_does_not_hide_what_is_not(rig: Rig):
    rig.model.throughput.worked(1e-9, ["x"])
    rig.block()
    for _ in range(2 * SLOTS):
        rig.submit("late", seconds=0.2)
    good = rig.submit("good")
    time.sleep(0.25)
    rig.fake.open.set()
    assert texts(good) == ["[good]"]


def test_what_is_begun_is_not_refused_and_what_is_still_to_come_counts(rig: Rig):
    rig.model.throughput.worked(100.0, ["x" * 80] * 100)  # a second a sentence
    rig.block()
    rig.submit("x" * 80)
    deadline = time.monotonic() + 30
    sentence = [Sentence("x" * 80, 2, DecodingOptions())]
    with pytest.raises(QueueFullError):
        rig.scheduler.submit(rig.model, sentence, deadline, more=20)
    rig.scheduler.submit(rig.model, sentence, deadline, more=20, begun=True)


def test_what_is_required_of_each_part_is(rig: Rig):
    sentence = Sentence("a|b|c", 2, DecodingOptions(), required=(((7,), (8,)), ((9,),)))
    rig.scheduler.submit(rig.model, [sentence], time.monotonic() + LONG).future.result(30)
    assert sorted(rig.fake.required) == [(), ((7,), (8,)), ((9,),)]


def test_each_sentence_is_reported_as_it_is_finished(rig: Rig):
    reported: list[tuple[int, str]] = []
    rig.submit("STEPS9 a", "b", "STEPS4 c", each=lambda n, t: reported.append((n, t.text))).future.result(30)
    assert reported == [(1, "[b]"), (2, "[STEPS4 c]"), (0, "[STEPS9 a]")]


def test_a_finished_sentence_is_remembered_with_all_that_made_it():
    rig = Rig(cached=2)
    rig.submit("a").future.result(30)
    assert texts(rig.submit("a")) == ["[a]"]
    rig.submit("a", n_best=2).future.result(30)
    rig.submit("a", beam=3).future.result(30)
    scoped = Sentence("a", 2, DecodingOptions(), scope="mine")
    rig.scheduler.submit(rig.model, [scoped], time.monotonic() + LONG).future.result(30)
    rig.model.translator.checksum = "2"
    rig.submit("a").future.result(30)
    assert rig.fake.seen() == ["a"] * 5
    assert rig.metric('nmt_cache_total{result="hit"}') == 1
    rig.scheduler.close()


def test_close_finishes_what_waits_and_then_the_threads_end():
    before = set(threading.enumerate())
    rig = Rig(threads=2)
    threads = set(threading.enumerate()) - before
    assert len(threads) == 2
    rig.fake.open.clear()
    tickets = [rig.submit("a", "b"), rig.submit(*["c"] * 20)]
    rig.scheduler.close()
    with pytest.raises(NotReadyError):
        rig.submit("d")
    rig.fake.open.set()
    assert [len(texts(ticket)) for ticket in tickets] == [2, 20]
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


def test_idle_threads_share_what_comes_at_once():
    rig = Rig(threads=2)
    rig.fake.open.clear()
    ticket = rig.submit("a", "b", "c", "d")
    wait_until(lambda: len(rig.fake.admitted) == 2)
    assert sorted(map(len, rig.fake.admitted)) == [2, 2]
    rig.fake.open.set()
    ticket.future.result(30)
    rig.scheduler.close()


def test_a_retired_model_finishes_what_it_has_begun_and_its_loops_go(rig: Rig):
    blocking = rig.block()
    fresh = FakeTranslator(checksum="2")
    rig.model.retired = True
    new = rig.scheduler.submit(
        ServedModel(fresh, SLOTS), [Sentence("new", 2, DecodingOptions())], time.monotonic() + LONG
    )
    rig.fake.open.set()
    assert texts(blocking) == ["[blocking]"] * SLOTS
    assert texts(new) == ["[new]"]
    rig.scheduler.wake()
    (thread,) = (
        each for each in threading.enumerate() if each.name == "decoding-0" and each._scheduler is rig.scheduler
    )
    wait_until(lambda: len(thread._lanes) == 1)


def test_many_clients_at_once():
    rig = Rig(threads=2, cached=10)
    answers: dict[int, list[str]] = {}

    def request(n: int) -> None:
        ticket = rig.submit(f"STEPS{n % 7 + 1} {n}a", f"{n}b", n_best=n % 3 + 1)
        if n % 5 == 0:
            ticket.future.cancel()
        else:
            answers[n] = texts(ticket)

    threads = [threading.Thread(target=request, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == {n: [f"[STEPS{n % 7 + 1} {n}a]", f"[{n}b]"] for n in range(60) if n % 5}
    wait_until(lambda: all(not loop.live for loop in rig.fake.loops))
    assert rig.metric("nmt_waiting_sentences") == 0
    rig.scheduler.close()


def test_tickets_resolve_once_even_if_cancelled_in_a_race(rig: Rig):
    futures = [rig.submit("x", "x").future for _ in range(20)]
    kept = [future for future in futures if not future.cancel()]
    assert wait(kept, timeout=30).not_done == set()
