"""What a study file says, and what is refused in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmt.corpus import parallel_corpus
from nmt.lab.sweep.plan import load_sweep
from nmt.utils.errors import UsageError

ROOT = Path(__file__).parents[3]
STUDY = """\
recipe: toy.yaml
overrides: {model.dropout: 0.2}
axes: {model.cell: [lstm, gru], training.learning_rate: [0.001, 0.002]}
seeds: [1, 5]
baseline: {training.learning_rate: 0.002}
"""


@pytest.fixture
def study(recipe: Path) -> Path:
    path = recipe.parent / "study.yaml"
    path.write_text(STUDY, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "configs" / "lab").glob("*-translation.yaml")), ids=lambda p: p.name)
def test_every_study_of_ours_is_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel_corpus, "_dataset_version", lambda spec: "the hub's newest")
    study = load_sweep(path)
    assert len({run.name for run in study.runs}) == len({run.fingerprint for run in study.runs}) == len(study.runs)


def test_all_settings_have_all_seeds(study: Path) -> None:
    found = load_sweep(study, ["model.width=16"])
    assert [run.name for run in found.runs[:5]] == [
        "cell=lstm,learning_rate=0.001,seed=1", "cell=lstm,learning_rate=0.002,seed=1",
        "cell=gru,learning_rate=0.001,seed=1", "cell=gru,learning_rate=0.002,seed=1",
        "cell=lstm,learning_rate=0.001,seed=5",
    ]  # fmt: skip
    last = found.runs[-1].config
    assert (last.model.cell, last.training.learning_rate, last.training.seed) == ("gru", 0.002, 5)
    assert (last.model.dropout, last.model.width) == (0.2, 16)
    assert found.reference == {"model.cell": "lstm", "training.learning_rate": 0.002}


def test_values_are_what_the_recipe_makes_of_them(study: Path) -> None:
    """YAML takes 1e-3 for text."""
    study.write_text(STUDY.replace("[0.001, 0.002]", "[1e-3, 2e-3]").replace("[1, 5]", "[0]"), encoding="utf-8")
    found = load_sweep(study)
    assert [run.setting["training.learning_rate"] for run in found.runs] == [0.001, 0.002] * 2
    assert found.reference == {"model.cell": "lstm", "training.learning_rate": 0.002}
    assert found.settings == [run.setting for run in found.runs]


def test_paths_are_relative_to_the_study(study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a run's folder is named alike from wherever the study is begun."""
    folder = study.parent
    text = STUDY.replace("model.dropout: 0.2", "data.train: [train]").replace("training.learning_rate: 0.002", "")
    text = text.replace("training.learning_rate: [0.001, 0.002]", "data.dev: [dev, train]")
    study.write_text(text, encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = load_sweep(study)
    assert found.runs[0].config.data.dev == str(folder / "dev")
    monkeypatch.chdir(folder)
    near = load_sweep(Path(study.name))
    assert [run.name for run in near.runs] == [run.name for run in found.runs]
    assert near.runs[1].name == "cell=lstm,dev=train,seed=1"
    assert not found.compares_losses


def test_however_long_its_values_a_run_has_a_folder_of_its_own(study: Path) -> None:
    texts = [[str(study.parent / "train")] * times for times in (30, 31)]
    study.write_text(
        f"{{recipe: toy.yaml, axes: {{data.train: {json.dumps(texts)}}}, seeds: [1, 2]}}", encoding="utf-8"
    )
    names = {run.name for run in load_sweep(study).runs}
    assert len(names) == 4
    for name in names:
        (study.parent / name).mkdir()


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("seeds: [1, 5]", "seeds: []", "study.yaml:4: seeds: must have at least 1 item"),
        ("seeds: [1, 5]", "seeds: [1, 1]", "seeds holds one seed twice"),
        ("seeds:", "seed:", "study.yaml:4: seed: unknown key; a study has recipe, overrides, axes, seeds, baseline"),
        ("[lstm, gru]", "[lstm, lstm]", "study.yaml:3: axes: cell=lstm,learning_rate=0.001 is the same as cell="),
        ("[0.001, 0.002]", "[1e-3, 0.001]", "axes: cell=lstm,learning_rate=0.001 is the same as cell=lstm,learning"),
        (
            "model.cell: [lstm, gru]",
            'model.width: ["8", 8]',
            "axes: width=8,learning_rate=0.001 is the same as width=8",
        ),
        (
            "model.cell: [lstm, gru]",
            "model.locked_dropout: [true, 1]",
            "axes: locked_dropout=1,learning_rate=0.001 is the",
        ),
        (
            "[lstm, gru]",
            "[2024-01-01]",
            "axes.model.cell.0: 2024-01-01 is no text, number, truth value or list; quote it",
        ),
        ("[0.001, 0.002]", "[.nan]", "axes.training.learning_rate.0.float: must be a finite number"),
        ("rate: 0.002}", "rate: 2024-01-01}", "baseline.training.learning_rate: 2024-01-01 is no text, number"),
        ("baseline: {training.learning_rate: 0.002}", "baseline: {model.width: 8}", "baseline model.width is no axis"),
        ("[lstm, gru]", "[lstm, gruu]", "model.cell: must be 'lstm'"),
        ("{model.dropout: 0.2}", "{model.cell: rnn}", "model.cell is an axis"),
        ("{model.dropout: 0.2}", "{training.seed: 2}", "training.seed comes from seeds"),
        ("rate: 0.002}", "rate: 0.003}", "study.yaml:5: baseline: learning_rate=0.003 is no value of an"),
        ("toy.yaml", "elsewhere.yaml", "elsewhere.yaml: no such recipe"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(study: Path, before: str, after: str, complaint: str) -> None:
    assert before in STUDY
    study.write_text(STUDY.replace(before, after), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        load_sweep(study)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_an_override_of_an_axis_is_refused(study: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.cell: varies in this study"):
        load_sweep(study, ["model.cell=rnn"])


def test_a_study_compares_translators(study: Path) -> None:
    with pytest.raises(UsageError, match="makes a language model; a study compares translators"):
        load_sweep(
            study,
            ["data={language: en, train: [a]}", "model={attention: none, width: 32}", "tokenizer={vocab_size: 400}"],
        )


def test_without_a_dev_set_there_is_nothing_to_compare_by(study: Path) -> None:
    with pytest.raises(UsageError, match=r"has no data\.dev"):
        load_sweep(study, ["data.dev=null"])


def test_a_recipe_is_known_by_what_its_corpora_hold_wherever_they_lie(study: Path, tmp_path: Path) -> None:
    here = [run.fingerprint for run in load_sweep(study).runs]
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in [path for path in tmp_path.iterdir() if path.is_file()]:
        (moved / path.name).write_bytes(path.read_bytes())
    assert [run.fingerprint for run in load_sweep(moved / study.name).runs] == here
    weighted = load_sweep(study, [f"data.train=[{{corpus: {moved / 'train'}, weight: 2}}]"])
    assert not {run.fingerprint for run in weighted.runs} & set(here)
    (dev := next(moved.glob("dev.*"))).write_bytes(dev.read_bytes().replace(b" ", b"  ", 1))
    assert not {run.fingerprint for run in load_sweep(moved / study.name).runs} & set(here)
