"""Training of language models: gradients, scores, resuming, and the files that they write."""

from __future__ import annotations

import json
import math
import signal
from itertools import islice
from pathlib import Path

import pytest
import torch
from conftest import Nmt
from processes import ROOT, finish, start_training, wait_for
from runs import metrics
from safetensors.torch import load_file
from torch import nn
from toy import toy_pairs, write_language_model_recipe

from nmt.config.loading import load_recipe
from nmt.config.model import ModelConfig
from nmt.config.schema import LanguageModelRecipe
from nmt.corpus.data_loader import DataPosition
from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.shallow_fusion import LanguageModelScorer, load_language_model
from nmt.model.language_model import LanguageModel, build_language_model
from nmt.model_directory.directory import read_language_model_directory
from nmt.training.language_model_task import LanguageModelDevSet, LanguageModelTask
from nmt.training.trainer import Trainer


@pytest.fixture
def text_recipe(tmp_path: Path) -> Path:
    return write_language_model_recipe(tmp_path)


def load(path: Path, *overrides: str) -> LanguageModelRecipe:
    recipe = load_recipe(path, overrides)
    assert isinstance(recipe, LanguageModelRecipe)
    return recipe


def prepared_task(recipe: LanguageModelRecipe) -> LanguageModelTask:
    task = LanguageModelTask(recipe)
    task.prepare(lambda message: None)
    return task


def new_trainer(task: LanguageModelTask) -> Trainer:
    return Trainer(task, torch.device("cpu"))


@pytest.mark.parametrize("design", ["blocks", "classic"])
def test_carried_state_equals_one_long_sequence(design: str) -> None:
    model = ModelConfig.model_validate({"design": design, "attention": "none", "width": 16, "decoder_layers": 2})
    network = build_language_model(model, vocab_size=30, seed=1).double().eval()
    text = torch.randint(30, (3, 24), generator=torch.Generator().manual_seed(1))
    expected, last = network(text, network.initial_state(3))
    state, parts = network.initial_state(3), []
    for window in text.split(7, dim=1):
        part, state = network(window, state)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(state, last, rtol=1e-12, atol=1e-12)
    state = network.initial_state(3)
    for position in range(24):
        scores, state = network.step(text[:, position], state)
        log_probabilities = (expected[:, position] @ network.output.T).log_softmax(dim=-1)
        torch.testing.assert_close(scores, log_probabilities.float(), rtol=1e-6, atol=1e-6)


