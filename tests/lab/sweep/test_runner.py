"""A study of two cells and two seeds, killed and gone on with, in real processes."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from processes import wait_for
from toy import RECIPE, toy_pairs, write_corpus

from nmt.utils.locks import try_lock

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


def wait_for_file(path: Path, process: subprocess.Popen[str]) -> None:
    wait_for(path.exists, process)
    assert path.exists(), process.communicate()[0]


def test_a_study_that_was_ended_goes_on_run_by_run(study: Path) -> None:
    """Stopped in its second run, killed in its third, and then left alone."""
    out = study.parent / "out"
    process = start(study)
    wait_for_file(out / "cell=gru,seed=1" / "train.log", process)
    first = out / "cell=lstm,seed=1" / "result.json"
    finished = first.read_bytes(), first.stat().st_mtime_ns
    process.terminate()
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert "Stopped; the same command goes on" in said

    process = start(study)
    wait_for_file(out / "cell=lstm,seed=2" / "train.log", process)
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
    assert "runs that failed: 1; the same command tries them again" in said
    assert (out / "device=cpu,seed=1" / "result.json").exists()

    process = start(study, "training.batch_tokens=500")
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "was trained by another recipe; choose another --out" in said


def test_a_run_that_was_stopped_goes_on_by_its_own_recipe_alone(study: Path) -> None:
    study.write_text(STUDY.replace("[lstm, gru]", "[lstm]").replace("[1, 2]", "[1]"), encoding="utf-8")
    folder = study.parent / "out" / "cell=lstm,seed=1"
    process = start(study, "training.max_updates=100000", "training.checkpoint_every=10")
    wait_for_file(folder / "checkpoints" / "last.safetensors", process)
    process.terminate()
    said, _ = process.communicate(timeout=120)
    assert "Stopped; the same command goes on" in said

    said, _ = start(study, "training.max_updates=40", "training.learning_rate=1e-5").communicate(timeout=120)
    assert f"{folder}: was trained by another recipe; choose another --out, or delete the folder" in said
    assert not (folder / "result.json").exists()


def test_a_study_can_be_stopped_while_it_waits_and_two_do_not_share_a_folder(study: Path) -> None:
    folder = study.parent / "out" / "cell=lstm,seed=1"
    folder.mkdir(parents=True)
    with (folder / ".study").open("w") as left_behind:
        assert try_lock(left_behind)
        process = start(study)
        assert process.stdout
        assert any("waiting for the training that a killed study has left there" in line for line in process.stdout)
        (folder / "result.json").write_text("what another study may just be writing")
        other, _ = start(study).communicate(timeout=60)
        assert "another nmt study is at work here; choose another --out" in other
        process.terminate()
        said, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "Stopped; the same command goes on" in said


def test_of_a_classic_task_a_study_compares_the_exact_match(tmp_path: Path) -> None:
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
    study = tmp_path / "study.yaml"
    study.write_text("{recipe: counting.yaml, axes: {model.width: [8]}, seeds: [1]}", encoding="utf-8")
    process = start(study)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    out = tmp_path / "out"
    last = json.loads((out / "width=8,seed=1" / "metrics.jsonl").read_text().splitlines()[-2])
    assert last["kind"] == "dev"
    result = json.loads((out / "results.json").read_text())
    assert (result["metric"], result["settings"][0]["score"]) == ("exact", last["exact"])
    with (out / "runs.csv").open(newline="") as file:
        assert [float(run["exact"]) for run in csv.DictReader(file)] == [last["exact"]]
    assert "| width | dev loss | p | dev exact match | p |" in said
    assert "Dev exact match" in (out / "report.html").read_text(encoding="utf-8")
