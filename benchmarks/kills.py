"""Stress test of resuming: kill a training run at random moments and compare the result with an undisturbed run.

    python benchmarks/kills.py [--kills 20]

The script kills `nmt train --resume` of a small recipe (R-Drop, subword sampling and checkpoint averaging on the
demonstration corpus) with SIGKILL, each time up to a second after its first new checkpoint, and then lets it finish. It
compares the weights of the model and all tensors of the last checkpoint: weights, moving average and the optimiser's
moments.
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


def start_training(out: Path) -> subprocess.Popen[bytes]:
    """Start or resume the run in a directory."""
    command = [sys.executable, "-m", "nmt", "train", str(ROOT / "configs" / "demo.yaml"), *SETTINGS]
    return subprocess.Popen([*command, "--out", str(out), "--resume"], stdout=subprocess.DEVNULL)


def finish_training(out: Path) -> None:
    """Start or resume the run and wait until it is complete."""
    if status := start_training(out).wait():
        raise SystemExit(f"nmt train: exit status {status}")


def kill_once(out: Path, delay: float) -> None:
    """Resume the run, wait for its first new checkpoint, and kill it ``delay`` seconds later."""
    last = out / "checkpoints" / "last.safetensors"
    before = last.stat().st_mtime_ns if last.exists() else 0
    with start_training(out) as process:
        while not last.exists() or last.stat().st_mtime_ns == before:
            if process.poll() is not None:
                raise SystemExit("--kills: the run was complete before the last kill; use a smaller number")
            time.sleep(0.005)
        time.sleep(delay)
        process.kill()


def have_equal_tensors(one: Path, other: Path) -> bool:
    """Return whether two files contain the same tensors, bit for bit."""
    first, second = load_file(one), load_file(other)
    return first.keys() == second.keys() and all(first[name].equal(second[name]) for name in first)


def main() -> None:
    """Run the test and print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="number of kills (default: 20)")
    parser.add_argument("--seed", type=int, default=7, help="seed of the random moments (default: 7)")
    options = parser.parse_args()
    delays = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        undisturbed, killed = Path(folder) / "undisturbed", Path(folder) / "killed"
        finish_training(undisturbed)
        for _ in range(options.kills):
            kill_once(killed, delays.uniform(0, 1))
        finish_training(killed)
        for name in COMPARED:
            result = "equal" if have_equal_tensors(undisturbed / name, killed / name) else "DIFFERENT"
            print(f"after {options.kills} kills {name}: {result}")


if __name__ == "__main__":
    main()