def test_truncated_back_propagation_cuts_gradients_at_windows(text_recipe: Path) -> None:
    """The reference has its own loop over cells, its own loss, and detaches the state itself."""
    task = prepared_task(load(text_recipe, "model.dropout=0", "training.batch_tokens=60"))
    trainer = new_trainer(task)
    with task.create_loader(rank=0, world_size=1).batches(DataPosition(0, 0)) as batches:
        windows = [batch for batch, _ in islice(batches, 3)]
    network = trainer.network
    [layer] = network.decoder.layers
    cell = nn.LSTMCell(16, 16)
    cell.load_state_dict({name.removesuffix("_l0"): w.detach().clone() for name, w in layer.lstm.named_parameters()})
    table = network.output.detach().clone().requires_grad_()
    h = c = torch.zeros(len(windows[0].target_in), 16)
    for batch in windows:
        network.zero_grad()
        trainer._backward(batch, synchronise=True)
        cell.zero_grad()
        table.grad = None
        h, c = h.detach(), c.detach()
        loss = torch.zeros(())
        for inputs, targets in zip(batch.target_in.T, batch.target_out.T, strict=True):
            h, c = cell(table[torch.from_numpy(inputs)] * 4.0, (h, c))
            loss = loss + nn.functional.cross_entropy(h @ table.T, torch.from_numpy(targets), reduction="sum")
        loss.backward()
        for name, parameter in cell.named_parameters():
            gradient = layer.lstm.get_parameter(f"{name}_l0").grad
            torch.testing.assert_close(gradient, parameter.grad, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(network.output.grad, table.grad, rtol=1e-4, atol=1e-5)


def test_resumed_trainer_carries_its_state_on(text_recipe: Path, tmp_path: Path) -> None:
    task = prepared_task(load(text_recipe))
    uninterrupted, first = new_trainer(task), new_trainer(task)
    expected = [report.loss for report in islice(uninterrupted.run_updates(), 9)]
    losses = [report.loss for report in islice(first.run_updates(), 4)]
    first.save(tmp_path / "checkpoint")
    resumed = new_trainer(task)
    assert resumed.restore(tmp_path / "checkpoint")
    resumed.estimate_work()  # processes batches, whose gradients and state it discards
    losses += [report.loss for report in islice(resumed.run_updates(), 5)]
    assert losses == expected
    for parameter, other in zip(resumed.network.parameters(), uninterrupted.network.parameters(), strict=True):
        assert torch.equal(parameter, other)


@pytest.mark.slow
def test_stopped_run_resumes_to_the_same_bytes(text_recipe: Path, tmp_path: Path) -> None:
    stopped, length = tmp_path / "stopped", "training.max_updates=150"
    process = start_training(text_recipe, stopped, length)
    wait_for(lambda: bool(metrics(stopped, "dev")), process)
    process.send_signal(signal.SIGTERM)
    assert "continue with --resume" in finish(process)
    assert read_language_model_directory(stopped).card.scores == {}
    uninterrupted = start_training(text_recipe, tmp_path / "uninterrupted", length)
    finish(start_training(text_recipe, stopped, length, "--resume"))
    finish(uninterrupted)
    one, other = (tmp_path / name / "model" / "model.safetensors" for name in ("stopped", "uninterrupted"))
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("name", ["character_model", "subword_model"])
def test_perplexity_equals_that_of_single_steps(name: str, request: pytest.FixtureRequest) -> None:
    model = read_language_model_directory(request.getfixturevalue(name))
    network, lines = load_language_model(model), [target for _, target in toy_pairs(12, seed=2)]
    assert model.card.carried == (name == "character_model")
    nats, tokens, state = 0.0, 0, network.initial_state(1)
    with torch.no_grad():
        for ids in model.vocabulary.encode_batch(lines):
            state = state if model.card.carried else network.initial_state(1)
            for before, after in zip([BOS, *ids], [*ids, EOS], strict=True):
                scores, state = network.step(torch.tensor([before]), state)
                nats, tokens = nats - float(scores[0, after]), tokens + 1
    dev = model.card.scores["dev"]
    assert dev["perplexity"]["score"] == pytest.approx(math.exp(nats / tokens), rel=1e-3)
    characters = sum(len(line) + 1 for line in lines)
    assert dev["bits_per_character"]["score"] == pytest.approx(nats / characters / math.log(2), rel=1e-3)
    assert dev["perplexity"]["signature"].startswith(f"pieces:{tokens}|characters:{characters}|")
    dev_set = LanguageModelDevSet(lines, model.vocabulary, model.card.carried)
    assert (dev_set.tokens, dev_set.characters) == (tokens, characters)
    if not model.card.carried:
        assert sum(LanguageModelScorer(model).score(lines)) == pytest.approx(-nats, rel=1e-5)


def test_run_reports_perplexity_and_bits_per_character(text_recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", text_recipe, "--out", tmp_path / "run")
    assert ran.status == 0, ran.err
    assert "dev: perplexity " in ran.out
    assert "bits per character" in ran.err
    *_, record = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert set(json.loads(record)) == {"kind", "update", "loss", "perplexity", "bits_per_character"}
    assert read_language_model_directory(tmp_path / "run").card.kind == "language-model"
    assert "nmt generate" in (tmp_path / "run" / "model" / "README.md").read_text()


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("model.attention=dot", "a language model has no source to attend to; remove attention"),
        ("model.encoder_layers=3", "a language model has no encoder and no attention; remove encoder_layers"),
        ("training.r_drop=1", "language models do not support r_drop; remove it"),
        ("training.unroll=1000", "unroll must be at most batch_tokens, 120"),
        ("data.target=fr", "data.target: unknown key"),
        ("tokenizer={model: nowhere}", "nowhere: no model directory"),
        ("tokenizer=null", "tokenizer: must be a valid dictionary"),
        ("tokenizer=bpe", "tokenizer: must be a valid dictionary"),
        ("data.train=[nothing.txt]", "nothing.txt: can't be read (No such file or directory); check the path"),
    ],
)
def test_mistake_in_the_recipe_is_one_line(
    text_recipe: Path, tmp_path: Path, nmt: Nmt, override: str, complaint: str
) -> None:
    ran = nmt("train", text_recipe, override, "--out", tmp_path / "run")
    assert ran.status in (1, 2)
    assert complaint in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize("name", ["charlm", "lm"])
def test_corpora_of_the_lab_recipes_exist(name: str) -> None:
    recipe = load(ROOT / "configs" / "lab" / f"{name}.yaml")
    files = [*recipe.data.train, recipe.data.dev, recipe.data.test]
    assert all(Path(file).is_file() for file in files if file)


def test_weights_are_those_of_the_decoder_only(character_model: Path) -> None:
    stored = load_file(read_language_model_directory(character_model).weights)
    assert {name.split(".")[0] for name in stored} <= {"output", "decoder"}
    assert not any("bridge" in name or "attention" in name for name in stored)
    assert isinstance(load_language_model(read_language_model_directory(character_model)), LanguageModel)
