"""Updates of the trainer: what the network learns, and that a resumed run equals an uninterrupted one."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from toy import write_recipe

from nmt.config.loading import load_translator_recipe
from nmt.corpus.batching import make_batch
from nmt.corpus.data_loader import BatchLoader, DataPosition
from nmt.corpus.preparation import prepare_data
from nmt.training.hardware import cpu_supports_bf16_training
from nmt.training.trainer import DivergenceError, Trainer
from nmt.training.translation_dev_set import make_translation_batch
from nmt.training.translation_task import TranslationTask
from nmt.utils.errors import CarouselError

CPU = torch.device("cpu")
needs_bf16 = pytest.mark.skipif(not cpu_supports_bf16_training(), reason="this processor cannot train LSTMs in bf16")


def prepared_task(recipe: Path, *overrides: str) -> TranslationTask:
    task = TranslationTask(load_translator_recipe(recipe, overrides), None, print)
    task.prepare(print)
    return task


def new_trainer(task: TranslationTask) -> Trainer:
    return Trainer(task, CPU)


def weights(trainer: Trainer) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in trainer.network.named_parameters()}


def train(trainer: Trainer, updates: int) -> list[float]:
    """Train for some updates; return their losses."""
    reports = trainer.run_updates()
    return [next(reports).loss for _ in range(updates)]


@pytest.mark.parametrize(("accumulate", "guidance"), [(1, 0.0), (3, 0.0), (3, 0.5)])
def test_resuming_around_the_end_of_an_epoch_changes_nothing(accumulate: int, guidance: float, tmp_path: Path) -> None:
    task = prepared_task(
        write_recipe(tmp_path, train_pairs=100), f"training.accumulate={accumulate}",
        f"training.guided_alignment={guidance}", "training.batch_tokens=500",
    )  # fmt: skip
    uninterrupted, losses = new_trainer(task), list[float]()
    updates = 12 if accumulate == 1 else 6
    for report in itertools.islice(uninterrupted.run_updates(), updates):
        losses.append(report.loss)
        uninterrupted.save(tmp_path / f"checkpoint-{report.update}")
    assert uninterrupted.progress.epoch >= 2
    assert train(new_trainer(task), updates) == losses
    for stop in range(1, updates):
        resumed = new_trainer(task)
        resumed.restore(tmp_path / f"checkpoint-{stop}")
        assert train(resumed, updates - stop) == losses[stop:]
        for name, weight in weights(uninterrupted).items():
            assert torch.equal(weight, weights(resumed)[name]), name
            assert torch.equal(uninterrupted.moving_average.weights[name], resumed.moving_average.weights[name]), name


def test_loss_falls(recipe: Path) -> None:
    task = prepared_task(recipe, "training.max_updates=60", "training.learning_rate=1e-2", "model.dropout=0.0")
    losses = train(new_trainer(task), 60)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_guided_alignment_teaches_the_alignment_head(precision: str, recipe: Path) -> None:
    """The head learns the aligner's links, which the translation loss alone does not teach it."""
    settings = ["training.max_updates=60", "training.learning_rate=1e-2", f"training.precision={precision}"]
    guided = prepare_data(load_translator_recipe(recipe, ["training.guided_alignment=1"])).train
    batch = make_batch(guided, np.arange(50))
    losses = []
    for weight in (0.0, 0.5):
        trainer = new_trainer(prepared_task(recipe, *settings, f"training.guided_alignment={weight}"))
        train(trainer, 60)
        losses.append(
            trainer.compute_loss(make_translation_batch(batch, CPU)).alignment.item() / batch.num_target_tokens
        )
    assert losses[1] < 0.5 * losses[0]


