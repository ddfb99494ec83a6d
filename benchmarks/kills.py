"""Whether a training that is killed again and again ends as one that nobody disturbed: kill -9 at random moments.

    python benchmarks/kills.py [--kills 20]

`nmt train --resume` of a small recipe with R-Drop, subword sampling and averaging on the demonstration corpus is killed
up to a second after it has gone on, as often as asked, and then left to end. Compared are the model's weights, and all
tensors of the last checkpoint: weights, average and the optimiser's moments.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
SETTINGS = (
    "data.filter.first_pairs=2000", "data.test=null", "tokenizer.vocab_size=400", "model.width=32", "model.heads=2",
    "model.encoder_layers=1", "training.max_updates=1200", "training.warmup=50", "training.batch_tokens=600",
    "training.checkpoint_every=7", "training.validate_every=100", "training.r_drop=1", "training.subword_sampling=0.1",
    "training.average_best=3", "training.guided_alignment=0", "training.device=cpu",
)  # fmt: skip
COMPARED = ("model/model.safetensors", "checkpoints/last.safetensors", "checkpoints/best.safetensors")


def finish(out: Path) -> None:
    """Let it come to its end."""
    if status := start(out).wait():
        raise SystemExit(f"nmt train ended with {status}")


def same(one: Path, other: Path) -> bool:
    """Whether two files hold the same tensors, to the bit."""
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(first[name].equal(second[name]) for name in first)


def start(out: Path) -> subprocess.Popen[bytes]:
    """The training, from where it stands."""
    command = [sys.executable, "-m", "nmt", "train", str(ROOT / "configs" / "demo.yaml"), *SETTINGS]
    return subprocess.Popen([*command, "--out", str(out), "--resume"], stdout=subprocess.DEVNULL)


def kill_once(out: Path, after: float) -> None:
    """Kill it so many seconds after the first checkpoint that it writes itself."""
    last = out / "checkpoints" / "last.safetensors"
    before = last.stat().st_mtime_ns if last.exists() else 0
    with start(out) as process:
        while not last.exists() or last.stat().st_mtime_ns == before:
            if process.poll() is not None:
                raise SystemExit("the training ended before its time; fewer kills, please")
            time.sleep(0.005)
        time.sleep(after)
        process.kill()


def main() -> None:
    """Kill, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder) / "whole", Path(folder) / "killed"
        finish(whole)
        for _ in range(options.kills):
            kill_once(killed, moments.uniform(0, 1))
        finish(killed)
        for name in COMPARED:
            found = "the same" if same(whole / name, killed / name) else "DIFFERENT"
            print(f"after {options.kills} kills {name}: {found}")


if __name__ == "__main__":
    main()
