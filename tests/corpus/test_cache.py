"""Cache entries: created once by one process at a time, verified, and recreated when damaged."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from nmt.corpus import cache
from nmt.utils.errors import CarouselError

CONTENT = b"ids of a corpus" * 100


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "carousel"


class EntryCreator:
    """Creates an entry and counts its calls; optionally blocks in the middle."""

    def __init__(self, block: bool = False) -> None:
        self.calls = 0
        self.log: list[str] = []
        self.started, self.may_finish = threading.Event(), threading.Event()
        if not block:
            self.may_finish.set()

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "one").write_bytes(CONTENT)
        self.started.set()
        assert self.may_finish.wait(30)
        (folder / "two").write_text("reports")

    def entry(self) -> Path:
        return cache.get_or_create("ids-1", self, self.log.append)


def test_entry_is_created_once(folder: Path) -> None:
    creator = EntryCreator()
    assert creator.entry() == creator.entry() == folder / "ids-1"
    assert (creator.calls, creator.log) == (1, [])
    assert (folder / "ids-1" / "one").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


def test_concurrent_requests_wait_for_the_first_to_create_the_entry(folder: Path) -> None:
    """File locks belong to open files, so threads behave like processes of different containers here."""
    first, second, third = EntryCreator(block=True), EntryCreator(), EntryCreator()
    with ThreadPoolExecutor(3) as pool:
        pending = pool.submit(first.entry)
        assert first.started.wait(30)
        others = [pool.submit(maker.entry) for maker in (second, third)]
        while not (second.log and third.log):
            pass
        first.may_finish.set()
        assert {future.result(30) for future in (pending, *others)} == {folder / "ids-1"}
    assert (first.calls, second.calls, third.calls) == (1, 0, 0)
    assert second.log == ["Waiting for another process that prepares the same text"]
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


def test_second_process_creates_the_entry_if_the_first_fails(folder: Path) -> None:
    def fail(temporary: Path) -> None:
        first(temporary)
        raise CarouselError("no good")

    first, second = EntryCreator(block=True), EntryCreator()
    with ThreadPoolExecutor(2) as pool:
        pending = pool.submit(cache.get_or_create, "ids-1", fail, first.log.append)
        assert first.started.wait(30)
        other = pool.submit(second.entry)
        while not second.log:
            pass
        first.may_finish.set()
        with pytest.raises(CarouselError, match="no good"):
            pending.result(30)
        assert other.result(30) == folder / "ids-1"
    assert second.calls == 1
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


@pytest.mark.parametrize("damage", ["one", "two", "checksums.json"])
def test_damaged_entry_is_created_again(damage: str, folder: Path) -> None:
    creator = EntryCreator()
    path = creator.entry() / damage
    content = path.read_bytes()
    path.write_bytes(content[:3] + b"\0" + content[4:])
    assert (creator.entry() / "one").read_bytes() == CONTENT
    assert (creator.calls, creator.log) == (2, [f"{folder / 'ids-1'}: damaged cache entry; creating it again"])
    path.unlink()
    creator.entry()
    assert creator.calls == 3


def test_leftovers_of_a_killed_process_are_removed(folder: Path) -> None:
    (folder / ".ids-1.0123abcd.tmp").mkdir(parents=True)
    (folder / ".ids-1.0123abcd.tmp" / "one").write_bytes(CONTENT)
    (folder / ".ids-1.lock").touch()
    creator = EntryCreator()
    creator.entry()
    assert creator.log == []
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


def test_unwritable_cache_is_reported(folder: Path) -> None:
    folder.touch()
    with pytest.raises(CarouselError, match=r"carousel/ids-1: can't be written \(File exists\); choose another path"):
        EntryCreator().entry()