def test_accumulation_equals_a_larger_batch(recipe: Path) -> None:
    """The gradient of two batches is that of their union: the loss is divided by the tokens of both."""
    settings = ["training.accumulate=2", "model.dropout=0.0", "training.ema=0"]
    task = prepared_task(recipe, *settings)
    accumulating, union = new_trainer(task), new_trainer(task)
    report = next(accumulating.run_updates())
    corpus = prepare_data(load_translator_recipe(recipe, settings)).train
    loader = task.create_loader(rank=0, world_size=1)
    assert isinstance(loader, BatchLoader)
    global_batches = loader.global_batches(DataPosition(epoch=0, batch=0))
    rows = np.concatenate([next(global_batches).batches[0] for _ in range(2)])
    loss = union.network.loss(make_translation_batch(make_batch(corpus, rows), CPU), smoothing=0.1)
    (loss.objective / report.target_tokens).backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in union.network.parameters() if p.grad is not None])
    assert report.grad_norm == pytest.approx(norm.item(), rel=1e-5)
    nats = loss.negative_log_likelihood.item()
    assert report.loss == pytest.approx(nats / report.target_tokens, rel=1e-6)


def test_loss_that_is_not_finite_leaves_the_weights_unchanged(recipe: Path) -> None:
    trainer = new_trainer(prepared_task(recipe))
    train(trainer, 2)
    with torch.no_grad():
        trainer.network.encoder.norm.weight[0] = torch.inf
    before = weights(trainer)
    with pytest.raises(DivergenceError, match=r"not finite at update 3"):
        train(trainer, 1)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(trainer).items())


@pytest.mark.parametrize("change", ["training.seed=2", "training.batch_tokens=300", "model.dropout=0.2"])
def test_checkpoint_of_other_settings_is_refused(change: str, recipe: Path, tmp_path: Path) -> None:
    first = new_trainer(prepared_task(recipe))
    train(first, 1)
    first.save(tmp_path / "checkpoint")
    with pytest.raises(CarouselError, match="belongs to other training text or other settings"):
        new_trainer(prepared_task(recipe, change)).restore(tmp_path / "checkpoint")


def test_resumed_run_may_have_a_longer_schedule(recipe: Path, tmp_path: Path) -> None:
    first = new_trainer(prepared_task(recipe))
    train(first, 1)
    first.save(tmp_path / "checkpoint")
    second = new_trainer(prepared_task(recipe, "training.max_updates=99"))
    second.restore(tmp_path / "checkpoint")
    assert second.progress.update == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"garbage" * 100])
def test_damaged_checkpoint_is_named(content: bytes, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "last.safetensors").write_bytes(content)
    with pytest.raises(CarouselError, match=r"last\.safetensors: damaged checkpoint"):
        new_trainer(prepared_task(recipe)).restore(tmp_path / "last.safetensors")


def test_only_damaged_checkpoints_are_skipped(recipe: Path, tmp_path: Path) -> None:
    """An intact checkpoint of another version or with other settings is an error."""
    first = new_trainer(prepared_task(recipe))
    first.save(tmp_path / "previous")
    save_file({"weights": torch.zeros(1)}, tmp_path / "last", {"progress": '{"updates": 1}', "fingerprint": ""})
    with pytest.raises(CarouselError, match=r"last: no checkpoint of this version"):
        first.restore(tmp_path / "last", tmp_path / "previous")
    save_file({"weights": torch.zeros(1)}, tmp_path / "last")
    with pytest.raises(CarouselError, match=r"last: no checkpoint of this version"):
        first.restore(tmp_path / "last", tmp_path / "previous")
    new_trainer(prepared_task(recipe, "training.seed=2")).save(tmp_path / "last")
    with pytest.raises(CarouselError, match=r"last: belongs to other training text or other settings"):
        first.restore(tmp_path / "last", tmp_path / "previous")
    (tmp_path / "last").write_bytes((tmp_path / "last").read_bytes()[:-1])
    assert first.restore(tmp_path / "last", tmp_path / "previous") == tmp_path / "previous"


@needs_bf16
def test_bf16_trains_like_fp32(recipe: Path) -> None:
    low = new_trainer(prepared_task(recipe, "training.precision=bf16", "model.dropout=0.0"))
    high = new_trainer(prepared_task(recipe, "model.dropout=0.0"))
    assert train(low, 3) == pytest.approx(train(high, 3), rel=0.02)
    assert all(p.dtype == torch.float32 for p in low.network.parameters())
