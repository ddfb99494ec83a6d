"""How long sentences wait when many replicas share them: measured on one core, simulated for up to 1,000.

    python benchmarks/replicas.py MODEL FILE

First one thread translates FILE's sentences with 1, 2, 4, 8 and 16 slots, which are refilled as they fall free, as the
service does: so many sentences a second come out of a replica that has so many in work. Then replicas are simulated
that share their speed among the sentences in their slots (processor sharing) and let others wait. Sentences come one
by one at random times (Poisson), each as much work as its translation is long, and a balancer sends each to a replica:
any ("random", as Kubernetes' own balancing of connections comes to), or the less busy one of any two ("two choices",
Mitzenmacher 2001). Load is the share of what all can do with full slots.

What it leaves out: HTTP (a replica of the service does 0.6 to 0.7 of what the engine alone does), the network, bursts
beyond Poisson's, replicas that fail or differ, and that a balancer's knowledge is a little old.
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
from nmt.search.beam_search import search_all
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise

SLOTS = (1, 2, 4, 8, 16)
REPLICAS = (1, 10, 100, 1000)
LOADS = (0.5, 0.7, 0.8, 0.9)
ARRIVALS = 40_000  # at least; and at least so many a replica:
ARRIVALS_EACH = 400
WARM_UP = 0.2  # of the arrivals, which are not counted


class Replica:
    """A queue whose speed depends on how many are in work."""

    def __init__(self, rates: list[float]) -> None:
        """``rates[n]`` is how many sentences a second come out while n are in work."""
        self._rates = rates
        self._in_work: list[tuple[float, float]] = []  # what each will have been given in the end; when it came
        self._waiting: deque[tuple[float, float]] = deque()  # how much work each is; when it came
        self._given = 0.0  # work that each sentence would have been given that was here from the beginning
        self._now = 0.0
        self.version = 0  # of the schedule

    def __len__(self) -> int:
        return len(self._in_work) + len(self._waiting)

    def arrive(self, now: float, work: float) -> None:
        """A sentence of so much work comes; 1 is the mean."""
        self._advance(now)
        self._waiting.append((work, now))
        self._admit()

    def leave(self, now: float) -> float:
        """The next sentence is finished; gives when it came."""
        self._advance(now)
        came = heapq.heappop(self._in_work)[1]
        self._admit()
        return came

    def next_end(self) -> float:
        """When the next sentence will be finished, if none comes before."""
        return self._now + (self._in_work[0][0] - self._given) * len(self._in_work) / self._rate()

    def _rate(self) -> float:
        return self._rates[len(self._in_work)]

    def _advance(self, now: float) -> None:
        if self._in_work:
            self._given += (now - self._now) * self._rate() / len(self._in_work)
        self._now = now

    def _admit(self) -> None:
        while self._waiting and len(self._in_work) < SLOTS[-1]:
            work, came = self._waiting.popleft()
            heapq.heappush(self._in_work, (self._given + work, came))
        self.version += 1


def simulate(replicas: int, choices: int, load: float, rates: list[float], works: list[float]) -> tuple[float, float]:
    """Median and 99th percentile of the seconds from a sentence's arrival to its end."""
    rng = random.Random(1)
    every = [Replica(rates) for _ in range(replicas)]
    interval = 1 / (load * replicas * rates[-1])
    arrivals = max(ARRIVALS, ARRIVALS_EACH * replicas)
    ends: list[tuple[float, int, int]] = []  # when, where, and of which schedule
    took: list[float] = []
    now, coming = 0.0, 0
    while coming < arrivals:
        if ends and ends[0][0] <= now:
            end, where, version = heapq.heappop(ends)
            if version != every[where].version:
                continue
            came = every[where].leave(end)
            if coming > WARM_UP * arrivals:
                took.append(end - came)
        else:
            where = min((rng.randrange(replicas) for _ in range(choices)), key=lambda place: len(every[place]))
            every[where].arrive(now, rng.choice(works))
            now, coming = now + rng.expovariate(1 / interval), coming + 1
        if len(every[where]):
            heapq.heappush(ends, (every[where].next_end(), where, every[where].version))
    return float(np.median(took)), float(np.quantile(took, 0.99))


def measure(arguments: argparse.Namespace) -> tuple[list[float], list[float]]:
    """Sentences a second by how many are in work (0 to 16), and the work of each sentence relative to the mean."""
    bundle = read_model_directory(arguments.model)
    lines = [normalise(line) for line in arguments.file.read_text(encoding="utf-8").splitlines()][: arguments.sentences]
    sentences = list(enumerate(bundle.tokenizer.source.encode_batch(lines)))
    options = DecodingOptions(max_length_ratio=bundle.card.longest_ratio, return_attention=False)
    [make] = engine_factories([bundle], "auto", threads=1, shortlist=True)
    measured, lengths = [], [0]
    for slots in SLOTS:
        engine, seconds = make(slots, arguments.beam), []
        for _ in range(arguments.rounds):
            began = time.perf_counter()
            lengths = [len(found[0].tokens) + 1 for _, found in search_all(engine, sentences, BOS, EOS, options)]
            seconds.append(time.perf_counter() - began)
        measured.append(len(sentences) / statistics.median(seconds))
        print(
            f"{slots:3} in work: {measured[-1]:6.1f} sentences/s, {1000 * slots / measured[-1]:6.1f} ms each",
            flush=True,
        )
    rates = np.interp(range(SLOTS[-1] + 1), SLOTS, measured)
    return rates.tolist(), [length / statistics.fmean(lengths) for length in lengths]


def main() -> None:
    """Measure, simulate and print the table."""
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
            found = [simulate(replicas, choices, load, rates, works) for load in LOADS]
            cells = "".join(f"{f'{1000 * median:.0f} / {1000 * most:.0f}':>16}" for median, most in found)
            print(f"{replicas:8} {name:>12} {'ms':4}{cells}", flush=True)
    print("milliseconds from arrival to end: median / 99th percentile")


if __name__ == "__main__":
    main()
