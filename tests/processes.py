"""Processes, as the system tells of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PATIENCE = 200.0  # seconds: Ray alone takes a minute to start on a machine that others need too


def children(parent: int) -> list[int]:
    """Those that a process has begun itself, by number."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def wait_for(moment: Callable[[], bool], process: subprocess.Popen[Any]) -> None:
    """Returns when the moment has come or the process has ended; a process in which it never comes is killed."""
    deadline = time.monotonic() + _PATIENCE
    while not moment() and process.poll() is None:
        if time.monotonic() > deadline:
            process.kill()
            raise AssertionError("waited in vain")
        time.sleep(0.01)
