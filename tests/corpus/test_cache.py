"""What is kept between runs: made once, whatever others do meanwhile, and whole when it is found again."""

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


class Maker:
    """Makes one entry, and waits in the middle of it where it is told to."""

    def __init__(self, wait: bool = False) -> None:
        self.calls = 0
        self.said: list[str] = []
        self.at_it, self.may_end = threading.Event(), threading.Event()
        if not wait:
            self.may_end.set()

    def __call__(self, folder: Path) -> None:
        self.calls += 1
        (folder / "one").write_bytes(CONTENT)
        self.at_it.set()
        assert self.may_end.wait(30)
        (folder / "two").write_text("reports")

    def entry(self) -> Path:
        return cache.get_or_create("ids-1", self, self.said.append)


def test_an_entry_is_made_once(folder: Path) -> None:
    make = Maker()
    assert make.entry() == make.entry() == folder / "ids-1"
    assert (make.calls, make.said) == (1, [])
    assert (folder / "ids-1" / "one").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


def test_of_two_at_once_the_second_waits_and_finds_it_made(folder: Path) -> None:
    """A lock of a file is held by an open file: to two threads it is what it is to two containers of one process id."""
    first, second, third = Maker(wait=True), Maker(), Maker()
    with ThreadPoolExecutor(3) as pool:
        begun = pool.submit(first.entry)
        assert first.at_it.wait(30)
        others = [pool.submit(maker.entry) for maker in (second, third)]
        while not (second.said and third.said):
            pass
        first.may_end.set()
        assert {future.result(30) for future in (begun, *others)} == {folder / "ids-1"}
    assert (first.calls, second.calls, third.calls) == (1, 0, 0)
    assert second.said == ["Waiting for another process that prepares the same text"]
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


def test_where_the_first_fails_the_second_makes_it(folder: Path) -> None:
    def fail(temporary: Path) -> None:
        first(temporary)
        raise CarouselError("no good")

    first, second = Maker(wait=True), Maker()
    with ThreadPoolExecutor(2) as pool:
        begun = pool.submit(cache.get_or_create, "ids-1", fail, first.said.append)
        assert first.at_it.wait(30)
        other = pool.submit(second.entry)
        while not second.said:
            pass
        first.may_end.set()
        with pytest.raises(CarouselError, match="no good"):
            begun.result(30)
        assert other.result(30) == folder / "ids-1"
    assert second.calls == 1
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


@pytest.mark.parametrize("damage", ["one", "two", "checksums.json"])
def test_a_damaged_entry_is_made_again(damage: str, folder: Path) -> None:
    make = Maker()
    path = make.entry() / damage
    content = path.read_bytes()
    path.write_bytes(content[:3] + b"\0" + content[4:])
    assert (make.entry() / "one").read_bytes() == CONTENT
    assert (make.calls, make.said) == (2, [f"{folder / 'ids-1'}: damaged cache entry; creating it again"])
    path.unlink()
    make.entry()
    assert make.calls == 3


def test_what_a_killed_process_left_is_cleared_away(folder: Path) -> None:
    (folder / ".ids-1.0123abcd.tmp").mkdir(parents=True)
    (folder / ".ids-1.0123abcd.tmp" / "one").write_bytes(CONTENT)
    (folder / ".ids-1.lock").touch()
    make = Maker()
    make.entry()
    assert make.said == []
    assert [path.name for path in folder.iterdir()] == ["ids-1"]


def test_a_place_that_cannot_be_written_is_named(folder: Path) -> None:
    folder.touch()
    with pytest.raises(CarouselError, match=r"carousel/ids-1: can't be written \(File exists\); choose another path"):
        Maker().entry()
