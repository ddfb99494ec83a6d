"""Helpers for tests that start processes."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_TIMEOUT = 200.0  # seconds: Ray alone takes a minute to start on a busy machine


def child_pids(parent: int) -> list[int]:
    """Return the ids of the direct child processes of a process."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def is_running(pid: int) -> bool:
    """Return whether a process exists and has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Wait until the condition is true or the process has ended; after a time-out, kill the process and fail."""
    deadline = time.monotonic() + _TIMEOUT
    while not condition() and process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError("the condition was not met in time")
        time.sleep(0.01)


def start_training(recipe: Path, out: Path, *settings: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start ``nmt train``; ``launcher`` are arguments of Python before ``-m nmt``, such as those of torchrun."""
    command = [sys.executable, *launcher, "-m", "nmt", "train", str(recipe), "--out", str(out), *settings]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """Wait until a process has ended with status 0, and return its stderr."""
    _, error = process.communicate(timeout=_TIMEOUT)
    assert process.returncode == 0, error
    return error
