"""Kill processes that write to a translation memory, and count the entries that are lost after acknowledgement.

    python benchmarks/memory_kills.py [--kills 200]

Two processes at a time write to one memory: one adds single entries, the other batches of 500. Each is killed with
SIGKILL at a random time after its first acknowledgement. At the end, all acknowledged entries must be in the memory,
which SQLite finds undamaged, and of no batch only a part.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from nmt.inference.memory.store import MemoryEntry, TranslationMemory

BATCH_SIZES = 1, 500
MAX_DELAY = 0.1  # seconds


def write(path: Path, writer: int, batch_size: int) -> None:
    """Add batches of entries, and print the number of each when it is stored."""
    memory = TranslationMemory(path)
    for batch in count():
        memory.add(MemoryEntry("en", "fr", source(writer, batch, n), "x", "kills") for n in range(batch_size))
        print(batch, flush=True)


def source(writer: int, batch: int, number: int) -> str:
    """Return the source text of an entry, which no other entry has."""
    return f"writer {writer} of batch {batch} and entry {number}"


def run_until_killed(path: Path, writer: int, generator: random.Random) -> list[tuple[int, int, int]]:
    """Run a pair of writers until they are killed; return writer, batch and size of the acknowledged batches."""
    numbers = [(writer + n, size) for n, size in enumerate(BATCH_SIZES)]
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--write", str(path), str(number), str(size)], stdout=subprocess.PIPE, text=True
        )
        for number, size in numbers
    ]
    acknowledged: list[tuple[int, int, int]] = []
    for process, (number, size) in zip(processes, numbers, strict=True):
        with process:
            assert process.stdout is not None
            acknowledged.append((number, int(process.stdout.readline()), size))
            time.sleep(generator.random() * MAX_DELAY)
            os.kill(process.pid, signal.SIGKILL)
            acknowledged += [(number, int(line), size) for line in process.stdout if line.endswith("\n")]
    return acknowledged


def main() -> None:
    """Run the processes, and print what is lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(Path(options.write[0]), *map(int, options.write[1:]))
    generator = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "memory.db")
        TranslationMemory(path).close()
        acknowledged: list[tuple[int, int, int]] = []
        for writer in range(0, options.kills, len(BATCH_SIZES)):
            acknowledged += run_until_killed(path, writer, generator)
        memory = TranslationMemory(path)
        entries = [source(writer, batch, n) for writer, batch, size in acknowledged for n in range(size)]
        stored = {entry.source for entry in memory.entries()}
        memory.close()
        status = sqlite3.connect(path).execute("PRAGMA integrity_check").fetchone()[0]
    sizes = {writer + n: size for writer in range(0, options.kills, 2) for n, size in enumerate(BATCH_SIZES)}
    partial = sum(
        source(writer, batch, 0) in stored and source(writer, batch, size - 1) not in stored
        for writer, size in sizes.items()
        for batch in range(1 + max(each[1] for each in acknowledged if each[0] == writer) + 1)
    )
    lost = sum(entry not in stored for entry in entries)
    print(f"{options.kills} kills, {len(entries)} entries acknowledged, {len(stored)} stored, {lost} lost")
    print(f"batches stored in part: {partial}; integrity: {status}")


if __name__ == "__main__":
    main()
