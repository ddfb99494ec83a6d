"""What a large corpus costs beside the training itself: seconds until it is prepared, and memory.

    python benchmarks/preparing.py PREFIX --source en --target fr

PREFIX are the plain files PREFIX.en and PREFIX.fr. A small network is trained for a few updates three times, each time
by an `nmt train` of its own: on the first 1,000 pairs, on all, and on all with the tokenizer kept but all else to be
prepared again. Memory is the peak of the process; that in which SentencePiece trains the tokenizer is another.
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
_FEW = 1000


class Run(NamedTuple):
    """What a training took."""

    prepared: float
    """Seconds from the start of the process until its text was prepared."""
    gigabytes: float


def train(recipe: Path, cache: Path, *more: str) -> Run:
    """Train in a process of its own."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache)}
    out = cache / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [sys.executable, "-m", "nmt", "train", str(recipe), "--out", str(out), *more]
    began, prepared, line = time.perf_counter(), 0.0, ""
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stderr or ():
            if line.startswith("Training text"):
                prepared = time.perf_counter() - began
                print(line, end="", flush=True)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(line.strip())
    return Run(prepared, usage.ru_maxrss / 1e6)


def main() -> None:
    """Measure and print."""
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
        few = train(recipe, cache, f"data.filter.first_pairs={_FEW}")
        fresh = train(recipe, cache)
        for prepared in (cache / "carousel").glob("ids-*"):
            shutil.rmtree(prepared)
        again = train(recipe, cache)
    print(f"prepared after {fresh.prepared:.1f} s, with its tokenizer trained after {again.prepared:.1f} s")
    print(
        f"memory {fresh.gigabytes:.2f} GB, with its tokenizer trained {again.gigabytes:.2f} GB; "
        f"of {_FEW:,} pairs {few.gigabytes:.2f} GB"
    )


if __name__ == "__main__":
    main()
