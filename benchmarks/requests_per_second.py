"""Requests per second of the service under wrk, compared with its offline rate and with another checkout.

    apt-get install wrk
    python benchmarks/requests_per_second.py MODEL --source test.en
    python benchmarks/requests_per_second.py MODEL --source test.en --baseline ../another-checkout

Each request has one sentence. The load generator `benchmarks/serving.py` costs as much as the server; wrk costs less
than a tenth of a core. The checkouts take turns, so that a drift of the machine's speed affects all alike. The CPU time
per request is what other work on the machine affects least.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nmt.inference.translator import Translator

ROOT = Path(__file__).parents[1]
WARM_UP = 2  # seconds
SCRIPT = """
local bodies, i = {}, 0
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
function request()
  i = i + 1
  return wrk.format("POST", "/translate", {["Content-Type"] = "application/json"}, bodies[i * 7919 % #bodies + 1])
end
function done(summary, latency)
  io.write(string.format("%d %d %f %f %f\\n", summary.requests, summary.errors.status + summary.errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


class Measurement(NamedTuple):
    """Results of a load."""

    rate: float  # requests per second
    errors: int
    median: float  # milliseconds
    percentile99: float
    cpu: float  # milliseconds of CPU time per request, of the server with its decoding processes


class Service:
    """A running `nmt serve` of a checkout."""

    def __init__(self, process: subprocess.Popen[str], script: Path) -> None:
        assert process.stdout is not None
        self._pid, self._script = process.pid, script
        self._url = process.stdout.readline().split()[-1]

    def load(self, connections: int, seconds: int) -> Measurement:
        """Run wrk with a number of connections for some seconds."""
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(self._script)]
        before = self._cpu_seconds()
        output = subprocess.run([*command, self._url], capture_output=True, text=True, check=True).stdout
        used = self._cpu_seconds() - before
        requests, errors, duration, median, percentile99 = map(float, output.splitlines()[-1].split())
        return Measurement(requests / duration, int(errors), median, percentile99, 1000 * used / requests)

    def memory(self) -> float:
        """Return the proportional set size of all processes in MiB."""
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in self._pids()]
        return sum(int(re.findall(r"Pss:\s+(\d+)", rollup)[0]) for rollup in rollups) / 1024

    def _pids(self) -> list[int]:
        children = [file.read_text() for file in Path(f"/proc/{self._pid}/task").glob("*/children")]
        return [self._pid, *map(int, " ".join(children).split())]

    def _cpu_seconds(self) -> float:
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._pids()]
        return sum(int(user) + int(system) for user, system in (each[11:13] for each in fields)) / os.sysconf(
            "SC_CLK_TCK"
        )


@contextmanager
def serving(checkout: Path, model: Path, script: Path) -> Iterator[Service]:
    environment = os.environ | {"PYTHONPATH": str(checkout), "NMT_CACHE": "0", "NMT_LOG_LEVEL": "warning"}
    command = [sys.executable, "-m", "nmt", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=checkout) as process:
        try:
            service = Service(process, script)
            service.load(16, WARM_UP)
            yield service
        finally:
            process.terminate()


def offline_rate(translator: Translator, texts: Sequence[str]) -> float:
    """Return the sentences per second of `Translator.translate` with all texts in one call."""
    translator.translate(list(texts[:100]))
    start = time.perf_counter()
    translator.translate(list(texts))
    return len(texts) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--source", type=Path, required=True, help="text file with one sentence per line")
    parser.add_argument("--baseline", type=Path, help="another checkout of this project, with its engine compiled")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=5, help="seconds of each load (default: 5)")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    texts = [line for line in args.source.read_text(encoding="utf-8").splitlines() if line.strip()][:1000]
    translator = Translator.load(args.model, threads=len(os.sched_getaffinity(0)))
    languages = {"source": translator.source_language, "target": translator.target_language}
    checkouts = {"this checkout": ROOT} | ({"baseline": args.baseline.resolve()} if args.baseline else {})
    found: dict[str, list[Measurement]] = {name: [] for name in checkouts}
    offline: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        bodies, script = Path(folder, "bodies"), Path(folder, "load.lua")
        bodies.write_text("".join(json.dumps({"q": text} | languages) + "\n" for text in texts))
        script.write_text(SCRIPT.replace("BODIES", str(bodies)))
        for _ in range(args.rounds):
            offline.append(offline_rate(translator, texts))
            for name, checkout in checkouts.items():
                with serving(checkout, args.model.resolve(), script) as service:
                    found[name].append(service.load(args.connections, args.seconds))
                    print(f"{name}: {found[name][-1]}, {service.memory():.0f} MiB", flush=True)
    print(f"offline: {statistics.median(offline):.0f} sentences/s, median of {args.rounds}")
    for name, loads in found.items():
        rate, cpu = (statistics.median(getattr(load, field) for load in loads) for field in ("rate", "cpu"))
        print(f"{name}: {rate:.0f} requests/s, {rate / statistics.median(offline):.2f} of offline; {cpu:.2f} ms of CPU")
    if args.baseline:
        pairs = list(zip(found["this checkout"], found["baseline"], strict=True))
        rate = statistics.median(ours.rate / theirs.rate for ours, theirs in pairs)
        cpu = statistics.median(theirs.cpu / ours.cpu for ours, theirs in pairs)
        print(f"over the baseline: {rate:.2f} times the requests/s, {cpu:.2f} times the requests per CPU second")


if __name__ == "__main__":
    main()
