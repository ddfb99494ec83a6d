"""Data-parallel training: two processes under torchrun learn what one process learns with all batches."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
import torch
from processes import child_pids, finish, start_training, wait_for
from runs import metrics
from safetensors.torch import load_file

SETTINGS = ("training.batch_tokens=400", "training.max_updates=100", "training.ema=0.9")
RANDOM = ("model.dropout=0.2", "model.word_dropout=0.1", "training.subword_sampling=0.1", "training.r_drop=1")


def start_processes(
    count: int, recipe: Path, out: Path, *settings: str, torchrun: tuple[str, ...] = ("--standalone",)
) -> subprocess.Popen[str]:
    """Start the processes of one machine under torchrun."""
    launcher = ("-m", "torch.distributed.run", *torchrun, "--nproc-per-node", str(count))
    return start_training(recipe, out, *settings, launcher=launcher)


def environment_of(pid: int) -> list[bytes]:
    return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")


@pytest.mark.parametrize(
    ("updates", "accumulate", "more"),
    [
        pytest.param(100, 2, ("model.dropout=0.0",), id="plain", marks=pytest.mark.slow),
        pytest.param(20, 1, RANDOM, id="random"),
        pytest.param(
            20, 1, ("model.attention=none", "model.encoder_layers=2"), id="without attention", marks=pytest.mark.slow
        ),
    ],
)
def test_two_processes_equal_one_that_accumulates_twice_as_much(
    updates: int, accumulate: int, more: tuple[str, ...], recipe: Path, tmp_path: Path
) -> None:
    """Random numbers for dropout and subword sampling depend on the batch, not on the process."""
    settings = (*SETTINGS, *more, f"training.max_updates={updates}")
    parallel = start_processes(2, recipe, tmp_path / "two", *settings, f"training.accumulate={accumulate}")
    single = start_training(recipe, tmp_path / "one", *settings, f"training.accumulate={2 * accumulate}")
    assert finish(parallel).count("2 processes") == 1  # only the main process prints
    finish(single)
    for kind in ("train", "dev"):
        one, two = (metrics(tmp_path / name, kind) for name in ("one", "two"))
        assert list(one) == list(two)
        assert len(one) == updates or kind == "dev"  # the loss of each update
        losses = [[record["loss"] for record in records.values()] for records in (one, two)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-6)
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("one", "two")]
    # The sum of two gradients is the same in any order; that of four is equal up to rounding.
    assert weights[0] == weights[1] or accumulate == 2


@pytest.mark.slow
def test_stopped_run_resumes_with_another_number_of_processes(recipe: Path, tmp_path: Path) -> None:
    """A signal to one process stops both after the same update."""
    out, endless = tmp_path / "run", ("training.max_updates=100000", "training.checkpoint_every=100000")
    process = start_processes(2, recipe, out, *endless)
    wait_for(lambda: bool(metrics(out, "dev")), process)
    [main_process] = [pid for pid in child_pids(process.pid) if b"RANK=0" in environment_of(pid)]
    os.kill(main_process, signal.SIGTERM)
    error = finish(process)
    assert error.count("continue with --resume") == 1
    assert (out / "model" / "config.json").exists()
    stopped = int(error.split("Stopped after update ")[1].split(";")[0].replace(",", ""))
    error = finish(start_training(recipe, out, "--resume", f"training.max_updates={stopped + 5}"))
    assert f"Resumed after update {stopped:,}" in error


@pytest.mark.slow
def test_three_processes_resume_to_the_same_bytes(recipe: Path, tmp_path: Path) -> None:
    """The sum of three gradients depends on their order, and that on the buckets in which they are sent."""
    length = ("training.max_updates=12", "training.schedule=constant", "training.checkpoint_every=6")
    finish(start_processes(3, recipe, tmp_path / "uninterrupted", *length))
    shutil.copytree(tmp_path / "uninterrupted", tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "last.safetensors").unlink()
    assert "Resumed after update 6" in finish(start_processes(3, recipe, tmp_path / "run", *length, "--resume"))
    uninterrupted, resumed = (
        load_file(tmp_path / name / "checkpoints" / "last.safetensors") for name in ("uninterrupted", "run")
    )
    assert all(torch.equal(tensor, resumed[name]) for name, tensor in uninterrupted.items())


def test_signal_during_preparation_ends_both_processes(
    large_corpus: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that gets the signal prepares the data while the other one waits."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    large = (f"data.train=[{large_corpus / 'train'}]", "tokenizer.vocab_size=6000")
    process = start_processes(2, recipe, tmp_path / "run", *large)

    def preparing() -> list[int]:
        return [pid for pid in child_pids(process.pid) if child_pids(pid)]

    wait_for(lambda: bool(preparing()), process)
    [main_process] = preparing()
    os.kill(main_process, signal.SIGTERM)
    assert finish(process).count("Stopped during data preparation") == 1
    assert not list((tmp_path / "cache" / "carousel").glob("*"))


@pytest.mark.slow
def test_killed_process_restarts_the_run_on_two_machines(recipe: Path, tmp_path: Path) -> None:
    """It resumes without --resume, and ends with the weights of an undisturbed run."""
    out, length = tmp_path / "two", ("training.max_updates=60", "training.checkpoint_every=10", "model.dropout=0.2",
                                     "training.validate_every=60", "training.ema=0.9")  # fmt: skip
    with socket.socket() as free_port:
        free_port.bind(("127.0.0.1", 0))
        endpoint = f"127.0.0.1:{free_port.getsockname()[1]}"
    torchrun = ("--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", endpoint, "--max-restarts", "1")
    machines = [start_processes(1, recipe, out, *length, torchrun=torchrun) for _ in range(2)]
    undisturbed = start_training(recipe, tmp_path / "one", *length, "training.accumulate=2")
    for _ in range(20_000):
        if (out / "checkpoints" / "previous.safetensors").exists() or any(machine.poll() for machine in machines):
            break
        time.sleep(0.01)
    [second] = [pid for machine in machines for pid in child_pids(machine.pid) if b"RANK=1" in environment_of(pid)]
    os.kill(second, signal.SIGKILL)
    error = "".join(machine.communicate(timeout=200)[1] for machine in machines)
    assert [machine.returncode for machine in machines] == [0, 0], error
    assert error.count("Resumed after update") == 1
    assert "nmt/training/" not in error  # no traceback from this package
    finish(undisturbed)
    one, two = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two


def test_error_in_one_process_is_printed_once_and_ends_all(recipe: Path, tmp_path: Path) -> None:
    """The run directory, which only the main process locks, contains a run already."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("")
    process = start_processes(2, recipe, tmp_path / "run", *SETTINGS)
    _, error = process.communicate(timeout=100)
    assert process.returncode == 1
    assert error.count("nmt: ") == error.count("contains a run; continue it with --resume") == 1
    assert "nmt/training/" not in error
