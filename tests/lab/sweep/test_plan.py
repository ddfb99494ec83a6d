"""Sweep files: the runs that they describe, and the errors that they are refused with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmt.corpus import parallel_corpus
from nmt.lab.sweep.plan import load_sweep
from nmt.utils.errors import UsageError

ROOT = Path(__file__).parents[3]
SWEEP = """\
recipe: toy.yaml
overrides: {model.dropout: 0.2}
axes: {model.cell: [lstm, gru], training.learning_rate: [0.001, 0.002]}
seeds: [1, 5]
baseline: {training.learning_rate: 0.002}
"""


@pytest.fixture
def sweep_file(recipe: Path) -> Path:
    path = recipe.parent / "study.yaml"
    path.write_text(SWEEP, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "lab").glob("*-translation.yaml")), ids=lambda p: p.name)
def test_all_sweeps_of_the_project_are_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_corpus, "_dataset_version", lambda spec: "newest version on the hub")
    sweep = load_sweep(path)
    assert len({run.name for run in sweep.runs}) == len({run.fingerprint for run in sweep.runs}) == len(sweep.runs)


def test_all_settings_have_all_seeds(sweep_file: Path) -> None:
    found = load_sweep(sweep_file, ["model.width=16"])
    assert [run.name for run in found.runs[:5]] == [
        "cell=lstm,learning_rate=0.001,seed=1", "cell=lstm,learning_rate=0.002,seed=1",
        "cell=gru,learning_rate=0.001,seed=1", "cell=gru,learning_rate=0.002,seed=1",
        "cell=lstm,learning_rate=0.001,seed=5",
    ]  # fmt: skip
    last = found.runs[-1].config
    assert (last.model.cell, last.training.learning_rate, last.training.seed) == ("gru", 0.002, 5)
    assert (last.model.dropout, last.model.width) == (0.2, 16)
    assert found.baseline_setting == {"model.cell": "lstm", "training.learning_rate": 0.002}


def test_values_are_those_that_the_recipe_validates(sweep_file: Path) -> None:
    """YAML reads 1e-3 as text."""
    sweep_file.write_text(SWEEP.replace("[0.001, 0.002]", "[1e-3, 2e-3]").replace("[1, 5]", "[0]"), encoding="utf-8")
    found = load_sweep(sweep_file)
    assert [run.setting["training.learning_rate"] for run in found.runs] == [0.001, 0.002] * 2
    assert found.baseline_setting == {"model.cell": "lstm", "training.learning_rate": 0.002}
    assert found.settings == [run.setting for run in found.runs]


def test_paths_are_relative_to_the_file(sweep_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names of the runs do not depend on the working directory."""
    folder = sweep_file.parent
    text = SWEEP.replace("model.dropout: 0.2", "data.train: [train]").replace("training.learning_rate: 0.002", "")
    text = text.replace("training.learning_rate: [0.001, 0.002]", "data.dev: [dev, train]")
    sweep_file.write_text(text, encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = load_sweep(sweep_file)
    assert found.runs[0].config.data.dev == str(folder / "dev")
    monkeypatch.chdir(folder)
    near = load_sweep(Path(sweep_file.name))
    assert [run.name for run in near.runs] == [run.name for run in found.runs]
    assert near.runs[1].name == "cell=lstm,dev=train,seed=1"
    assert not found.losses_are_comparable


def test_runs_with_very_long_values_have_distinct_directory_names(sweep_file: Path) -> None:
    texts = [[str(sweep_file.parent / "train")] * times for times in (30, 31)]
    sweep_file.write_text(
        f"{{recipe: toy.yaml, axes: {{data.train: {json.dumps(texts)}}}, seeds: [1, 2]}}", encoding="utf-8"
    )
    names = {run.name for run in load_sweep(sweep_file).runs}
    assert len(names) == 4
    for name in names:
        (sweep_file.parent / name).mkdir()


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("seeds: [1, 5]", "seeds: []", "study.yaml:4: seeds: must have at least 1 item"),
        ("seeds: [1, 5]", "seeds: [1, 1]", "seeds contains a seed twice"),
        (
            "seeds:",
            "seed:",
            "study.yaml:4: seed: unknown key; the keys of a sweep are recipe, overrides, axes, seeds, baseline",
        ),
        ("[lstm, gru]", "[lstm, lstm]", "study.yaml:3: axes: cell=lstm,learning_rate=0.001 equals cell="),
        ("[0.001, 0.002]", "[1e-3, 0.001]", "axes: cell=lstm,learning_rate=0.001 equals cell=lstm,learning"),
        (
            "model.cell: [lstm, gru]",
            'model.width: ["8", 8]',
            "axes: width=8,learning_rate=0.001 equals width=8",
        ),
        (
            "model.cell: [lstm, gru]",
            "model.locked_dropout: [true, 1]",
            "axes: locked_dropout=1,learning_rate=0.001 equals",
        ),
        (
            "[lstm, gru]",
            "[2024-01-01]",
            "axes.model.cell.0: 2024-01-01 is not a string, number, boolean or list; put it in quotes",
        ),
        ("[0.001, 0.002]", "[.nan]", "axes.training.learning_rate.0.float: must be a finite number"),
        ("rate: 0.002}", "rate: 2024-01-01}", "baseline.training.learning_rate: 2024-01-01 is not a string, number"),
        (
            "baseline: {training.learning_rate: 0.002}",
            "baseline: {model.width: 8}",
            "baseline model.width is not an axis",
        ),
        ("[lstm, gru]", "[lstm, gruu]", "model.cell: must be 'lstm'"),
        ("{model.dropout: 0.2}", "{model.cell: rnn}", "model.cell is an axis"),
        ("{model.dropout: 0.2}", "{training.seed: 2}", "training.seed is set by seeds"),
        (
            "rate: 0.002}",
            "rate: 0.003}",
            "study.yaml:5: baseline: learning_rate=0.003 is not among the values of the axes",
        ),
        ("toy.yaml", "elsewhere.yaml", "elsewhere.yaml: no such recipe"),
    ],
)
def test_an_invalid_file_is_refused_with_one_line(sweep_file: Path, before: str, after: str, complaint: str) -> None:
    assert before in SWEEP
    sweep_file.write_text(SWEEP.replace(before, after), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        load_sweep(sweep_file)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_an_override_of_an_axis_is_refused(sweep_file: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.cell: varies in this sweep"):
        load_sweep(sweep_file, ["model.cell=rnn"])


def test_the_recipe_of_a_language_model_is_refused(sweep_file: Path) -> None:
    with pytest.raises(UsageError, match="trains a language model; give the recipe of a translator"):
        load_sweep(
            sweep_file,
            ["data={language: en, train: [a]}", "model={attention: none, width: 32}", "tokenizer={vocab_size: 400}"],
        )


def test_a_recipe_without_a_dev_set_is_refused(sweep_file: Path) -> None:
    with pytest.raises(UsageError, match=r"has no data\.dev"):
        load_sweep(sweep_file, ["data.dev=null"])


def test_fingerprints_depend_on_the_contents_of_corpora_and_not_on_paths(sweep_file: Path, tmp_path: Path) -> None:
    here = [run.fingerprint for run in load_sweep(sweep_file).runs]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in [path for path in tmp_path.iterdir() if path.is_file()]:
        (moved / path.name).write_bytes(path.read_bytes())
    assert [run.fingerprint for run in load_sweep(moved / sweep_file.name).runs] == here
    weighted = load_sweep(sweep_file, [f"data.train=[{{corpus: {moved / 'train'}, weight: 2}}]"])
    assert not {run.fingerprint for run in weighted.runs} & set(here)
    (dev := next(moved.glob("dev.*"))).write_bytes(dev.read_bytes().replace(b" ", b"  ", 1))
    assert not {run.fingerprint for run in load_sweep(moved / sweep_file.name).runs} & set(here)
