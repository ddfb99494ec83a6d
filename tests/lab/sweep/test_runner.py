"""Sweeps in real processes: continued after a stop and after a kill, failing runs, and synthetic tasks."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import CommandResult, Nmt
from multilingual import write_multilingual_recipe
from processes import child_pids, wait_for
from runs import metrics
from toy import RECIPE, toy_pairs, write_corpus

from nmt.utils.locks import try_lock

SWEEP = """\
recipe: toy.yaml
axes: {model.cell: [lstm, gru]}
seeds: [1, 2]
"""
WAITING = "waiting for a training that a killed nmt study left running"


@pytest.fixture
def sweep_file(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "train", toy_pairs(300, seed=1))
    write_corpus(tmp_path / "dev", toy_pairs(10, seed=2))
    (tmp_path / "toy.yaml").write_text(RECIPE, encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(SWEEP, encoding="utf-8")
    return path


def start(sweep_file: Path, *arguments: str) -> subprocess.Popen[str]:
    out = sweep_file.parent / "out"
    command = [sys.executable, "-m", "nmt", "study", str(sweep_file), *arguments, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def run(nmt: Nmt, sweep_file: Path, *arguments: str) -> CommandResult:
    """Run a sweep in this process, which saves the start of another one."""
    return nmt("study", sweep_file, *arguments, "--out", sweep_file.parent / "out")


def wait_for_file(path: Path, process: subprocess.Popen[str]) -> None:
    wait_for(path.exists, process)
    assert path.exists(), process.communicate()[0]


@contextmanager
def paused_training(process: subprocess.Popen[str]) -> Iterator[None]:
    """Pause the training that a sweep has started, so that it outlives the sweep, and resume it after the block."""

    def trainings() -> list[int]:
        return [pid for pid in child_pids(process.pid) if b"\0train\0" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    wait_for(lambda: bool(trainings()), process)
    [training] = trainings()
    os.kill(training, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(training, signal.SIGCONT)


@pytest.mark.slow
def test_a_stopped_and_then_killed_sweep_continues_with_the_missing_runs(sweep_file: Path) -> None:
    """The sweep is stopped in its second run, killed in its third, and then runs to its end."""
    out = sweep_file.parent / "out"
    process = start(sweep_file)
    wait_for_file(out / "cell=gru,seed=1" / "train.log", process)
    first = out / "cell=lstm,seed=1" / "result.json"
    finished = first.read_bytes(), first.stat().st_mtime_ns
    process.terminate()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Stopped; run the same command to continue" in said

    process = start(sweep_file)
    wait_for_file(out / "cell=lstm,seed=2" / "train.log", process)
    with paused_training(process):
        process.kill()
        process.communicate(timeout=120)
        process = start(sweep_file, "--jobs", "2")
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if WAITING in line:
                break
    said += process.stdout.read()
    process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert "4 runs, 2 of them already finished" in said
    assert f"cell=lstm,seed=2: {WAITING}" in said
    assert (first.read_bytes(), first.stat().st_mtime_ns) == finished
    with (out / "runs.csv").open(newline="") as file:
        runs = list(csv.DictReader(file))
    assert [(run["model.cell"], run["seed"]) for run in runs] == [
        ("lstm", "1"),
        ("gru", "1"),
        ("lstm", "2"),
        ("gru", "2"),
    ]
    for run in runs:
        folder = out / f"cell={run['model.cell']},seed={run['seed']}"
        records = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        last = [record for record in records if record["kind"] == "dev"][-1]
        assert (int(run["updates"]), float(run["loss"])) == (12, last["loss"])
    rows = json.loads((out / "results.json").read_text())["settings"]
    assert [row["loss"] for row in rows] == sorted(row["loss"] for row in rows)
    for row in rows:
        losses = [float(run["loss"]) for run in runs if run["model.cell"] == row["setting"]["model.cell"]]
        assert row["loss"] == pytest.approx(sum(losses) / 2)
        assert (row["loss_p"] is None) == (row["setting"]["model.cell"] == "lstm")
    table = (out / "table.md").read_text(encoding="utf-8")
    assert "| **lstm** |" in table
    assert table.splitlines()[0] in said
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.count("<svg") == 2
    assert "cell=gru: " in page


def test_a_failing_run_does_not_stop_the_sweep_and_other_recipes_are_refused(sweep_file: Path, nmt: Nmt) -> None:
    out = sweep_file.parent / "out"
    text = SWEEP.replace("[1, 2]", "[1]").replace("model.cell: [lstm, gru]", "training.device: [cpu, 'cuda:99']")
    sweep_file.write_text(text, encoding="utf-8")
    ran = run(nmt, sweep_file)
    assert ran.status == 1
    assert "device=cuda:99" in ran.out or "device=cuda%3A99" in ran.out
    assert "training.device: cuda:99 is not available; use auto or cpu" in ran.out
    assert "failed runs: 1; run the same command to try them again" in ran.err
    assert (out / "device=cpu,seed=1" / "result.json").exists()

    ran = run(nmt, sweep_file, "training.batch_tokens=500")
    assert ran.status == 1
    assert "contains a run of another recipe; choose another --out" in ran.err


def test_a_stopped_run_continues_only_with_the_same_recipe(sweep_file: Path, nmt: Nmt) -> None:
    sweep_file.write_text(SWEEP.replace("[lstm, gru]", "[lstm]").replace("[1, 2]", "[1]"), encoding="utf-8")
    folder = sweep_file.parent / "out" / "cell=lstm,seed=1"
    process = start(sweep_file, "training.max_updates=100000", "training.checkpoint_every=10")
    wait_for_file(folder / "checkpoints" / "last.safetensors", process)
    process.terminate()
    said, _ = process.communicate(timeout=120)
    assert "Stopped; run the same command to continue" in said

    ran = run(nmt, sweep_file, "training.max_updates=40", "training.learning_rate=1e-5")
    assert f"{folder}: contains a run of another recipe; choose another --out, or delete the directory" in ran.err
    assert not (folder / "result.json").exists()


def test_a_sweep_can_be_stopped_while_it_waits_and_two_cannot_share_a_directory(sweep_file: Path, nmt: Nmt) -> None:
    folder = sweep_file.parent / "out" / "cell=lstm,seed=1"
    folder.mkdir(parents=True)
    with (folder / ".study").open("w") as left_behind:
        assert try_lock(left_behind)
        process = start(sweep_file)
        assert process.stdout
        assert any(WAITING in line for line in process.stdout)
        (folder / "result.json").write_text("what another sweep may be writing")
        assert "is in use by another nmt study; choose another --out" in run(nmt, sweep_file).err
        process.terminate()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "Stopped; run the same command to continue" in said


def test_a_sweep_over_a_synthetic_task_compares_exact_match(tmp_path: Path, nmt: Nmt) -> None:
    counting = """\
        data:
          source: zxx
          target: zxx
          train: [{task: counting, pairs: 60, longest: 3}]
          dev: {task: counting, pairs: 6, longest: 3}
        tokenizer: {kind: char, vocab_size: 100, byte_fallback: false}
        model: {design: classic, attention: none, encoder_layers: 1, decoder_layers: 1}
        training: {max_updates: 2, batch_tokens: 200, validate_every: 2, checkpoint_every: 2, device: cpu}
        """
    (tmp_path / "counting.yaml").write_text(textwrap.dedent(counting), encoding="utf-8")
    sweep_file = tmp_path / "study.yaml"
    sweep_file.write_text("{recipe: counting.yaml, axes: {model.width: [8]}, seeds: [1]}", encoding="utf-8")
    ran = run(nmt, sweep_file)
    assert ran.status == 0, ran.err
    out = tmp_path / "out"
    last = json.loads((out / "width=8,seed=1" / "metrics.jsonl").read_text().splitlines()[-2])
    assert last["kind"] == "dev"
    result = json.loads((out / "results.json").read_text())
    assert (result["metric"], result["settings"][0]["score"]) == ("exact", last["exact"])
    with (out / "runs.csv").open(newline="") as file:
        assert [float(run["exact"]) for run in csv.DictReader(file)] == [last["exact"]]
    assert "| width | dev loss | p | dev exact match | p |" in ran.out
    assert "Dev exact match" in (out / "report.html").read_text(encoding="utf-8")


def test_multilingual_recipes_are_compared_by_their_mean_bleu(tmp_path: Path, nmt: Nmt) -> None:
    write_multilingual_recipe(tmp_path)
    path = tmp_path / "study.yaml"
    axes = "axes: {data.directions.1.weight: [1, 3]}"
    path.write_text(f"recipe: multilingual.yaml\n{axes}\nseeds: [1]\n", encoding="utf-8")
    done = run(nmt, path, "training.max_updates=6")
    assert done.status == 0, done.out
    with (tmp_path / "out" / "runs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row, weight in zip(rows, ("1.0", "3.0"), strict=True):
        last = metrics(tmp_path / "out" / f"weight={weight},seed=1", "dev")[6]
        assert [float(row[name]) for name in ("loss", "bleu")] == [last["loss"], last["bleu"]]
