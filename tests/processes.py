"""Processes, as the system tells of them."""

from __future__ import annotations

import os
from pathlib import Path


def with_one_thread() -> dict[str, str]:
    """The environment of a process that computes beside others: two of two threads would wait for each other."""
    return os.environ | {"OMP_NUM_THREADS": "1"}


def children(parent: int) -> list[int]:
    """Those that a process has begun itself, by number."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
