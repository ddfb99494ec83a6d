"""When the training loop ends, validates, and what it announces."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Nmt
from runs import dev_updates, metrics

from nmt.model_directory.directory import read_model_directory


def test_patience_ends_a_run_early(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", recipe, "--out", tmp_path / "run", "training.max_updates=500", "training.patience=2",
              "training.learning_rate=1e-9", "training.validate_every=2")  # fmt: skip
    assert ran.status == 0, ran.err
    assert max(max(metrics(tmp_path / "run", kind)) for kind in ("train", "dev")) <= 8


def test_time_limit_ends_a_run_early(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    ran = nmt("train", recipe, "--out", out, "training.max_updates=100000", "training.max_minutes=0.01")
    assert "training.max_minutes ends the training at update " in ran.err
    assert ran.status == 0, ran.err
    assert read_model_directory(out).card.training["updates"] < 1000
    assert list(read_model_directory(out).card.scores) == ["dev"]


def test_last_update_is_validated(short_run: Path) -> None:
    """Whatever the interval is: weights are best at the end of a schedule."""
    assert dev_updates(short_run) == [6, 10]


def test_remaining_work_is_announced(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", recipe, "--out", tmp_path / "run", "training.max_updates=200", "training.max_minutes=0.02")
    announced = re.search(r"Remaining: 200 updates, ([\d,]+) target tokens, ([\d.]+) epochs", ran.err)
    assert announced
    tokens, epochs = announced.groups()
    measured = metrics(tmp_path / "run")
    expected = measured[max(measured)]["epoch"] / max(measured) * 200
    assert float(epochs) == pytest.approx(expected, rel=0.3)
    assert 200 * 200 < int(tokens.replace(",", "")) < 200 * 400  # batches of 400 with padding
    assert "without validation, at most 0.02 min in total" in ran.err
