import threading
from collections.abc import Iterator
from concurrent.futures import Future, wait

import pytest
from fake_translator import FakeTranslator, Translation
from serving import wait_until

from serve.scheduler import (
    BATCH,
    ClosedError,
    QueueFullError,
    Scheduler,
    TranslationFailedError,
)


@pytest.fixture
def fake() -> FakeTranslator:
    return FakeTranslator()


@pytest.fixture
def scheduler(fake: FakeTranslator) -> Iterator[Scheduler]:
    scheduler = Scheduler(lambda: fake, queue_limit=100)
    assert scheduler.loaded.result(5) == ("en", "fr")
    yield scheduler
    fake.open.set()
    scheduler.close()


def results(futures: list[Future[Translation]]) -> list[str]:
    return [future.result(5).text for future in futures]


def block(scheduler: Scheduler, fake: FakeTranslator) -> list[Future[Translation]]:
    """Keeps the thread busy with one sentence until ``fake.open`` is set."""
    fake.open.clear()
    futures = scheduler.submit(["blocking"], 0)
    wait_until(lambda: fake.calls)
    return futures


def test_results_come_in_order(scheduler: Scheduler):
    assert results(scheduler.submit(["a", "b", "c"], 0)) == ["[a]", "[b]", "[c]"]
    assert scheduler.submit([], 0) == []


def test_a_turn_takes_the_oldest_of_all_requests(scheduler: Scheduler, fake: FakeTranslator):
    block(scheduler, fake)
    futures = [scheduler.submit([f"{n}", f"{n}'"], 0) for n in range(BATCH)]
    fake.open.set()
    for n, pair in enumerate(futures):
        assert results(pair) == [f"[{n}]", f"[{n}']"]
    sizes = [len(texts) for texts, _ in fake.calls]
    assert sizes == [1, BATCH, BATCH]
    assert fake.calls[1][0][:3] == ("0", "0'", "1")


def test_equal_options_share_a_call(scheduler: Scheduler, fake: FakeTranslator):
    block(scheduler, fake)
    futures = [*scheduler.submit(["a"], 2), *scheduler.submit(["b"], 0), *scheduler.submit(["c"], 2)]
    fake.open.set()
    assert results(futures) == ["[a]", "[b]", "[c]"]
    assert fake.calls[1:] == [(("b",), 0), (("a", "c"), 2)]
    assert [len(future.result().alternatives) for future in futures] == [2, 0, 2]


def test_a_failing_sentence_fails_alone_and_the_thread_lives_on(scheduler: Scheduler, fake: FakeTranslator):
    block(scheduler, fake)
    good, bad, other = scheduler.submit(["good", "EXPLODE", "other"], 0)
    fake.open.set()
    with pytest.raises(TranslationFailedError):
        bad.result(5)
    assert results([good, other]) == ["[good]", "[other]"]
    assert results(scheduler.submit(["after"], 0)) == ["[after]"]


def test_a_wrong_number_of_answers_is_a_failure():
    class Forgetful(FakeTranslator):
        def translate(self, texts, *, alternatives=0):
            return super().translate(texts, alternatives=alternatives)[1:]

    scheduler = Scheduler(Forgetful, queue_limit=10)
    scheduler.loaded.result(5)
    for future in scheduler.submit(["a", "b"], 0):
        with pytest.raises(TranslationFailedError):
            future.result(5)
    scheduler.close()


def test_the_queue_is_bounded_and_takes_all_or_none(scheduler: Scheduler, fake: FakeTranslator):
    block(scheduler, fake)
    scheduler.submit(["x"] * 99, 0)
    with pytest.raises(QueueFullError):
        scheduler.submit(["y", "y"], 0)
    last = scheduler.submit(["z"], 0)
    fake.open.set()
    assert results(last) == ["[z]"]
    assert "y" not in [text for texts, _ in fake.calls for text in texts]


def test_cancelled_sentences_are_not_translated_and_make_room(scheduler: Scheduler, fake: FakeTranslator):
    block(scheduler, fake)
    for future in scheduler.submit(["gone"] * 100, 0):
        assert future.cancel()
    stays = scheduler.submit(["stays"] * 100, 0)
    fake.open.set()
    assert results(stays) == ["[stays]"] * 100
    assert "gone" not in [text for texts, _ in fake.calls for text in texts]


def test_a_sentence_in_work_cannot_be_cancelled(scheduler: Scheduler, fake: FakeTranslator):
    (busy,) = block(scheduler, fake)
    assert not busy.cancel()
    fake.open.set()
    assert results([busy]) == ["[blocking]"]


def test_close_finishes_what_waits(scheduler: Scheduler, fake: FakeTranslator):
    first = block(scheduler, fake)
    waiting = scheduler.submit(["a", "b"], 0)
    scheduler.close()
    with pytest.raises(ClosedError):
        scheduler.submit(["c"], 0)
    fake.open.set()
    assert results(first + waiting) == ["[blocking]", "[a]", "[b]"]


def test_the_thread_ends_after_close():
    before = set(threading.enumerate())
    scheduler = Scheduler(FakeTranslator, queue_limit=10)
    (thread,) = set(threading.enumerate()) - before
    scheduler.loaded.result(5)
    scheduler.close()
    thread.join(5)
    assert not thread.is_alive()


def test_a_failed_load_is_reported():
    def load():
        raise OSError("no such model")

    with pytest.raises(OSError, match="no such model"):
        Scheduler(load, queue_limit=10).loaded.result(5)


def test_many_threads_at_once(scheduler: Scheduler):
    answers: dict[int, list[str]] = {}

    def request(n: int) -> None:
        answers[n] = results(scheduler.submit([f"{n}a", f"{n}b"], n % 3))

    threads = [threading.Thread(target=request, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert answers == {n: [f"[{n}a]", f"[{n}b]"] for n in range(40)}


def test_futures_resolve_once_even_if_cancelled_in_a_race(scheduler: Scheduler):
    futures = [future for _ in range(20) for future in scheduler.submit(["x"] * 2, 0) if not future.cancel()]
    assert wait(futures, timeout=5).not_done == set()
