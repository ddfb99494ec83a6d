"""Exclusive locks on files, between open files of one process and between processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nmt.utils.errors import CarouselError
from nmt.utils.locks import exclusive_lock, try_lock

HOLD = """
import sys
from pathlib import Path
from nmt.utils.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), Path("run"), "busy"):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_held_lock_is_an_error_and_free_again_after_the_block(tmp_path: Path) -> None:
    path = tmp_path / "new" / ".lock"
    with exclusive_lock(path, tmp_path, "in use"):
        with pytest.raises(CarouselError, match=rf"^{tmp_path}: in use$"), exclusive_lock(path, tmp_path, "in use"):
            pytest.fail("locked twice")
        with path.open() as file:
            assert not try_lock(file)
    with exclusive_lock(path, tmp_path, "in use"):
        pass


def test_a_lock_is_released_when_its_process_is_killed(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"locked\n"
        with path.open() as file:
            assert not try_lock(file)
            process.kill()
            process.wait()
            assert try_lock(file)


def test_waiting_notifies_once_and_the_file_is_removed_at_the_end(tmp_path: Path) -> None:
    path, notified, waiting = tmp_path / ".lock", [], threading.Event()

    def notify() -> None:
        notified.append("waiting")
        waiting.set()

    def wait_for_lock() -> None:
        with exclusive_lock(path, tmp_path, "in use", on_wait=notify, remove_file=True):
            notified.append("locked")

    thread = threading.Thread(target=wait_for_lock)
    with exclusive_lock(path, tmp_path, "in use", remove_file=True):
        thread.start()
        assert waiting.wait(10)
        assert notified == ["waiting"]
    thread.join(10)
    assert notified == ["waiting", "locked"]
    assert list(tmp_path.iterdir()) == []


def test_an_unwritable_lock_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CarouselError, match=r"run: can't be written"),
        exclusive_lock(tmp_path / "file" / ".lock", tmp_path / "run", "in use"),
    ):
        pass
