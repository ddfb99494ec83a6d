"""Batches of input: full where the input is fast, and available at once where it pauses."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from nmt.cli import streams
from nmt.cli.streams import batches_as_available
from nmt.utils.errors import CarouselError


def test_fast_input_gives_full_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "_MAX_DELAY", 30)  # a busy machine may need more than 0.1 seconds
    batches = list(batches_as_available(range(4500), 2000))
    assert [len(batch) for batch in batches] == [2000, 2000, 500]
    assert [item for batch in batches for item in batch] == list(range(4500))
    assert list(batches_as_available([], 2000)) == []


def test_items_before_a_pause_are_a_batch() -> None:
    resume = threading.Event()

    def items() -> Iterator[str]:
        yield "first"
        assert resume.wait(30)
        yield "second"

    batches = batches_as_available(items(), 2000)
    assert next(batches) == ["first"]
    resume.set()
    assert list(batches) == [["second"]]


def test_an_error_is_raised_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise CarouselError("stdin:4: invalid UTF-8")

    read = []
    with pytest.raises(CarouselError, match="stdin:4"):
        for batch in batches_as_available(items(), 2):
            read += batch
    assert read == [0, 1, 2]


def test_the_reader_is_at_most_one_batch_ahead_and_ends_with_the_consumer() -> None:
    read: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            read.append(number)
            yield number

    before = threading.active_count()
    batches = batches_as_available(items(), 10)
    assert next(batches)[0] == 0
    batches.close()  # type: ignore[attr-defined]
    for thread in threading.enumerate()[before:]:
        thread.join(30)
    assert len(read) <= 2 * 10 + 1
