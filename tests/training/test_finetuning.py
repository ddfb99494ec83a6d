"""Going on from a trained model: it learns the new domain, with its own tokenizer and network."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Nmt
from toy import toy_pairs, write_corpus

from nmt import Translator, bundle
from nmt.evaluation.metrics import bleu


def of_the_domain(count: int, seed: int) -> list[tuple[str, str]]:
    """Here a cat is a 'minou', and a king comes last."""
    return [(source, target.replace("chat", "oiseau roi")) for source, target in toy_pairs(count, seed)]


@pytest.fixture
def domain(tmp_path: Path) -> Path:
    """A recipe without a tokenizer, for the domain and a little of the general text."""
    write_corpus(tmp_path / "domain", of_the_domain(200, seed=7))
    write_corpus(tmp_path / "general", toy_pairs(1500, seed=1))
    write_corpus(tmp_path / "dev", of_the_domain(30, seed=8))
    path = tmp_path / "domain.yaml"
    path.write_text(
        "data: {source: en, target: fr, train: [domain, {corpus: general, weight: 0.05}], dev: dev}\n"
        "model: {width: 48, dropout: 0.0}\n"
        "training: {max_updates: 40, batch_tokens: 1000, learning_rate: 2.0e-3, warmup: 4, ema: 0.9,"
        " validate_every: 40, checkpoint_every: 40, precision: fp32}\n",
        encoding="utf-8",
    )
    return path


def quality(model: Path, pairs: list[tuple[str, str]]) -> float:
    translations = Translator.load(model).translate([source for source, _ in pairs])
    return bleu([t.text for t in translations], [target for _, target in pairs], "fr")


def test_the_domain_is_learned(model: Path, domain: Path, tmp_path: Path, nmt: Nmt) -> None:
    ran = nmt("train", domain, "--from", model, "--out", tmp_path / "tuned")
    assert ran.status == 0, ran.err
    assert f"those of {model} (width 48 → 64)" in ran.err
    before, after = bundle.read(model), bundle.read(tmp_path / "tuned")
    assert after.card.model.width == 64
    assert after.card.model.dropout == 0.0  # the recipe's: no weight depends on it
    assert after.tokenizer.source.serialized == before.tokenizer.source.serialized
    inside, outside = of_the_domain(60, seed=9), toy_pairs(60, seed=9)
    gain = quality(tmp_path / "tuned", inside) - quality(model, inside)
    loss = quality(model, outside) - quality(tmp_path / "tuned", outside)
    assert gain > 10
    assert quality(tmp_path / "tuned", inside) > 90
    assert 0 < loss < 30  # what the domain says otherwise is forgotten, and the rest is not


def test_a_tuning_that_stops_goes_on(model: Path, domain: Path, tmp_path: Path, nmt: Nmt) -> None:
    for name, stops in (("whole", ["40"]), ("halves", ["20", "40"])):
        for stop in stops:
            ran = nmt("train", domain, "--from", model, "--out", tmp_path / name, "--resume",
                      "training.schedule=constant", f"training.max_updates={stop}")  # fmt: skip
            assert ran.status == 0, ran.err
    weights = [(tmp_path / name / "checkpoints" / "best.safetensors").read_bytes() for name in ("whole", "halves")]
    assert weights[0] == weights[1]
    ran = nmt("train", domain, "--out", tmp_path / "halves", "--resume", "tokenizer.vocab_size=400")
    assert ran.status == 1
    assert "(or with --from); restore them" in ran.err


def test_what_can_not_be_tuned_is_named(model: Path, domain: Path, tmp_path: Path, nmt: Nmt) -> None:
    assert nmt("export", model, tmp_path / "export").status == 0
    ran = nmt("train", domain, "--from", tmp_path / "export", "--out", tmp_path / "tuned")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert "holds no trained weights; name the model that it was exported from" in ran.err
    ran = nmt("train", domain, "--from", model, "data.source=de", "--out", tmp_path / "tuned")
    assert ran.status == 1
    assert "translates en to fr, the recipe de to fr" in ran.err
    ran = nmt("train", domain, "--from", tmp_path / "nowhere", "--out", tmp_path / "tuned")
    assert ran.status == 1
    assert "no model directory" in ran.err
    assert not (tmp_path / "tuned" / "checkpoints").exists()
