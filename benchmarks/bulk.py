"""Compare the throughput of one process, two processes and Ray workers on a large file.

    python benchmarks/bulk.py MODEL FILE [--lines N] [--beam K] [--kill] [--only METHOD]

The lines of FILE are repeated up to N. The methods run one after the other, each in its own processes. "lines/s" counts
from start to exit; "steady" excludes the time before the first finished lines, where these are observable. Memory is
the peak of all processes together, with shared pages counted once. The output is compared with the repeated translation
of FILE. With --kill, one of two Ray workers is killed half-way. Linux only.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NMT = [sys.executable, "-m", "nmt", "translate"]


@dataclass
class Measurement:
    """Time and memory of one method."""

    seconds: float
    """Time from start to exit."""
    first_seconds: float = 0.0
    """Time until the first finished lines were observed."""
    first_lines: int = 0
    """Number of lines finished by then."""
    memory: int = 0
    """Peak memory in MiB."""
    killed_after: int = 0
    """Number of lines finished when a worker was killed; 0 if none was."""


def process_tree(roots: Sequence[int]) -> dict[int, str]:
    """Return the process ids and command lines of processes and all their descendants."""
    found: dict[int, str] = {}
    pending = list(roots)
    while pending:
        pid = pending.pop()
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_text()
            for thread in Path(f"/proc/{pid}/task").iterdir():
                pending += map(int, (thread / "children").read_text().split())
        except OSError:
            continue  # the process has ended
    return found


def memory_usage(pids: Sequence[int]) -> int:
    """Return the memory of processes in MiB, with shared pages counted once."""
    kilobytes = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes // 1024


def run(commands: Sequence[list[str]], manifest: Path, kill_after: int | None) -> Measurement:
    """Run commands concurrently and sample their progress and memory."""
    start = time.perf_counter()
    running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]
    measurement = Measurement(0.0)
    while any(process.poll() is None for process in running):
        time.sleep(0.2)
        processes = process_tree([process.pid for process in running])
        measurement.memory = max(measurement.memory, memory_usage(list(processes)))
        finished = finished_lines(manifest)
        if finished and not measurement.first_lines:
            measurement.first_seconds, measurement.first_lines = time.perf_counter() - start, finished
        workers = [pid for pid, command in processes.items() if "MapWorker" in command]
        if kill_after is not None and not measurement.killed_after and finished >= kill_after and workers:
            os.kill(workers[0], signal.SIGKILL)
            measurement.killed_after = finished
    measurement.seconds = time.perf_counter() - start
    if any(process.returncode for process in running):
        sys.exit(f"failed: {commands}")
    return measurement


def finished_lines(manifest: Path) -> int:
    """Return the number of lines that a Ray translation has saved."""
    try:
        return int(json.loads(manifest.read_text())["lines"])
    except (OSError, ValueError):
        return 0


def repeated_lines(file: Path, first: int, end: int) -> bytes:
    """Return lines ``first`` to ``end`` of the endless repetition of a file."""
    lines = file.read_bytes().split(b"\n")[:-1]
    return b"".join(line + b"\n" for line in itertools.islice(itertools.cycle(lines), first, end))


def main() -> None:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file", type=Path)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--only", action="append", metavar="METHOD", help="for example 'Ray, 2 workers'; default: all")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        compare_methods(Path(folder), arguments)


def compare_methods(folder: Path, arguments: argparse.Namespace) -> None:
    """Measure the methods one after the other and print a line for each."""
    count, half = arguments.lines, arguments.lines // 2
    for name, first, end in (("in", 0, count), ("in1", 0, half), ("in2", half, count)):
        (folder / name).write_bytes(repeated_lines(arguments.file, first, end))

    def command(source: str | Path, target: str, *options: str) -> list[str]:
        beam_size = ["--beam", str(arguments.beam)]
        return [*NMT, arguments.model, str(folder / source), "-o", str(folder / target), *beam_size, *options]

    subprocess.run(command(arguments.file.resolve(), "once"), check=True)
    expected = repeated_lines(folder / "once", 0, count)
    methods = {
        "1 process": [command("in", "out")],
        "2 processes, half each": [command("in1", "out"), command("in2", "out2")],
        "1 process, 2 threads": [command("in", "out", "--threads", "2")],
        "Ray, 1 worker": [command("in", "out", "--ray", "--threads", "1")],
        "Ray, 2 workers": [command("in", "out", "--ray", "--threads", "2")],
    }
    print(f"{'':24} {'seconds':>8} {'lines/s':>8} {'steady':>8} {'MiB':>6}")
    for name in [method for method in methods if method in (arguments.only or methods)]:
        kill_after = half if arguments.kill and name == "Ray, 2 workers" else None
        result = run(methods[name], folder / "out.parts" / "manifest.json", kill_after)
        files = [folder / "out", folder / "out2"][: len(methods[name])]
        correct = b"".join(file.read_bytes() for file in files) == expected
        killed = f"   a worker killed after {result.killed_after:,} lines" if result.killed_after else ""
        steady = (count - result.first_lines) / (result.seconds - result.first_seconds)
        print(
            f"{name:24} {result.seconds:8.1f} {count / result.seconds:8.0f} {steady:8.0f} {result.memory:6}{killed}"
            f"   {'output correct' if correct else 'OUTPUT DIFFERS'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
