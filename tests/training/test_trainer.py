"""One update after another: what is learned, and that a resumed run is the same run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from nmt.config.loading import load_translator_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.batching import make_batch
from nmt.corpus.data_loader import DataPosition
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.training.hardware import cpu_supports_bf16_training
from nmt.training.trainer import DivergenceError, Trainer
from nmt.training.translation_task import TranslationTask
from nmt.utils.errors import CarouselError

needs_bf16 = pytest.mark.skipif(not cpu_supports_bf16_training(), reason="this processor cannot train LSTMs in bf16")


def trainer(config: TranslatorRecipe, prepared: PreparedData) -> Trainer:
    size = len(prepared.tokenizer.source)
    network = build_network(config.model, size, size, True, config.training.seed)
    return translator_trainer(network.train(), prepared, config)


def weights(of: Trainer) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in of.network.named_parameters()}


def advance(of: Trainer, updates: int) -> list[float]:
    stream = of.updates()
    return [next(stream).loss for _ in range(updates)]


@pytest.mark.parametrize(("accumulate", "guidance"), [(1, 0.0), (3, 0.0), (3, 0.5)])
def test_resuming_anywhere_around_an_epochs_end_changes_nothing(
    accumulate: int, guidance: float, recipe: Path, tmp_path: Path
) -> None:
    settings = [f"training.accumulate={accumulate}", f"training.guided_alignment={guidance}"]
    config = load_translator_recipe(recipe, [*settings, "training.batch_tokens=1500"])
    prepared = prepare_data(config)
    whole = trainer(config, prepared)
    updates = 12 if accumulate == 1 else 6
    losses = advance(whole, updates)
    assert whole.progress.epoch >= 2
    for stop in range(1, updates):
        first = trainer(config, prepared)
        assert advance(first, stop) == losses[:stop]
        first.save(tmp_path / "checkpoint")
        second = trainer(config, prepared)
        second.restore(tmp_path / "checkpoint")
        assert advance(second, updates - stop) == losses[stop:]
        for name, weight in weights(whole).items():
            assert torch.equal(weight, weights(second)[name]), name
            assert torch.equal(whole.average.weights[name], second.average.weights[name]), name


def test_the_loss_falls(recipe: Path) -> None:
    config = load_translator_recipe(
        recipe, ["training.max_updates=60", "training.learning_rate=1e-2", "model.dropout=0.0"]
    )
    losses = advance(trainer(config, prepare_data(config)), 60)
    assert sum(losses[-5:]) < 0.6 * sum(losses[:5])


@pytest.mark.parametrize("precision", ["fp32", pytest.param("bf16", marks=needs_bf16)])
def test_guidance_is_learned(precision: str, recipe: Path) -> None:
    """The head finds the aligner's links, which the loss of translating alone does not teach it."""
    settings = ["training.max_updates=60", "training.learning_rate=1e-2", f"training.precision={precision}"]
    found = []
    for guidance in (0.0, 0.5):
        config = load_translator_recipe(recipe, [*settings, f"training.guided_alignment={guidance}"])
        taught = trainer(config, prepare_data(config))
        advance(taught, 60)
        guided = prepare_data(load_translator_recipe(recipe, ["training.guided_alignment=1"])).train
        batch = make_batch(guided, np.arange(50))
        found.append(taught.batch_loss(batch).alignment.item() / batch.target_tokens)
    assert found[1] < 0.5 * found[0]


def test_accumulation_equals_a_larger_batch(recipe: Path) -> None:
    """The gradient of two batches is that of their union: the loss is divided by the tokens of both."""
    config = load_translator_recipe(recipe, ["training.accumulate=2", "model.dropout=0.0", "training.ema=0"])
    prepared = prepare_data(config)
    both, union = trainer(config, prepared), trainer(config, prepared)
    report = next(both.updates())
    corpus = prepared.train
    global_batches = union._loader.global_batches(DataPosition(epoch=0, batch=0))
    rows = np.concatenate([next(global_batches).batches[0] for _ in range(2)])
    examples = union._examples(make_batch(corpus, rows))
    loss = union.network.loss(examples, smoothing=0.1)
    (loss.smoothed / report.target_tokens).backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in union.network.parameters() if p.grad is not None])
    assert report.grad_norm == pytest.approx(norm.item(), rel=1e-5)
    nats = loss.negative_log_likelihood.item()
    assert report.loss == pytest.approx(nats / report.target_tokens, rel=1e-6)


