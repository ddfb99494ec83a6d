"""Helpers that read the files of a run directory."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path


def metrics(run: Path, kind: str = "train") -> dict[int, dict[str, float]]:
    """Return the complete records of one kind in ``metrics.jsonl``, by update."""
    log = run / "metrics.jsonl"
    lines = log.read_text().splitlines(keepends=True) if log.exists() else []
    records = [json.loads(line) for line in lines if line.endswith("\n")]
    return {record["update"]: record for record in records if record["kind"] == kind}


def dev_updates(run: Path) -> list[int]:
    """Return the updates of all validations in ``metrics.jsonl``, in the order of the file."""
    records = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [record["update"] for record in records if record["kind"] == "dev"]


def file_contents(folder: Path) -> dict[Path, bytes]:
    """Return the contents of all files in a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sha256(path: Path) -> str:
    """Return the SHA-256 checksum of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def modification_time(path: Path) -> int:
    """Return the modification time of a file in nanoseconds; 0 if it doesn't exist."""
    return path.stat().st_mtime_ns if path.exists() else 0
