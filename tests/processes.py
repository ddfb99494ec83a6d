"""Processes, as the system tells of them."""

from __future__ import annotations

from pathlib import Path


def children(parent: int) -> list[int]:
    """Those that a process has begun itself, by number."""
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
