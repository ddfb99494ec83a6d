"""A study of two cells and two seeds, killed and gone on with, in real processes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from toy import RECIPE, toy_pairs, write_corpus

STUDY = """\
recipe: toy.yaml
axes: {model.cell: [lstm, gru]}
seeds: [1, 2]
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    write_corpus(tmp_path / "train", toy_pairs(300, seed=1))
    write_corpus(tmp_path / "dev", toy_pairs(10, seed=2))
    (tmp_path / "toy.yaml").write_text(RECIPE, encoding="utf-8")
    path = tmp_path / "study.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


def start(study: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "nmt", "study", str(study), *arguments, "--out", str(study.parent / "out")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(1200):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def test_a_study_that_was_ended_goes_on_run_by_run(study: Path) -> None:
    """Stopped in its second run, killed in its third, and then left alone."""
    out = study.parent / "out"
    process = start(study)
    wait_for(out / "cell=gru,seed=1" / "train.log", process)
    first = out / "cell=lstm,seed=1" / "result.json"
    finished = first.read_bytes(), first.stat().st_mtime_ns
    process.terminate()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Stopped; the same command goes on" in said

    process = start(study)
    wait_for(out / "cell=lstm,seed=2" / "train.log", process)
    process.kill()
    process.communicate(timeout=120)

    process = start(study, "--jobs", "2")
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said
    assert "4 runs, 2 of them finished before" in said
    assert "cell=lstm,seed=2: waiting for the training that a killed study has left there" in said
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


def test_a_run_that_fails_costs_itself_alone_and_other_recipes_are_kept_apart(study: Path) -> None:
    out = study.parent / "out"
    text = STUDY.replace("[1, 2]", "[1]").replace("model.cell: [lstm, gru]", "training.device: [cpu, 'cuda:99']")
    study.write_text(text, encoding="utf-8")
    process = start(study)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "device=cuda:99" in said or "device=cuda%3A99" in said
    assert "training.device: cuda:99 is not there; use auto or cpu" in said
    assert "1 runs failed; the same command tries them again" in said
    assert (out / "device=cpu,seed=1" / "result.json").exists()

    process = start(study, "training.batch_tokens=500")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "was trained by another recipe; choose another --out" in said
