"""Decoding speed by the number of slots, with and without continuous batching.

    python benchmarks/refill.py MODEL FILE

Translates the sentences of a file, longest first, with engines of several sizes. "refill" admits new sentences when a
quarter of the slots is free, "batches" only when all are. The configurations take turns on one thread, and the median
of the rounds counts. Only search is timed, not tokenisation.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.factory import engine_factories
from nmt.model_directory.directory import read_model_directory
from nmt.search.beam_search import decode_sentences
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
    model = read_model_directory(arguments.model)
    lines = arguments.file.read_text(encoding="utf-8").splitlines()
    ids = model.tokenizer.source.encode_batch(list(map(normalise, lines)))
    sentences = sorted(enumerate(ids), key=lambda sentence: -len(sentence[1]))
    options = DecodingOptions(max_length_ratio=model.card.longest_ratio, return_attention=False)
    [make_engine] = engine_factories([model], "auto", threads=1, use_shortlist=True)
    engines = {slots: make_engine(slots, arguments.beam) for slots in (8, 16, 32, 64, 128)}
    rates: dict[tuple[int, bool], list[float]] = {(slots, refill): [] for slots in engines for refill in (True, False)}
    for number in range(arguments.rounds + 1):
        for (slots, refill), measured in rates.items():
            start = time.perf_counter()
            for _ in decode_sentences(engines[slots], sentences, BOS, EOS, options, refill=refill):
                pass
            if number:  # the first round warms up
                measured.append(len(sentences) / (time.perf_counter() - start))
    print(f"{'slots':>6} {'refill':>8} {'batches':>8}   sentences per second")
    for slots in engines:
        refill, batches = (statistics.median(rates[slots, mode]) for mode in (True, False))
        print(f"{slots:>6} {refill:>8.0f} {batches:>8.0f}")


if __name__ == "__main__":
    main()
