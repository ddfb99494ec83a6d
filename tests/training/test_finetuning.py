"""Fine-tuning: the model learns a new domain and keeps its tokenizer and network."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Nmt
from safetensors.numpy import load_file
from toy import toy_pairs, write_corpus

from nmt import Translator
from nmt.config.loading import load_translator_recipe
from nmt.engine.factory import load_shortlist
from nmt.evaluation.metrics import corpus_bleu
from nmt.model_directory.directory import read_model_directory


def domain_pairs(count: int, seed: int) -> list[tuple[str, str]]:
    """Return toy pairs in a domain where a cat is an 'oiseau roi'."""
    return [(source, target.replace("chat", "oiseau roi")) for source, target in toy_pairs(count, seed)]


@pytest.fixture
def domain_recipe(tmp_path: Path) -> Path:
    """A recipe without a tokenizer that mixes domain text with a little general text."""
    write_corpus(tmp_path / "domain", domain_pairs(200, seed=7))
    write_corpus(tmp_path / "general", toy_pairs(1500, seed=1))
    write_corpus(tmp_path / "dev", domain_pairs(30, seed=8))
    path = tmp_path / "domain.yaml"
    path.write_text(
        "data: {source: en, target: fr, train: [domain, {corpus: general, weight: 0.05}], dev: dev}\n"
        "model: {width: 48, dropout: 0.0}\n"
        "training: {max_updates: 40, batch_tokens: 1000, learning_rate: 2.0e-3, warmup: 4, ema: 0.9,"
        " validate_every: 40, checkpoint_every: 40, precision: fp32}\n",
        encoding="utf-8",
    )
    return path


def bleu_of(model: Path, pairs: list[tuple[str, str]]) -> float:
    translations = Translator.load(model).translate([source for source, _ in pairs])
    return corpus_bleu([t.text for t in translations], [target for _, target in pairs], "fr")


def test_fine_tuned_model_learns_the_domain(model: Path, domain_recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", domain_recipe, "--finetune", model, "--out", tmp_path / "tuned", "tokenizer.vocab_size=9999")
    assert ran.status == 0, ran.err
    assert f"Tokenizer and network: from {model} (vocab_size 9999 → 420, width 48 → 64)" in ran.err
    before, after = read_model_directory(model), read_model_directory(tmp_path / "tuned")
    assert after.card.model.width == 64
    assert after.card.model.dropout == 0.0  # from the recipe, because the weights don't depend on it
    assert after.tokenizer.source.serialized == before.tokenizer.source.serialized
    inside, outside = domain_pairs(60, seed=9), toy_pairs(60, seed=9)
    gain = bleu_of(tmp_path / "tuned", inside) - bleu_of(model, inside)
    loss = bleu_of(model, outside) - bleu_of(tmp_path / "tuned", outside)
    assert gain > 10
    assert bleu_of(tmp_path / "tuned", inside) > 90
    assert 0 < loss < 30  # where the domain differs, and only there, the general language is forgotten


def test_interrupted_fine_tuning_resumes(model: Path, domain_recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    for name, stops in (("whole", ["40"]), ("halves", ["20", "40"])):
        for stop in stops:
            ran = nmt("train", domain_recipe, "--finetune", model, "--out", tmp_path / name, "--resume",
                      "training.schedule=constant", f"training.max_updates={stop}")  # fmt: skip
            assert ran.status == 0, ran.err
    weights = [(tmp_path / name / "checkpoints" / "best.safetensors").read_bytes() for name in ("whole", "halves")]
    assert weights[0] == weights[1]
    ran = nmt("train", domain_recipe, "--out", tmp_path / "halves", "--resume", "tokenizer.vocab_size=400")
    assert ran.status == 1
    assert "(or to another model, --finetune); restore them" in ran.err


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_an_export_is_fine_tuned_from_the_weights_of_its_graphs(
    precision: str, model: Path, domain_recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    assert nmt("export", model, tmp_path / "export", "--quantize", precision, "--shortlist").status == 0
    ran = nmt("train", domain_recipe, "--finetune", tmp_path / "export", "--out", tmp_path / "tuned",
              "training.max_updates=1", "training.learning_rate=1e-9", "training.ema=0")  # fmt: skip
    assert ran.status == 0, ran.err
    tuned = read_model_directory(tmp_path / "tuned")
    before, after = load_file(model / "model.safetensors"), load_file(tuned.path / "model.safetensors")
    assert before.keys() == after.keys()
    for name, weights in before.items():
        error = {"fp32": 1e-5, "int8": 0.05}[precision] * np.abs(weights).max()
        if ".bias_" not in name:  # the two biases of an LSTM are exported as their sum
            np.testing.assert_allclose(after[name], weights, atol=error + 1e-6)
    content = (tmp_path / "export" / "onnx" / "weights.bin").read_bytes()
    assert tuned.card.origins[0].sha256 == hashlib.sha256(content).hexdigest()
    lines = [source for source, _ in toy_pairs(40, seed=5)]
    translations = [[each.text for each in Translator.load(path).translate(lines)] for path in (model, tuned.path)]
    same = sum(a == b for a, b in zip(*translations, strict=True))
    assert same >= {"fp32": 40, "int8": 38}[precision]


def test_unsuitable_parent_model_is_refused(model: Path, domain_recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", domain_recipe, "--finetune", model, "data.source=de", "--out", tmp_path / "tuned")
    assert ran.status == 1
    assert "translates en to fr, but the recipe de to fr" in ran.err
    ran = nmt("train", domain_recipe, "--finetune", tmp_path / "nowhere", "--out", tmp_path / "tuned")
    assert ran.status == 1
    assert "no model directory" in ran.err
    assert not (tmp_path / "tuned" / "checkpoints").exists()


@pytest.fixture
def narrow_recipe(tmp_path: Path) -> Path:
    """A recipe with short sentences and few words, whose learning rate is too small to change the model."""
    pairs = [
        ("the dog.", "le chien."),
        ("the cat hears.", "le chat zigzague."),
        ("the dog hears.", "le chien zigzague."),
    ]
    write_corpus(tmp_path / "narrow", pairs)
    path = tmp_path / "narrow.yaml"
    path.write_text(
        "data: {source: en, target: fr, train: [narrow], dev: null, filter: {duplicates: false}}\n"
        "training: {max_updates: 2, batch_tokens: 1000, learning_rate: 1.0e-9, warmup: 1, guided_alignment: 0,"
        " validate_every: 1, checkpoint_every: 1, precision: fp32}\n",
        encoding="utf-8",
    )
    return path


def copy_with_changed_card(model: Path, copy: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """Copy a model directory, change its card, and return the copy."""
    shutil.copytree(model, copy)
    card = json.loads((copy / "config.json").read_text())
    change(card)
    (copy / "config.json").write_text(json.dumps(card))
    return copy


def test_unchanged_weights_translate_as_before(model: Path, narrow_recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    start = copy_with_changed_card(model, tmp_path / "start", lambda card: card.update(longest_ratio=3.5))
    ran = nmt("train", narrow_recipe, "--finetune", start, "--out", tmp_path / "tuned")
    assert ran.status == 0, ran.err
    before, after = read_model_directory(start), read_model_directory(tmp_path / "tuned")
    assert before.card.longest_source > 8  # the lowest limit; no sentence of the domain is longer
    assert after.card.longest_source == before.card.longest_source
    assert after.card.longest_ratio == 3.5
    lines = [source for source, _ in toy_pairs(60, seed=3)]
    translations = [Translator.load(path).translate(lines) for path in (start, after.path)]
    assert [t.text for t in translations[0]] == [t.text for t in translations[1]]
    old, new = load_shortlist(before), load_shortlist(after)
    assert old
    assert new
    encode = before.tokenizer.source.encode
    for line in lines:
        assert set(old.target_ids_for_sentence(encode(line).ids)) <= set(new.target_ids_for_sentence(encode(line).ids))
    source, wanted = encode("the cat hears.").ids, set(before.tokenizer.target.encode("le chat zigzague.").ids)
    assert not wanted <= set(old.target_ids_for_sentence(source))
    assert wanted <= set(new.target_ids_for_sentence(source))


def test_longer_sentences_of_the_domain_raise_the_limits(
    model: Path, narrow_recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    line = "the dog sees the cat " * 5
    write_corpus(tmp_path / "narrow", [(line, "le chien voit le chat " * 5 + "zigzague " * 10)])
    ran = nmt("train", narrow_recipe, "--finetune", model, "--out", tmp_path / "tuned", "data.filter.max_ratio=20")
    assert ran.status == 0, ran.err
    before, after = read_model_directory(model), read_model_directory(tmp_path / "tuned")
    assert after.card.longest_source == len(before.tokenizer.source.encode(line.strip()).ids)
    assert after.card.longest_ratio > before.card.longest_ratio


def test_what_a_network_was_trained_for_is_recorded_and_inherited(
    model: Path, narrow_recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    def flags(path: Path) -> tuple[bool, bool]:
        card = read_model_directory(path).card
        return card.placeholders, card.unpunctuated

    ran = nmt("train", narrow_recipe, "--finetune", model, "--out", tmp_path / "first", "data.placeholders=0.5")
    assert ran.status == 0, ran.err
    first, second = tmp_path / "first" / "model", tmp_path / "second"
    ran = nmt("train", narrow_recipe, "--finetune", first, "--out", second, "data.unpunctuated=0.5")
    assert ran.status == 0, ran.err
    assert [flags(path) for path in (model, first, second / "model")] == [(False, False), (True, False), (True, True)]


def test_parent_without_shortlist_gives_a_model_without_one(
    model: Path, narrow_recipe: Path, tmp_path: Path, nmt: Nmt
) -> None:
    """A model whose training was stopped has no shortlist, and the domain's text can't cover other text."""
    start = copy_with_changed_card(model, tmp_path / "start", lambda card: card["files"].pop("shortlist.npz"))
    ran = nmt("train", narrow_recipe, "--finetune", start, "--out", tmp_path / "tuned")
    assert ran.status == 0, ran.err
    assert f"{start}: has no shortlist, so the new model gets none" in ran.err
    after = read_model_directory(tmp_path / "tuned")
    assert after.shortlist is None
    assert "shortlist_coverage" not in after.card.training
    assert (tmp_path / "tuned" / "report.html").exists()


def test_model_card_lists_the_parent_models(model: Path, narrow_recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert nmt("train", narrow_recipe, "--finetune", model, "--out", first, "training.learning_rate=1e-4").status == 0
    assert nmt("train", narrow_recipe, "--from", first, "--out", second).status == 0  # the option's former name
    cards = [read_model_directory(path).card for path in (model, first, second)]
    hashes = [card.files["model.safetensors"].sha256 for card in cards]
    assert [[origin.sha256 for origin in card.origins] for card in cards] == [[], hashes[:1], [hashes[1], hashes[0]]]
    assert [origin.model for origin in cards[2].origins] == [str(first / "model"), str(model)]
    assert [origin.training for origin in cards[2].origins] == [cards[1].training, cards[0].training]
    report = (second / "report.html").read_text(encoding="utf-8")
    for origin in cards[2].origins:
        for page in ((second / "model" / "README.md").read_text(encoding="utf-8"), report):
            assert origin.model in page
            assert origin.sha256 in page
            assert f"updates: {origin.training['updates']}" in page
    recipe = (second / "config.yaml").read_text(encoding="utf-8")
    assert re.match(rf'# --finetune "{first / "model"}", weights with SHA-256 {hashes[1]}\n', recipe)
    assert load_translator_recipe(second / "config.yaml").training.learning_rate == 1e-9

    # The other model has the same tokenizer and network, but other weights.
    ran = nmt("train", second / "config.yaml", "--finetune", model, "--out", second, "--resume")
    assert ran.status == 1
    assert "(or to another model, --finetune); restore them" in ran.err
    moved = shutil.copytree(first / "model", tmp_path / "moved")
    ran = nmt(
        "train", second / "config.yaml", "--finetune", moved, "--out", second, "--resume", "training.max_updates=3"
    )
    assert ran.status == 0, ran.err
    assert read_model_directory(second).card.origins[0].model == str(moved)
