"""Recovery of training runs: from divergence, from damaged checkpoints, and with changed settings."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Nmt
from runs import dev_updates, file_contents, metrics, sha256
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from toy import toy_pairs, write_corpus

from nmt.model_directory.directory import read_model_directory
from nmt.training.trainer import Trainer
from nmt.training.translation_dev_set import TranslationDevSet


def diverge_once(monkeypatch: pytest.MonkeyPatch, update: int) -> list[int]:
    """Make the loss NaN in the update after this one, once; return a list that then contains the number."""
    backward, failures = Trainer._backward, list[int]()

    def fail_once(self: Trainer, *arguments: object, **more: object) -> torch.Tensor:
        nats = backward(self, *arguments, **more)  # type: ignore[arg-type]
        if self.progress.update != update or failures:
            return nats
        failures.append(update)
        return nats * torch.nan

    monkeypatch.setattr(Trainer, "_backward", fail_once)
    return failures


@pytest.mark.parametrize("sync_every", [1, 10], ids=["as on the CPU", "as on a GPU"])
def test_diverged_run_continues_with_a_smaller_learning_rate(
    sync_every: int, recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After one loss that is not finite, the run continues from the checkpoint before the last."""
    updates, initialise = list[int](), Trainer.__init__

    def initialise_with_interval(self: Trainer, *arguments: Any, **more: Any) -> None:
        initialise(self, *arguments, **more)
        self.sync_every = sync_every

    monkeypatch.setattr(Trainer, "__init__", initialise_with_interval)
    diverge_once(monkeypatch, 33)
    backward = Trainer._backward

    def count(self: Trainer, *arguments: object, **more: object) -> torch.Tensor:
        updates.append(self.progress.update)
        return backward(self, *arguments, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "_backward", count)
    settings = ("training.max_updates=100", "training.checkpoint_every=10", "training.schedule=constant",
                "training.validate_every=8", "training.average_best=2")  # fmt: skip
    ran = nmt("train", recipe, "--out", tmp_path / "run", *settings)
    assert ran.status == 0, ran.err
    message = "Training diverged: the loss or its gradient is not finite at update 34. Continuing from update 20"
    assert message in ran.err
    assert updates.count(25) == 2
    assert metrics(tmp_path / "run")[100]["learning_rate"] == pytest.approx(0.5 * 2e-3)
    dev = {update: record["bleu"] for update, record in metrics(tmp_path / "run", "dev").items()}
    best = read_model_directory(tmp_path / "run").card.training["updates"]
    assert dev[best] == max(dev.values())


