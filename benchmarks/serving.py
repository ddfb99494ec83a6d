"""Load generator for the service: throughput, latency, overload, memory, reload and shutdown.

    python benchmarks/serving.py MODEL --source test.en                 # an int8 model with a shortlist
    python benchmarks/serving.py MODEL --source test.en --only clients alone

MODEL is served by `nmt serve` in another process, on loopback, without cache. Both processes share the machine's cores,
so rates are corrected for the processor time of the load generator: they are those of a server that has all cores.

    clients     64 clients with one sentence at a time, compared with translating the same file offline; latencies
    single      the same load on a server with one slot and one thread
    alone       one client: the time that HTTP and the queue add to `Translator.translate`
    large       20 clients with one sentence each, beside one request of 2,000 sentences
    overload    requests of 50 sentences at ten times the rate that can be served, for a minute
    memory      the server's memory after 1,000 and after 50,000 requests
    vanish      1,000 clients that disconnect before the response
    reload      SIGHUP under load
    drain       SIGTERM under load
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from nmt.inference.translator import Translator

CLIENTS = 64
HEAD = "POST /translate HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n"
WARM_UP = 5.0  # seconds of load before a measurement begins


@dataclass
class ServerProcess:
    """A running `nmt serve`."""

    process: subprocess.Popen[str]
    port: int

    def memory(self) -> float:
        """Return the memory of all its processes in MiB; shared memory is counted once."""
        children = " ".join(file.read_text() for file in Path(f"/proc/{self.process.pid}/task").glob("*/children"))
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in [self.process.pid, *children.split()]]
        return sum(int(re.findall(r"Pss:\s+(\d+)", rollup)[0]) for rollup in rollups) / 1024


@contextmanager
def serving(model: Path, **settings: object) -> Iterator[ServerProcess]:
    """Start a server and wait until it is ready; settings are given without the prefix NMT_."""
    environment = os.environ | {f"NMT_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {"NMT_CACHE": "0", "NMT_LOG_LEVEL": "warning"} | environment
    command = [sys.executable, "-m", "nmt", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield ServerProcess(process, int(re.findall(r":(\d+)$", process.stdout.readline().strip())[0]))
        finally:
            process.terminate()
            process.wait(60)


@dataclass
class Load:
    """Results of a load."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    sentences: int = 0
    seconds: float = 0.0
    generator_seconds: float = 0.0
    """Processor seconds of the load generator."""

    @property
    def rate(self) -> float:
        """Sentences per second, corrected for the processor time of the load generator."""
        return self.sentences / (self.seconds - self.generator_seconds / cores())

    def percentile(self, q: int) -> float:
        """Return a percentile of the latencies in milliseconds."""
        return 1000 * statistics.quantiles(self.latencies, n=100)[q - 1]

    def report(self) -> str:
        """Return rate and latencies in one line."""
        return (
            f"{self.rate:.0f} sentences/s (corrected for {self.generator_seconds:.1f} s of the load generator in "
            f"{self.seconds:.1f} s); p50 {self.percentile(50):.1f} ms, p99 {self.percentile(99):.1f} ms; "
            f"{dict(self.statuses)}"
        )


def cores() -> int:
    return len(os.sched_getaffinity(0))


def body(texts: str | Sequence[str]) -> bytes:
    data = json.dumps({"q": texts, "source": SOURCE, "target": TARGET}).encode()
    return HEAD.format(len(data)).encode() + data


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> tuple[int, bytes]:
    """Send a request on an open connection and return status and body of the response."""
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(re.findall(rb"(?i)content-length: (\d+)", head)[0])
    return int(head[9:12]), await reader.readexactly(length)


