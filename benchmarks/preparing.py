"""Measure the time and memory that the preparation of a large corpus takes.

    python benchmarks/preparing.py PREFIX --source en --target fr

PREFIX names the plain files PREFIX.en and PREFIX.fr. `nmt train` trains a small network for a few updates three times:
on the first 1,000 pairs, on all pairs, and again on all pairs with the cached tokenizer but no cached ids. Memory is
the peak of the training process, without the process in which SentencePiece trains the tokenizer.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

RECIPE = """\
data: {{source: {source}, target: {target}, train: [{train}]}}
tokenizer: {{vocab_size: 4000}}
model: {{width: 128, encoder_layers: 1, decoder_layers: 1, heads: 4}}
training: {{max_updates: 12, batch_tokens: 4096, learning_rate: 1.0e-3, warmup: 2, validate_every: 12,
           checkpoint_every: 12, device: cpu}}
"""
_SMALL_CORPUS_PAIRS = 1000


class PreparationCost(NamedTuple):
    """Time and memory of a training run."""

    seconds: float
    """Time from the start of the process until its text is prepared."""
    gigabytes: float
    """Peak memory of the process."""


def train(recipe: Path, cache: Path, *overrides: str) -> PreparationCost:
    """Run `nmt train` with its cache in a given folder, and return its cost."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    out = cache / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "nmt", "train", str(recipe), "--out", str(out), *overrides]
    start, seconds, line = time.perf_counter(), 0.0, ""
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stderr or ():
            if line.startswith("Training text"):
                seconds = time.perf_counter() - start
                print(line, end="", flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(line.strip())
    return PreparationCost(seconds, usage.ru_maxrss / 1e6)


def main() -> None:
    """Measure and print the cost of preparation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", metavar="PREFIX", type=Path)
    for name in ("source", "target"):
        parser.add_argument(f"--{name}", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        recipe = cache / "recipe.yaml"
        recipe.write_text(
            RECIPE.format(source=options.source, target=options.target, train=options.corpus.resolve()),
            encoding="utf-8",
        )
        small = train(recipe, cache, f"data.filter.first_pairs={_SMALL_CORPUS_PAIRS}")
        uncached = train(recipe, cache)
        for prepared in (cache / "carousel").glob("ids-*"):
            shutil.rmtree(prepared)
        cached = train(recipe, cache)
    print(f"prepared after {uncached.seconds:.1f} s, with a cached tokenizer after {cached.seconds:.1f} s")
    print(
        f"memory {uncached.gigabytes:.2f} GB, with a cached tokenizer {cached.gigabytes:.2f} GB; "
        f"for {_SMALL_CORPUS_PAIRS:,} pairs {small.gigabytes:.2f} GB"
    )


if __name__ == "__main__":
    main()