def test_roll_back_deletes_later_records(
    recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first validations are the best ones: they are kept, and those after the checkpoint are repeated."""
    diverge_once(monkeypatch, 33)
    monkeypatch.setattr(TranslationDevSet, "_compute_scores", lambda self, trainer: [100.0 - trainer.progress.update])
    out, interval = tmp_path / "run", ("training.schedule=constant", "training.validate_every=4")
    ran = nmt("train", recipe, "--out", out, *interval, "training.max_updates=40",
              "training.checkpoint_every=15", "training.average_best=6")  # fmt: skip
    assert ran.status == 0, ran.err
    assert "Continuing from update 15 at 0.5 times" in ran.err
    assert "the best weights stay those of update 4;" in ran.err
    assert dev_updates(out) == list(range(4, 41, 4))
    kept = sorted(int(path.stem.split("-")[1]) for path in (out / "checkpoints").glob("validated-*"))
    assert kept == [4, 8, 12, 16, 20, 24]  # the last three were validated twice
    assert "Mean of the 6 best" in ran.err
    # TensorBoard shows the same.
    scalars = EventAccumulator(str(out / "tensorboard")).Reload().Scalars("dev/bleu")
    assert [scalar.step for scalar in scalars] == dev_updates(out)


def test_roll_back_keeps_the_weights_that_may_be_averaged(
    recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checkpoint to which training goes back lists other weights, whose files are deleted already."""
    failures = diverge_once(monkeypatch, 17)

    def score(self: TranslationDevSet, trainer: Trainer) -> list[float]:
        return [0.0 if failures else 10.0 + trainer.progress.update]

    monkeypatch.setattr(TranslationDevSet, "_compute_scores", score)
    settings = ("training.max_updates=20", "training.checkpoint_every=5", "training.validate_every=4",
                "training.average_best=2")  # fmt: skip
    ran = nmt("train", recipe, "--out", tmp_path / "run", *settings)
    assert ran.status == 0, ran.err
    assert "Continuing from update 10" in ran.err
    assert "Mean of the 2 best" in ran.err
    kept = {path.stem for path in (tmp_path / "run" / "checkpoints").glob("validated-*")}
    assert kept == {"validated-12", "validated-16"}


def test_run_that_diverges_twice_stops_with_a_reason(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    out, steady = tmp_path / "run", ("training.schedule=constant", "training.checkpoint_every=20")
    assert nmt("train", recipe, "--out", out, *steady, "training.max_updates=60").status == 0
    weights = (out / "model" / "model.safetensors").read_bytes()
    wild = ("training.max_updates=300", "training.learning_rate=1", "training.validate_every=1000")
    ran = nmt("train", recipe, "--out", out, *steady, "--resume", *wild)
    assert ran.status == 1
    assert "Training diverged: the loss has risen from" in ran.err
    assert "nmt: training diverged twice: the loss has risen from" in ran.err
    assert (
        "set a smaller training.learning_rate or clip_norm, or a longer warmup (earlier checkpoints are kept" in ran.err
    )
    assert (out / "model" / "model.safetensors").read_bytes() == weights
    page = (out / "report.html").read_text()
    reason = r"ended early: training diverged twice: the loss has risen from [\d.]+ to [\d.]+ by update"
    assert re.search(reason, page)
    assert "<b>Loss</b>" in page


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: bytes(len(content)),
        lambda content: content[:-9000] + bytes(4096) + content[-4904:],
    ],
    ids=["truncated", "zeros", "a block of zeros"],
)
def test_damaged_last_checkpoint_falls_back_to_the_previous_one(
    damage: Callable[[bytes], bytes], short_run: Path, recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    out = shutil.copytree(short_run, tmp_path / "run")
    checkpoints = out / "checkpoints"
    assert {"last.safetensors", "previous.safetensors"} <= {path.name for path in checkpoints.iterdir()}
    content = (checkpoints / "last.safetensors").read_bytes()
    (checkpoints / "last.safetensors").write_bytes(damage(content))
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=10")
    assert ran.status == 0, ran.err
    assert "last.safetensors: damaged; resuming from the checkpoint before it, previous.safetensors" in ran.err
    assert "Resumed after update 5" in ran.err
    half = len(content) // 2
    assert (checkpoints / "last.safetensors").read_bytes()[-half:] == content[-half:]
    load_file(checkpoints / "previous.safetensors")  # the damaged one was not rotated


def test_missing_last_checkpoint_falls_back_to_the_previous_one(
    short_run: Path, recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    out = shutil.copytree(short_run, tmp_path / "run")
    (out / "checkpoints" / "last.safetensors").unlink()  # as after a kill between two renames
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=10")
    assert ran.status == 0, ran.err
    assert "Resumed after update 5" in ran.err


def test_two_damaged_checkpoints_leave_the_run_unchanged(
    short_run: Path, recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    out = shutil.copytree(short_run, tmp_path / "run")
    for path in (out / "checkpoints" / "last.safetensors", out / "checkpoints" / "previous.safetensors"):
        path.write_bytes(path.read_bytes()[:1000])
    contents = file_contents(out)
    ran = nmt("train", recipe, "--out", out, "--resume")
    assert ran.status == 1
    assert "last.safetensors: damaged checkpoint" in ran.err
    assert "start again in another --out (the model and the best weights here are kept)" in ran.err
    assert file_contents(out) == contents


def test_dev_set_of_a_run_can_not_change(short_run: Path, recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    """Scores on another dev set don't compare with the best one so far. The same set may move."""
    out = shutil.copytree(short_run, tmp_path / "run")
    write_corpus(tmp_path / "other", toy_pairs(10, seed=9))
    last = sha256(out / "checkpoints" / "last.safetensors")
    for other in (tmp_path / "other", "null"):
        ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=12", f"data.dev={other}")
        assert ran.status == 1
        assert "data.dev: differs from the dev set that this run was validated on; restore it" in ran.err
    assert sha256(out / "checkpoints" / "last.safetensors") == last
    for side in ("en", "fr"):
        (recipe.parent / f"dev.{side}").rename(tmp_path / f"moved.{side}")
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=12", f"data.dev={tmp_path / 'moved'}")
    assert ran.status == 0, ran.err