def test_a_loss_that_is_not_finite_stops_before_it_spoils_the_weights(recipe: Path) -> None:
    config = load_translator_recipe(recipe)
    broken = trainer(config, prepare_data(config))
    advance(broken, 2)
    with torch.no_grad():
        broken.network.encoder.norm.weight[0] = torch.inf
    before = weights(broken)
    with pytest.raises(DivergenceError, match=r"not finite at update 3"):
        advance(broken, 1)
    assert all(torch.equal(weight, before[name]) for name, weight in weights(broken).items())


@pytest.mark.parametrize("change", ["training.seed=2", "training.batch_tokens=300", "model.dropout=0.2"])
def test_a_checkpoint_of_other_settings_is_refused(change: str, recipe: Path, tmp_path: Path) -> None:
    config, other = load_translator_recipe(recipe), load_translator_recipe(recipe, [change])
    prepared = prepare_data(config)
    first = trainer(config, prepared)
    advance(first, 1)
    first.save(tmp_path / "checkpoint")
    with pytest.raises(CarouselError, match="was made with other training text or other settings"):
        trainer(other, prepared).restore(tmp_path / "checkpoint")


def test_a_longer_schedule_may_go_on(recipe: Path, tmp_path: Path) -> None:
    config = load_translator_recipe(recipe)
    prepared = prepare_data(config)
    first = trainer(config, prepared)
    advance(first, 1)
    first.save(tmp_path / "checkpoint")
    second = trainer(load_translator_recipe(recipe, ["training.max_updates=99"]), prepared)
    second.restore(tmp_path / "checkpoint")
    assert second.progress.update == 1


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"garbage" * 100])
def test_a_damaged_checkpoint_is_named(content: bytes, recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "last.safetensors").write_bytes(content)
    config = load_translator_recipe(recipe)
    with pytest.raises(CarouselError, match=r"last\.safetensors: is no readable checkpoint"):
        trainer(config, prepare_data(config)).restore(tmp_path / "last.safetensors")


def test_a_whole_checkpoint_that_is_not_this_runs_is_not_passed_over(recipe: Path, tmp_path: Path) -> None:
    """Be it of another version or of other settings: only a damaged one is."""
    config = load_translator_recipe(recipe)
    prepared = prepare_data(config)
    first = trainer(config, prepared)
    first.save(tmp_path / "previous")
    save_file({"weights": torch.zeros(1)}, tmp_path / "last", {"progress": '{"updates": 1}', "fingerprint": ""})
    with pytest.raises(CarouselError, match=r"last: is no checkpoint of this version's"):
        first.restore(tmp_path / "last", tmp_path / "previous")
    save_file({"weights": torch.zeros(1)}, tmp_path / "last")
    with pytest.raises(CarouselError, match=r"last: is no checkpoint of this version's"):
        first.restore(tmp_path / "last", tmp_path / "previous")
    trainer(load_translator_recipe(recipe, ["training.seed=2"]), prepared).save(tmp_path / "last")
    with pytest.raises(CarouselError, match=r"last: was made with other training text or other settings"):
        first.restore(tmp_path / "last", tmp_path / "previous")
    (tmp_path / "last").write_bytes((tmp_path / "last").read_bytes()[:-1])
    assert first.restore(tmp_path / "last", tmp_path / "previous") == tmp_path / "previous"


@needs_bf16
def test_bf16_learns_too(recipe: Path) -> None:
    config = load_translator_recipe(recipe, ["training.precision=bf16", "model.dropout=0.0"])
    low = trainer(config, prepare_data(config))
    high = trainer(load_translator_recipe(recipe, ["model.dropout=0.0"]), prepare_data(config))
    assert advance(low, 3) == pytest.approx(advance(high, 3), rel=0.02)
    assert all(p.dtype == torch.float32 for p in low.network.parameters())