async def client(port: int, requests: Iterator[tuple[bytes, int]], until: Callable[[], bool], load: Load) -> None:
    """Send requests one after the other until ``until`` returns True."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not until():
        request, sentences = next(requests)
        start = time.perf_counter()
        status, _ = await exchange(reader, writer, request)
        load.latencies.append(time.perf_counter() - start)
        load.statuses[status] += 1
        load.sentences += sentences if status == 200 else 0
    writer.close()


async def run_clients(port: int, count: int, texts: Sequence[str], seconds: float) -> Load:
    """Run clients that send one sentence per request, and measure ``seconds`` after a warm-up."""
    requests = itertools.cycle([(body(text), 1) for text in texts])
    load, stopped = Load(), False
    running = [asyncio.create_task(client(port, requests, lambda: stopped, load)) for _ in range(count)]
    await asyncio.sleep(WARM_UP)
    load.latencies.clear()
    load.statuses.clear()
    load.sentences = 0
    start, own = time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    load.seconds, load.generator_seconds = time.perf_counter() - start, time.process_time() - own
    measured = Load(list(load.latencies), Counter(load.statuses), load.sentences, load.seconds, load.generator_seconds)
    stopped = True
    await asyncio.gather(*running)
    return measured


def offline_rate(model: Path, texts: Sequence[str]) -> float:
    translator = Translator.load(model, threads=cores())
    translator.translate(list(texts[:200]))
    start = time.perf_counter()
    translator.translate(list(texts))
    return len(texts) / (time.perf_counter() - start)


def measure_clients(model: Path, texts: Sequence[str], seconds: float) -> None:
    before = offline_rate(model, texts)
    with serving(model) as server:
        load = asyncio.run(run_clients(server.port, CLIENTS, texts, seconds))
    after = offline_rate(model, texts)
    print(f"offline: {before:.0f} sentences/s before, {after:.0f} after")
    print(f"clients: {load.report()}")
    print(f"    over offline {load.rate / statistics.fmean((before, after)):.2f}, "
          f"p99 over p50 {load.percentile(99) / load.percentile(50):.2f}")  # fmt: skip


def measure_single(model: Path, texts: Sequence[str], seconds: float) -> None:
    with serving(model) as server:
        load = asyncio.run(run_clients(server.port, CLIENTS, texts, seconds))
    with serving(model, slots=1, threads=1) as server:
        single = asyncio.run(run_clients(server.port, CLIENTS, texts, seconds))
    print(f"single: one slot and one thread: {single.report()}; all slots over that {load.rate / single.rate:.2f}")


def measure_alone(model: Path, texts: Sequence[str], seconds: float) -> None:
    translator = Translator.load(model)
    local: list[float] = []
    served: list[float] = []

    async def send_requests(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for text in itertools.islice(itertools.cycle(texts), 50 + int(seconds * 50)):
            start = time.perf_counter()
            await exchange(reader, writer, body(text))
            between = time.perf_counter()
            translator.translate(text)
            local.append(time.perf_counter() - between)
            served.append(between - start)
        writer.close()

    with serving(model) as server:
        asyncio.run(send_requests(server.port))
    added = statistics.median(a - b for a, b in zip(served[50:], local[50:], strict=True))
    print(f"alone: served {1000 * statistics.median(served[50:]):.2f} ms, in process "
          f"{1000 * statistics.median(local[50:]):.2f} ms; added {1000 * added:.2f} ms (medians)")  # fmt: skip


def measure_large(model: Path, texts: Sequence[str], seconds: float) -> None:
    large = "\n".join(itertools.islice(itertools.cycle(texts), 2000))

    async def run_beside_large_request(port: int) -> tuple[Load, float]:
        load, stopped = Load(), False
        requests = itertools.cycle([(body(text), 1) for text in texts])
        running = [asyncio.create_task(client(port, requests, lambda: stopped, load)) for _ in range(20)]
        await asyncio.sleep(1)
        load.latencies.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        start = time.perf_counter()
        status, _ = await exchange(reader, writer, body(large))
        assert status == 200, status
        took = time.perf_counter() - start
        measured = Load(list(load.latencies), Counter(load.statuses))
        stopped = True
        await asyncio.gather(*running)
        return measured, took

    with serving(model, char_limit=1_000_000, request_timeout=120) as server:
        without = asyncio.run(run_clients(server.port, 20, texts, seconds))
        beside_large, took = asyncio.run(run_beside_large_request(server.port))
    print(f"large: 20 clients: p99 {without.percentile(99):.1f} ms; beside 2,000 sentences ({took:.1f} s) "
          f"{beside_large.percentile(99):.1f} ms, {beside_large.percentile(99) / without.percentile(99):.2f} times; "
          f"{dict(beside_large.statuses)}")  # fmt: skip


def measure_overload(model: Path, texts: Sequence[str], seconds: float) -> None:
    del seconds
    timeout = 10.0

    async def flood(port: int, rate: float) -> tuple[Load, list[float]]:
        load = Load()
        refusals: list[float] = []
        bodies = [body(random.choices(texts, k=50)) for _ in range(40)]

        async def send_one() -> None:
            start = time.perf_counter()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                status, _ = await exchange(reader, writer, random.choice(bodies))
            except (asyncio.IncompleteReadError, ConnectionError):
                status = 0
            took = time.perf_counter() - start
            load.statuses[status] += 1
            (load.latencies if status == 200 else refusals).append(took)
            load.sentences += 50 if status == 200 else 0
            writer.close()

        tasks: set[asyncio.Task[None]] = set()
        start, own, sent = time.perf_counter(), time.process_time(), 0
        while (now := time.perf_counter() - start) < 60:
            while sent < now * rate:
                task = asyncio.create_task(send_one())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                sent += 1
            await asyncio.sleep(0.005)
        await asyncio.gather(*tasks)
        load.seconds, load.generator_seconds = time.perf_counter() - start, time.process_time() - own
        return load, refusals

    capacity = offline_rate(model, texts)
    with serving(model, request_timeout=timeout) as server:
        load, refusals = asyncio.run(flood(server.port, 10 * capacity / 50))
        print(f"overload: offered {10 * capacity:.0f} sentences/s; {load.report()}; "
              f"slowest accepted {max(load.latencies):.1f} of {timeout:.0f} s, "
              f"refusals p50 {1000 * statistics.median(refusals):.0f} ms, slowest {max(refusals):.2f} s; "
              f"{server.memory():.0f} MiB")  # fmt: skip


def measure_memory(model: Path, texts: Sequence[str], seconds: float) -> None:
    del seconds

    async def send_requests(port: int, count: int) -> None:
        load = Load()
        requests = itertools.cycle([(body(text), 1) for text in texts])
        await asyncio.gather(*(client(port, requests, lambda: load.statuses[200] >= count, load) for _ in range(32)))

    with serving(model, cache=2000) as server:
        asyncio.run(send_requests(server.port, 1000))
        first = server.memory()
        asyncio.run(send_requests(server.port, 49_000))
        last = server.memory()
    print(f"memory: {first:.1f} MiB after 1,000 requests, {last:.1f} MiB after 50,000: {last / first:.3f} times")


def measure_vanish(model: Path, texts: Sequence[str], seconds: float) -> None:
    del seconds

    async def disconnect(port: int) -> None:
        for n in range(1000):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(body(random.choices(texts, k=20)))
            await writer.drain()
            await asyncio.sleep(random.uniform(0, 0.02))
            writer.transport.abort()
            del reader, n
        await asyncio.sleep(1)

    async def metrics(port: int) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        _, content = await exchange(reader, writer, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
        writer.close()
        return content.decode()

    with serving(model) as server:
        asyncio.run(disconnect(server.port))
        found = asyncio.run(metrics(server.port))
        load = asyncio.run(run_clients(server.port, CLIENTS, texts, 3))
    gauges = re.findall(r"^(nmt_(?:waiting_sentences|requests_in_flight|slots_in_use)\S* \S+)$", found, re.MULTILINE)
    print(f"vanish: after 1,000 disconnects: {', '.join(gauges)}; then {load.report()}")


def measure_reload(model: Path, texts: Sequence[str], seconds: float) -> None:
    async def reload(server: ServerProcess) -> Load:
        running = asyncio.create_task(run_clients(server.port, CLIENTS, texts, seconds))
        for _ in range(5):
            await asyncio.sleep((WARM_UP + seconds) / 6)
            server.process.send_signal(signal.SIGHUP)
        return await running

    with serving(model) as server:
        load = asyncio.run(reload(server))
    print(f"reload: five times under load: {load.report()}")


def measure_drain(model: Path, texts: Sequence[str], seconds: float) -> None:
    del seconds
    outcomes = Counter[str]()
    signalled = math.inf

    async def drain(server: ServerProcess) -> None:
        nonlocal signalled

        async def send_one() -> None:
            requests = itertools.cycle([body(text) for text in texts])
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            while True:
                start = time.monotonic()
                try:
                    status, _ = await exchange(reader, writer, next(requests))
                except (asyncio.IncompleteReadError, ConnectionError):
                    # A request after the signal may find no server; one before it must not be lost.
                    outcomes["refused" if start > signalled else "LOST"] += 1
                    return
                outcomes[str(status)] += 1
                if status != 200:
                    return

        clients = [asyncio.create_task(send_one()) for _ in range(CLIENTS)]
        await asyncio.sleep(3)
        signalled = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        await asyncio.gather(*clients)

    with serving(model) as server:
        asyncio.run(drain(server))
        status = server.process.wait(60)
    print(f"drain: SIGTERM under load: {dict(outcomes)}, exit status {status}")


MEASUREMENTS = {
    name.removeprefix("measure_"): function for name, function in list(globals().items()) if name.startswith("measure_")
}
SOURCE = TARGET = ""


def main() -> None:
    global SOURCE, TARGET
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--source", type=Path, required=True, help="text file with one sentence per line")
    parser.add_argument("--seconds", type=float, default=20, help="seconds of each constant load (default: 20)")
    parser.add_argument("--only", nargs="+", choices=MEASUREMENTS, default=list(MEASUREMENTS))
    args = parser.parse_args()
    texts = [line for line in args.source.read_text(encoding="utf-8").splitlines() if line.strip()]
    translator = Translator.load(args.model)
    SOURCE, TARGET = translator.source_language, translator.target_language
    for name in args.only:
        with suppress(KeyboardInterrupt):
            MEASUREMENTS[name](args.model, texts, args.seconds)


if __name__ == "__main__":
    main()
