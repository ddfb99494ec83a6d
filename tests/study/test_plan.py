"""What a study file says, and what is refused in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt.errors import UsageError
from nmt.study import plan

ROOT = Path(__file__).parents[2]
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
def test_every_study_of_ours_is_valid(path: Path) -> None:
    study = plan.load(path)
    assert len({run.name for run in study.runs}) == len({run.fingerprint for run in study.runs}) == len(study.runs)


def test_all_settings_have_all_seeds(study: Path) -> None:
    found = plan.load(study, ["model.width=16"])
    assert [run.name for run in found.runs[:5]] == [
        "cell=lstm,learning_rate=0.001,seed=1", "cell=lstm,learning_rate=0.002,seed=1",
        "cell=gru,learning_rate=0.001,seed=1", "cell=gru,learning_rate=0.002,seed=1",
        "cell=lstm,learning_rate=0.001,seed=5",
    ]  # fmt: skip
    last = found.runs[-1].config
    assert (last.model.cell, last.training.learning_rate, last.training.seed) == ("gru", 0.002, 5)
    assert (last.model.dropout, last.model.width) == (0.2, 16)
    assert found.config.reference == {"model.cell": "lstm", "training.learning_rate": 0.002}


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("seeds: [1, 5]", "seeds: []", "study.yaml, line 4, seeds: list should have at least 1 item"),
        ("seeds: [1, 5]", "seeds: [1, 1]", "seeds holds one seed twice"),
        ("seeds:", "seed:", "study.yaml, seeds: field required; a study has recipe, overrides, axes, seeds, baseline"),
        ("[lstm, gru]", "[lstm, lstm]", "axis model.cell holds one value twice"),
        ("[lstm, gru]", "[lstm, gruu]", "model.cell: input should be 'lstm'"),
        ("{model.dropout: 0.2}", "{model.cell: rnn}", "model.cell is an axis"),
        ("{model.dropout: 0.2}", "{training.seed: 2}", "training.seed comes from seeds"),
        ("rate: 0.002}", "rate: 0.003}", "baseline training.learning_rate: 0.003 is no value of an axis"),
        ("toy.yaml", "elsewhere.yaml", "elsewhere.yaml: no such recipe"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(study: Path, before: str, after: str, complaint: str) -> None:
    assert before in STUDY
    study.write_text(STUDY.replace(before, after), encoding="utf-8")
    with pytest.raises(UsageError) as error:
        plan.load(study)
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


def test_an_override_of_an_axis_is_refused(study: Path) -> None:
    with pytest.raises(UsageError, match=r"model\.cell: varies in this study"):
        plan.load(study, ["model.cell=rnn"])


def test_without_a_dev_set_there_is_nothing_to_compare_by(study: Path) -> None:
    with pytest.raises(UsageError, match=r"has no data\.dev"):
        plan.load(study, ["data.dev=null"])
