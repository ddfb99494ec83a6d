"""How fast a large file is translated: by one process, by two, and by one or two of Ray's workers.

    python benchmarks/bulk.py MODEL FILE [--lines N] [--beam K] [--kill] [--only WAY]

FILE's lines are repeated up to N. Each way translates all of them in processes of its own, one way after the other;
"lines/s" counts from the call to the end, "at work" leaves out what comes before the first finished lines (where that
can be seen). Memory is the peak of all its processes together, shared pages counted once. What comes out is compared
with a translation of FILE, repeated. With --kill, one of two Ray workers is killed when half is done. Linux only.
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
class Measured:
    """How long a way took."""

    whole: float
    """Seconds."""
    begun: float = 0.0
    """Of those, until the first lines were seen to be finished; and how many these were."""
    first: int = 0
    memory: int = 0
    """MiB."""
    killed: int = 0


def family(roots: Sequence[int]) -> dict[int, str]:
    """Process ids and command lines of processes and all that descend from them."""
    found: dict[int, str] = {}
    ahead = list(roots)
    while ahead:
        pid = ahead.pop()
        try:
            found[pid] = Path(f"/proc/{pid}/cmdline").read_text()
            for thread in Path(f"/proc/{pid}/task").iterdir():
                ahead += map(int, (thread / "children").read_text().split())
        except OSError:
            continue  # it has ended
    return found


def memory(pids: Sequence[int]) -> int:
    """MiB that processes hold, shared pages counted once."""
    kilobytes = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes // 1024


def watch(commands: Sequence[list[str]], manifest: Path, kill_after: int | None) -> Measured:
    """Run commands at the same time, and look at them now and then."""
    began = time.perf_counter()
    running = [subprocess.Popen(command, stderr=subprocess.DEVNULL) for command in commands]
    found = Measured(0.0)
    while any(process.poll() is None for process in running):
        time.sleep(0.2)
        members = family([process.pid for process in running])
        found.memory = max(found.memory, memory(list(members)))
        done = finished(manifest)
        if done and not found.first:
            found.begun, found.first = time.perf_counter() - began, done
        workers = [pid for pid, command in members.items() if "MapWorker" in command]
        if kill_after is not None and not found.killed and done >= kill_after and workers:
            os.kill(workers[0], signal.SIGKILL)
            found.killed = done
    found.whole = time.perf_counter() - began
    if any(process.returncode for process in running):
        sys.exit(f"failed: {commands}")
    return found


def finished(manifest: Path) -> int:
    """Lines that a job has recorded."""
    try:
        return int(json.loads(manifest.read_text())["lines"])
    except (OSError, ValueError):
        return 0


def repeated(file: Path, first: int, end: int) -> bytes:
    """Some of the lines that there are when the file's are repeated."""
    lines = file.read_bytes().split(b"\n")[:-1]
    return b"".join(line + b"\n" for line in itertools.islice(itertools.cycle(lines), first, end))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("file", type=Path)
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--only", action="append", metavar="WAY", help="such as 'Ray, 2 workers'; all by default")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), arguments)


def measure(folder: Path, arguments: argparse.Namespace) -> None:
    """One way after the other."""
    count, half = arguments.lines, arguments.lines // 2
    for name, first, end in (("in", 0, count), ("in1", 0, half), ("in2", half, count)):
        (folder / name).write_bytes(repeated(arguments.file, first, end))

    def call(source: str | Path, target: str, *more: str) -> list[str]:
        beam = ["--beam", str(arguments.beam)]
        return [*NMT, arguments.model, str(folder / source), "-o", str(folder / target), *beam, *more]

    subprocess.run(call(arguments.file.resolve(), "once"), check=True)
    expected = repeated(folder / "once", 0, count)
    ways = {
        "1 process": [call("in", "out")],
        "2 processes, half each": [call("in1", "out"), call("in2", "out2")],
        "1 process, 2 threads": [call("in", "out", "--threads", "2")],
        "Ray, 1 worker": [call("in", "out", "--ray", "--threads", "1")],
        "Ray, 2 workers": [call("in", "out", "--ray", "--threads", "2")],
    }
    print(f"{'':24} {'seconds':>8} {'lines/s':>8} {'at work':>8} {'MiB':>6}")
    for name in [way for way in ways if way in (arguments.only or ways)]:
        kill_after = half if arguments.kill and name == "Ray, 2 workers" else None
        found = watch(ways[name], folder / "out.parts" / "manifest.json", kill_after)
        files = [folder / "out", folder / "out2"][: len(ways[name])]
        same = b"".join(file.read_bytes() for file in files) == expected
        killed = f"   a worker killed after {found.killed:,} lines" if found.killed else ""
        at_work = (count - found.first) / (found.whole - found.begun)
        print(
            f"{name:24} {found.whole:8.1f} {count / found.whole:8.0f} {at_work:8.0f} {found.memory:6}{killed}"
            f"   {'every line once, in order' if same else 'OTHER LINES'}",
            flush=True,
        )


if __name__ == "__main__":
    main()
