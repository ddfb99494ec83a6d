"""The exported weights: the best ones by the dev score, or the mean of several."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from conftest import Nmt
from runs import metrics
from safetensors.torch import load_file

from nmt.model_directory.directory import read_model_directory
from nmt.training.translation_dev_set import TranslationDevSet


def test_mean_of_the_best_weights_is_exported_if_it_is_better(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out = tmp_path / "run"
    settings = ("training.max_updates=60", "training.validate_every=10", "training.average_best=3",
                "training.learning_rate=5e-3", "training.ema=0")  # fmt: skip
    ran = nmt("train", recipe, "--out", out, *settings)
    assert ran.status == 0, ran.err
    dev = {update: record["bleu"] for update, record in metrics(out, "dev").items()}
    best = sorted(dev, key=lambda update: (dev[update], update))[-3:]
    kept = {int(path.stem.split("-")[1]): load_file(path) for path in (out / "checkpoints").glob("validated-*")}
    assert sorted(kept) == sorted(best)
    mean = load_file(out / "checkpoints" / "mean.safetensors")
    for name, weight in mean.items():
        torch.testing.assert_close(weight, sum(weights[name] for weights in kept.values()) / 3)
    choice = re.search(r"Mean of the 3 best checkpoints: BLEU ([\d.]+); exporting the (mean|best)", ran.err)
    assert choice
    assert (float(choice[1]) >= round(max(dev.values()), 2)) == (choice[2] == "mean")
    exported = load_file(out / "model" / "model.safetensors")
    expected = mean if choice[2] == "mean" else load_file(out / "checkpoints" / "best.safetensors")
    assert all(torch.equal(weight, expected[name]) for name, weight in exported.items())


@pytest.mark.parametrize("mean_score", [99.0, 0.0])
def test_model_and_report_say_whether_the_weights_are_a_mean(
    mean_score: float, recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([30.0, 10.0, 20.0, mean_score])
    monkeypatch.setattr(TranslationDevSet, "_compute_scores", lambda self, trainer: [next(scores)])
    out = tmp_path / "run"
    settings = ("training.max_updates=6", "training.validate_every=2", "training.average_best=2")
    assert nmt("train", recipe, "--out", out, *settings).status == 0
    training = read_model_directory(out).card.training
    page, readme = (out / "report.html").read_text(), (out / "model" / "README.md").read_text()
    assert training["updates"] == 2
    assert training.get("mean_of") == ([2, 6] if mean_score else None)
    assert ("the model is the mean of the weights after 2, 6." in page) == bool(mean_score)
    assert ("the best score on dev, at 2; the model has the weights of this update." in page) == (not mean_score)
    assert ("mean of: [2, 6]" in readme) == bool(mean_score)
