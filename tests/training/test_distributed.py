"""Two processes under torchrun learn what one process learns that sees both their batches."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from processes import children, wait_for
from safetensors.torch import load_file
from toy import write_corpus

ROOT = Path(__file__).parents[2]
SETTINGS = ("training.batch_tokens=400", "training.max_updates=100", "training.ema=0.9")
RANDOM = ("model.dropout=0.2", "model.word_dropout=0.1", "training.subword_sampling=0.1", "training.r_drop=1")


def start(
    recipe: Path, out: Path, *more: str, processes: int = 1, torchrun: tuple[str, ...] = ("--standalone",)
) -> subprocess.Popen[str]:
    """``torchrun`` is what that is told beside the number of processes, of which it starts those of one machine."""
    launcher = ["-m", "torch.distributed.run", *torchrun, "--nproc-per-node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 or "--nnodes" in torchrun else []), "-m", "nmt"]
    command += ["train", str(recipe)]
    return subprocess.Popen(
        [*command, "--out", str(out), *more], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    """What it says."""
    _, error = process.communicate(timeout=200)
    assert process.returncode == 0, error
    return error


def records(out: Path, kind: str) -> list[dict[str, float]]:
    lines = map(json.loads, (out / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line["kind"] == kind]


@pytest.mark.parametrize(
    ("updates", "accumulate", "more"),
    [(100, 2, ("model.dropout=0.0",)), (20, 1, RANDOM), (20, 1, ("model.attention=none", "model.encoder_layers=2"))],
    ids=["plain", "random", "without attention"],
)
def test_two_processes_equal_one_that_accumulates_twice_as_much(
    updates: int, accumulate: int, more: tuple[str, ...], recipe: Path, tmp_path: Path
) -> None:
    """With dropout and sampled pieces too: what is drawn belongs to the batch."""
    more = (*more, f"training.max_updates={updates}")
    together = start(recipe, tmp_path / "two", *SETTINGS, *more, f"training.accumulate={accumulate}", processes=2)
    alone = start(recipe, tmp_path / "one", *SETTINGS, *more, f"training.accumulate={2 * accumulate}")
    assert finish(together).count("2 processes") == 1  # one of them speaks
    finish(alone)
    for kind in ("train", "dev"):
        one, two = (records(tmp_path / name, kind) for name in ("one", "two"))
        assert [line["update"] for line in one] == [line["update"] for line in two]
        assert len(one) == updates or kind == "dev"  # each update's loss
        assert [line["loss"] for line in two] == pytest.approx([line["loss"] for line in one], rel=1e-6)
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("one", "two")]
    # Of two gradients the sum is the same in any order; of four it is equal to rounding.
    assert weights[0] == weights[1] or accumulate == 2


def test_two_processes_stop_and_go_on_with_another_number(recipe: Path, tmp_path: Path) -> None:
    """A signal to one stops both after the same update; the checkpoint knows no number of processes."""
    out, long = tmp_path / "run", ("training.max_updates=100000", "training.checkpoint_every=100000")
    process = start(recipe, out, *long, processes=2)
    wait_for((out / "model" / "config.json").exists, process)  # of the first validation
    [leader] = [pid for pid in children(process.pid) if b"RANK=0" in environment_of(pid)]
    os.kill(leader, signal.SIGTERM)
    error = finish(process)
    assert error.count("go on with --resume") == 1
    stopped = int(error.split("Stopped after update ")[1].split(";")[0].replace(",", ""))
    said = finish(start(recipe, out, "--resume", f"training.max_updates={stopped + 5}"))
    assert f"Resumed after update {stopped:,}" in said


def test_three_processes_resume_to_the_same_bytes(recipe: Path, tmp_path: Path) -> None:
    """Of three gradients the sum depends on the order, and that on how they were put together for sending."""
    length = ("training.max_updates=12", "training.schedule=constant", "training.checkpoint_every=6")
    finish(start(recipe, tmp_path / "whole", *length, processes=3))
    shutil.copytree(tmp_path / "whole", tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "last.safetensors").unlink()
    assert "Resumed after update 6" in finish(start(recipe, tmp_path / "run", *length, "--resume", processes=3))
    whole_run, resumed = (load_file(tmp_path / name / "checkpoints" / "last.safetensors") for name in ("whole", "run"))
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in whole_run.items())


def test_a_signal_during_preparation_ends_both_processes(
    recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that got it prepares, the other one waits."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    draw = random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnop", k=8)) for _ in range(40_000)]
    texts = [" ".join(draw.choices(words, k=10)) for _ in range(20_000)]
    write_corpus(tmp_path / "large", [(text, text[::-1]) for text in texts])
    large = (f"data.train=[{tmp_path / 'large'}]", "tokenizer.vocab_size=6000")
    process = start(recipe, tmp_path / "run", *large, processes=2)

    def preparing() -> list[int]:
        return [pid for pid in children(process.pid) if children(pid)]

    wait_for(lambda: bool(preparing()), process)
    [leader] = preparing()
    os.kill(leader, signal.SIGTERM)
    assert finish(process).count("Stopped while the text was being prepared") == 1
    assert not list((tmp_path / "cache" / "carousel").glob("*"))


def test_two_machines_begin_again_when_a_process_is_killed(recipe: Path, tmp_path: Path) -> None:
    """Without being told to resume; the weights are those of a run that nobody disturbed."""
    out, length = tmp_path / "two", ("training.max_updates=60", "training.checkpoint_every=10", "model.dropout=0.2",
                                     "training.validate_every=60", "training.ema=0.9")  # fmt: skip
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{probe.getsockname()[1]}"
    torchrun = ("--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting, "--max-restarts", "1")
    machines = [start(recipe, out, *length, torchrun=torchrun) for _ in range(2)]
    undisturbed = start(recipe, tmp_path / "one", *length, "training.accumulate=2")
    for _ in range(20_000):
        if (out / "checkpoints" / "previous.safetensors").exists() or any(machine.poll() for machine in machines):
            break
        time.sleep(0.01)
    [follower] = [w for machine in machines for w in children(machine.pid) if b"RANK=1" in environment_of(w)]
    os.kill(follower, signal.SIGKILL)
    said = "".join(machine.communicate(timeout=200)[1] for machine in machines)
    assert [machine.returncode for machine in machines] == [0, 0], said
    assert said.count("Resumed after update") == 1
    assert "nmt/training/" not in said  # no traceback of ours
    finish(undisturbed)
    one, two = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_what_fails_in_one_process_is_said_once_and_ends_all(recipe: Path, tmp_path: Path) -> None:
    """A run is in the way of the process that leads."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    process = start(recipe, tmp_path / "run", *SETTINGS, processes=2)
    _, error = process.communicate(timeout=100)
    assert process.returncode == 1
    assert error.count("nmt: ") == error.count("holds a run; go on with --resume") == 1
    assert "nmt/training/" not in error


def environment_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
