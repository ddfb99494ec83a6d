"""Latency of sentences at a cluster of replicas: measured on one core, simulated for up to 1,000 replicas.

    python benchmarks/replicas.py MODEL FILE

The benchmark first measures how many sentences per second one thread translates with 1, 2, 4, 8 and 16 slots, which are
refilled continuously, as in the service. It then simulates replicas that divide their speed among the sentences in
their slots (processor sharing) and queue the others. Sentences arrive at random times (a Poisson process), and the work
of each is proportional to the length of its translation. A load balancer sends each sentence either to a random
replica ("random", like the connection balancing of Kubernetes) or to the less loaded of two random replicas ("two
choices", Mitzenmacher 2001). The load is the share of the throughput that all replicas reach with full slots.

The simulation leaves out HTTP (a replica of the service reaches 0.6 to 0.7 of the engine's throughput), the network,
bursts beyond those of a Poisson process, failing or unequal replicas, and the delay of the load balancer's information.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import time
from collections import deque
from pathlib import Path

import numpy as np

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.factory import engine_factories
from nmt.model_directory.directory import read_model_directory
from nmt.search.beam_search import decode_sentences
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise

SLOTS = (1, 2, 4, 8, 16)
REPLICAS = (1, 10, 100, 1000)
LOADS = (0.5, 0.7, 0.8, 0.9)
MIN_ARRIVALS = 40_000  # per simulation
MIN_ARRIVALS_PER_REPLICA = 400
WARM_UP = 0.2  # share of the arrivals that are not measured


class SimulatedReplica:
    """A queue with processor sharing, whose speed depends on the number of sentences in its slots."""

    def __init__(self, rates: list[float]) -> None:
        """``rates[n]`` is the throughput in sentences per second with n sentences in the slots."""
        self._rates = rates
        self._active: list[tuple[float, float]] = []  # heap of (service at which it is finished, arrival time)
        self._waiting: deque[tuple[float, float]] = deque()  # (work, arrival time)
        self._service = 0.0  # work done so far for a sentence that has been active from the start
        self._now = 0.0
        self.version = 0  # changes with the schedule, so that outdated events are recognised

    def __len__(self) -> int:
        return len(self._active) + len(self._waiting)

    def arrive(self, now: float, work: float) -> None:
        """Add a sentence; a work of 1 is the mean."""
        self._advance(now)
        self._waiting.append((work, now))
        self._admit()

    def leave(self, now: float) -> float:
        """Remove the sentence that is finished next and return its arrival time."""
        self._advance(now)
        arrival = heapq.heappop(self._active)[1]
        self._admit()
        return arrival

    def next_end(self) -> float:
        """Return when the next sentence will be finished if no other arrives before."""
        return self._now + (self._active[0][0] - self._service) * len(self._active) / self._rate()

    def _rate(self) -> float:
        return self._rates[len(self._active)]

    def _advance(self, now: float) -> None:
        if self._active:
            self._service += (now - self._now) * self._rate() / len(self._active)
        self._now = now

    def _admit(self) -> None:
        while self._waiting and len(self._active) < SLOTS[-1]:
            work, arrival = self._waiting.popleft()
            heapq.heappush(self._active, (self._service + work, arrival))
        self.version += 1


def simulate(replicas: int, choices: int, load: float, rates: list[float], works: list[float]) -> tuple[float, float]:
    """Return the median and the 99th percentile of the latency of sentences, in seconds."""
    rng = random.Random(1)
    cluster = [SimulatedReplica(rates) for _ in range(replicas)]
    interval = 1 / (load * replicas * rates[-1])
    arrivals = max(MIN_ARRIVALS, MIN_ARRIVALS_PER_REPLICA * replicas)
    completions: list[tuple[float, int, int]] = []  # heap of (time, replica, schedule version)
    latencies: list[float] = []
    now, arrived = 0.0, 0
    while arrived < arrivals:
        if completions and completions[0][0] <= now:
            end, index, version = heapq.heappop(completions)
            if version != cluster[index].version:
                continue
            arrival = cluster[index].leave(end)
            if arrived > WARM_UP * arrivals:
                latencies.append(end - arrival)
        else:
            index = min((rng.randrange(replicas) for _ in range(choices)), key=lambda replica: len(cluster[replica]))
            cluster[index].arrive(now, rng.choice(works))
            now, arrived = now + rng.expovariate(1 / interval), arrived + 1
        if len(cluster[index]):
            heapq.heappush(completions, (cluster[index].next_end(), index, cluster[index].version))
    return float(np.median(latencies)), float(np.quantile(latencies, 0.99))


def measure(arguments: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Return the sentences per second by number of active sentences, and the relative work of each sentence."""
    model = read_model_directory(arguments.model)
    lines = [normalise(line) for line in arguments.file.read_text(encoding="utf-8").splitlines()][: arguments.sentences]
    sentences = list(enumerate(model.tokenizer.source.encode_batch(lines)))
    options = DecodingOptions(max_length_ratio=model.card.longest_ratio, return_attention=False)
    [create_engine] = engine_factories([model], "auto", threads=1, use_shortlist=True)
    measured, lengths = [], [0]
    for slots in SLOTS:
        engine, seconds = create_engine(slots, arguments.beam), []
        for _ in range(arguments.rounds):
            start = time.perf_counter()
            lengths = [len(found[0].tokens) + 1 for _, found in decode_sentences(engine, sentences, BOS, EOS, options)]
            seconds.append(time.perf_counter() - start)
        measured.append(len(sentences) / statistics.median(seconds))
        print(
            f"{slots:3} slots: {measured[-1]:6.1f} sentences/s, {1000 * slots / measured[-1]:6.1f} ms each",
            flush=True,
        )
    rates = np.interp(range(SLOTS[-1] + 1), SLOTS, measured)
    return rates.tolist(), [length / statistics.fmean(lengths) for length in lengths]


def main() -> None:
    """Measure the throughput, simulate replicas and print the table of latencies."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--sentences", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    rates, works = measure(parser.parse_args())
    print(f"\n{'replicas':>8} {'balancer':>12} {'':4}" + "".join(f"{f'load {load:g}':>16}" for load in LOADS))
    for replicas in REPLICAS:
        for choices, name in ((1, "random"), (2, "two choices")):
            if choices > replicas:
                continue
            results = [simulate(replicas, choices, load, rates, works) for load in LOADS]
            cells = "".join(f"{f'{1000 * median:.0f} / {1000 * high:.0f}':>16}" for median, high in results)
            print(f"{replicas:8} {name:>12} {'ms':4}{cells}", flush=True)
    print("latency in milliseconds: median / 99th percentile")


if __name__ == "__main__":
    main()
