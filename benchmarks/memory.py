"""Measure the latency of a translation memory with many entries, in wall and CPU time per search.

    python benchmarks/memory.py [--entries 1000000] [--store FILE] [--searches 300]

The entries are synthetic sentences of 4 to 20 words, whose frequencies follow Zipf's law. A fuzzy search looks for an
entry of which one word in eight is changed, and should find it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path

from nmt.inference.memory.store import MemoryEntry, TranslationMemory

VOCABULARY = 60_000


def make_sentences(count: int) -> Iterator[str]:
    """Yield random sentences, the same in each run."""
    generator = random.Random(1)
    syllables = [a + b for a in "bcdfghklmnprstvz" for b in "aeiou"]
    words = ["".join(generator.choices(syllables, k=generator.randint(1, 4))) for _ in range(VOCABULARY)]
    weights = list(accumulate(1 / (rank + 2) for rank in range(VOCABULARY)))
    for _ in range(count):
        yield " ".join(generator.choices(words, cum_weights=weights, k=generator.randint(4, 20))).capitalize() + "."


def measure(name: str, queries: list[str], search: Callable[[str], object]) -> None:
    """Print the latency of searches."""
    wall: list[float] = []
    found = 0
    cpu = time.process_time()
    for query in queries:
        start = time.perf_counter()
        found += bool(search(query))
        wall.append(1000 * (time.perf_counter() - start))
    cpu = 1000 * (time.process_time() - cpu) / len(queries)
    deciles = statistics.quantiles(wall, n=20)
    print(f"{name}: median {statistics.median(wall):.2f} ms, 95% {deciles[-1]:.2f} ms, CPU {cpu:.2f} ms, found {found}")


def main() -> None:
    """Fill a memory unless it exists, and measure the searches."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--searches", type=int, default=300)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.store or Path(folder, "memory.db")
        memory = TranslationMemory(path)
        if not len(memory):
            start = time.process_time()
            sentences = make_sentences(options.entries)
            memory.add(MemoryEntry("en", "fr", sentence, sentence.upper(), "benchmark") for sentence in sentences)
            print(f"import: {options.entries / (time.process_time() - start):.0f} entries per CPU second")
        print(f"{len(memory)} entries, {path.stat().st_size / 2**20:.0f} MiB")
        generator = random.Random(2)
        every = list(make_sentences(options.entries))
        sample = generator.sample(every, options.searches)
        changed = []
        for sentence in sample:
            words = sentence.split()
            for place in generator.sample(range(len(words)), max(1, len(words) // 8)):
                words[place] = "changed"[: len(words[place])]
            changed.append(" ".join(words))
        measure("exact", sample, lambda text: memory.find_exact(text, "en", "fr"))
        measure("exact, absent", changed, lambda text: memory.find_exact(text, "en", "fr"))
        measure("fuzzy", changed, lambda text: memory.find_similar(text, "en", "fr"))
        memory.close()


if __name__ == "__main__":
    main()
