"""Whole training sessions: their files, how they stop, and that a killed one resumes to the same bytes."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import Nmt
from processes import ROOT, child_pids, finish, is_running, start_training, wait_for
from runs import dev_updates, file_contents, metrics, modification_time, sha256
from safetensors import safe_open

from nmt.model_directory.directory import read_model_directory
from nmt.training.run_directory import RunDirectory
from nmt.training.trainer import Trainer

ENDLESS = ("training.max_updates=100000", "training.checkpoint_every=100000")


def test_training_writes_the_files_of_the_contract(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    ran = nmt("train", recipe, f"data.test={tmp_path / 'dev'}", "--out", out)
    assert ran.status == 0, ran.err
    assert {"model", "checkpoints", "metrics.jsonl", "report.html", "config.yaml", "tensorboard"} <= {
        p.name for p in out.iterdir()
    }
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert dev_updates(out) == [6, 12]
    assert set(records[-1]) == {"kind", "update", "loss", "bleu"} or set(records[-1]) == {
        "kind", "update", "epoch", "loss", "learning_rate", "grad_norm", "tokens_per_second",
    }  # fmt: skip
    card = read_model_directory(out).card
    assert card.scores["dev"]["bleu"]["signature"].startswith("nrefs:1")
    assert set(card.scores) == {"dev", "test"}
    assert "train" not in card.training["recipe"]["data"]  # no paths of the machine that it was trained on
    assert "dev: bleu" in ran.out
    again = nmt("train", recipe, "--out", out)
    assert again.status == 1
    assert "contains a run; continue it with --resume" in again.err
    contents = file_contents(out)
    assert nmt("train", recipe, "--out", out, "--resume", "model.width=64").status == 1
    assert file_contents(out) == contents


def test_equal_runs_write_equal_bytes(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    for name in ("a", "b"):
        assert nmt("train", recipe, "--out", tmp_path / name, "training.precision=auto").status == 0
    first, second = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("a", "b"))
    assert first == second


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_killed_run_resumes_to_the_same_bytes(recipe: Path, tmp_path: Path) -> None:
    """Three times, kill -9 comes at a random moment after at least one more checkpoint."""
    length = ("training.max_updates=150", "training.checkpoint_every=7", "training.validate_every=30",
              "training.r_drop=1", "training.subword_sampling=0.1", "training.average_best=3")  # fmt: skip
    undisturbed = start_training(recipe, tmp_path / "undisturbed", *length)
    delays = random.Random(os.urandom(8))
    checkpoint = tmp_path / "killed" / "checkpoints" / "last.safetensors"
    for _ in range(3):
        before = modification_time(checkpoint)
        process = start_training(recipe, tmp_path / "killed", "--resume", *length)
        wait_for(lambda before=before: modification_time(checkpoint) > before, process)  # type: ignore[misc]
        time.sleep(delays.uniform(0.0, 0.5))
        process.kill()
        _, error = process.communicate()
        assert process.returncode == -signal.SIGKILL, f"ended before it was killed: {error}"
    finish(start_training(recipe, tmp_path / "killed", "--resume", *length))
    finish(undisturbed)
    for name in ("model/model.safetensors", "model/tokenizer.model", "checkpoints/best.safetensors"):
        assert sha256(tmp_path / "undisturbed" / name) == sha256(tmp_path / "killed" / name), name
    assert dev_updates(tmp_path / "killed") == [30, 60, 90, 120, 150]
    assert not [p.name for p in (tmp_path / "killed").rglob(".*") if p.name != ".lock"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_a_checkpoint_and_the_best_model(number: signal.Signals, recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = start_training(recipe, out, *ENDLESS)
    wait_for(lambda: bool(metrics(out, "dev")), process)
    assert not (out / "model").exists()
    process.send_signal(number)
    error = finish(process)
    assert "continue with --resume" in error
    assert (out / "checkpoints" / "last.safetensors").exists()
    exported = read_model_directory(out)
    assert exported.graphs
    assert exported.card.scores == {}
    assert exported.card.training["updates"] in metrics(out, "dev")
    assert exported.weights
    assert sha256(exported.weights) == sha256(out / "checkpoints" / "best.safetensors")
    page = (out / "report.html").read_text()
    assert "This training ended early: a signal stopped it after update" in page
    assert "<b>BLEU on dev, greedy</b>" in page
    assert "validate_every: 6" in page


def test_model_that_holds_the_best_weights_is_not_exported_again(
    short_run: Path, recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal before the next better validation must not replace a scored model by an unscored one."""
    out = shutil.copytree(short_run, tmp_path / "run")
    model = file_contents(out / "model")
    backward = Trainer._backward

    def raise_signal_during_update_15(self: Trainer, *arguments: object, **more: object) -> torch.Tensor:
        if self.progress.update == 14:
            signal.raise_signal(signal.SIGTERM)
        return backward(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_backward", raise_signal_during_update_15)
    interval = ("--resume", "training.max_updates=100", "training.validate_every=50")
    ran = nmt("train", recipe, "--out", out, *interval)
    assert ran.status == 0, ran.err
    assert "Stopped after update 16; continue with --resume" in ran.err
    assert file_contents(out / "model") == model
    shutil.rmtree(out / "model")  # as after a kill
    ran = nmt("train", recipe, "--out", out, *interval, "training.max_updates=16")
    assert ran.status == 0, ran.err
    assert list(read_model_directory(out).card.scores) == ["dev"]


@pytest.mark.parametrize(("step", "vocab_size"), [("Training a bpe tokenizer", 6000), ("Encoding", 350)])
def test_signal_interrupts_data_preparation(
    step: str, vocab_size: int, large_corpus: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only complete files remain, and the same command starts again."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    settings = (f"data.train=[{large_corpus / 'train'}]", f"tokenizer.vocab_size={vocab_size}")
    process = start_training(recipe, tmp_path / "run", *settings)
    assert process.stderr
    assert any(step in line for line in process.stderr)
    if step.startswith("Training"):  # which takes place in a process of its own
        wait_for(lambda: bool(child_pids(process.pid)), process)
    helpers = child_pids(process.pid)
    process.send_signal(signal.SIGTERM)
    assert "Stopped during data preparation; the same command starts again" in finish(process)
    for _ in range(1000):
        if not any(map(is_running, helpers)):
            break
        time.sleep(0.01)
    assert not any(map(is_running, helpers))
    cached = [path.name.split("-")[0] for path in (tmp_path / "cache" / "carousel").glob("*")]
    assert cached == ([] if step.startswith("Training") else ["tokenizer"])
    assert not RunDirectory(tmp_path / "run").contains_run()


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_signal_interrupts_validation_and_scoring_which_are_repeated(
    large_corpus: Path, recipe: Path, tmp_path: Path
) -> None:
    out, length = tmp_path / "run", ("--resume", "training.max_updates=10", "training.validate_every=10")
    process = start_training(recipe, out, *length, f"data.dev={large_corpus / 'dev'}")
    wait_for(lambda: 10 in metrics(out), process)  # which is written before the validation
    process.send_signal(signal.SIGTERM)
    assert "Stopped after update 10; continue with --resume" in finish(process)
    assert not metrics(out, "dev")
    # The next session validates on a small dev set, but scores a large test set.
    process = start_training(recipe, out, *length, f"data.test={large_corpus / 'dev'}")
    assert process.stderr
    assert any("Scoring the best model on the test set" in line for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    assert "Stopped during the scoring of the finished model" in finish(process)
    assert dev_updates(out) == [10]
    assert read_model_directory(out).card.scores == {}
    assert "Update 10:" not in finish(start_training(recipe, out, *length))
    assert list(read_model_directory(out).card.scores) == ["dev"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_signal_saves_a_checkpoint_after_stderr_is_closed(number: signal.Signals, recipe: Path, tmp_path: Path) -> None:
    """Ctrl-C in `nmt train … 2>&1 | tee log`, or closing the terminal, ends the reader of stderr too."""
    out = tmp_path / "run"
    process = start_training(recipe, out, *ENDLESS)
    wait_for(lambda: len(metrics(out)) > 1, process)
    assert process.stderr
    assert process.stdout
    process.stderr.close()
    process.send_signal(number)
    assert process.wait(60) == 0
    process.stdout.close()
    stopped = re.search(r"a signal stopped it after update ([\d,]+)", (out / "report.html").read_text())
    assert stopped
    with safe_open(out / "checkpoints" / "last.safetensors", "pt") as file:
        assert json.loads(file.metadata()["progress"])["update"] == int(stopped[1].replace(",", ""))


def test_full_disk_keeps_the_last_checkpoint(short_run: Path, recipe: Path, tmp_path: Path) -> None:
    """A limit on file sizes, which the next checkpoint exceeds, simulates a full disk."""
    out = shutil.copytree(short_run, tmp_path / "run")
    saved = (out / "checkpoints" / "last.safetensors").read_bytes()
    limited = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000));"
        "sys.argv[0] = 'nmt'; from nmt.cli.main import main; main()"
    )
    command = [sys.executable, "-c", limited, "train", str(recipe), "--out", str(out), "--resume"]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert process.returncode == 1, process.stderr
    assert "can't be written" in process.stderr
    assert "Traceback" not in process.stderr
    assert (out / "checkpoints" / "last.safetensors").read_bytes() == saved


def test_run_without_dev_set_exports_its_last_weights(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    assert nmt("train", recipe, "--out", out, "data.dev=null").status == 0
    first = (out / "model" / "model.safetensors").read_bytes()
    assert nmt("train", recipe, "--out", out, "data.dev=null", "--resume", "training.max_updates=20").status == 0
    assert (out / "model" / "model.safetensors").read_bytes() != first
    assert read_model_directory(out).card.training["updates"] == 20


def test_gpu_out_of_memory_is_one_line(recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(Trainer, "_backward", fail)
    ran = nmt("train", recipe, "--out", tmp_path / "run")
    assert ran.status == 1
    assert "out of memory with batches of 400 tokens; set a smaller training.batch_tokens" in ran.err
    assert "Traceback" not in ran.err
