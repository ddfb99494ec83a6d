"""How many sentences should be searched together, and should their slots be refilled as they fall free?

    python benchmarks/refill.py MODEL FILE

Translates the ids of a file's sentences, longest first, with engines of several sizes: "refill" admits sentences when a
quarter of the slots is free, "batches" when all are. All take turns, on one thread; the median of the rounds counts.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.factory import engine_factories
from nmt.model_directory.directory import read_model_directory
from nmt.search.beam_search import search_all
from nmt.search.options import DecodingOptions
from nmt.text.normalisation import normalise


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    bundle = read_model_directory(arguments.model)
    lines = arguments.file.read_text(encoding="utf-8").splitlines()
    sentences = sorted(enumerate(bundle.tokenizer.source.encode_batch(list(map(normalise, lines)))), key=_length)
    options = DecodingOptions(max_length_ratio=bundle.card.longest_ratio, return_attention=False)
    [make] = engine_factories([bundle], "auto", threads=1, shortlist=True)
    engines = {slots: make(slots, arguments.beam) for slots in (8, 16, 32, 64, 128)}
    rates: dict[tuple[int, bool], list[float]] = {(slots, refill): [] for slots in engines for refill in (True, False)}
    for number in range(arguments.rounds + 1):
        for (slots, refill), found in rates.items():
            began = time.perf_counter()
            for _ in search_all(engines[slots], sentences, BOS, EOS, options, refill=refill):
                pass
            if number:  # the first round warms up
                found.append(len(sentences) / (time.perf_counter() - began))
    print(f"{'slots':>6} {'refill':>8} {'batches':>8}   sentences a second")
    for slots in engines:
        print(
            f"{slots:>6} {statistics.median(rates[slots, True]):>8.0f} {statistics.median(rates[slots, False]):>8.0f}"
        )


def _length(sentence: tuple[int, list[int]]) -> int:
    return -len(sentence[1])


if __name__ == "__main__":
    main()
