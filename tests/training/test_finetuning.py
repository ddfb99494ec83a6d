"""Going on from a trained model: it learns the new domain, with its own tokenizer and network."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import Nmt
from toy import toy_pairs, write_corpus

from nmt import Translator
from nmt.config.loading import load_translator_recipe
from nmt.engine.shortlist import Shortlist
from nmt.evaluation.metrics import bleu
from nmt.model_directory.directory import read_model_directory


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
    ran = nmt("train", domain, "--from", model, "--out", tmp_path / "tuned", "tokenizer.vocab_size=9999")
    assert ran.status == 0, ran.err
    assert f"those of {model} (vocab_size 9999 → 420, width 48 → 64)" in ran.err
    before, after = read_model_directory(model), read_model_directory(tmp_path / "tuned")
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
    assert "(or from another model, --from); restore them" in ran.err


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


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """A recipe for short sentences with few of the words that the model knows, that changes next to nothing."""
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


def edited(model: Path, copy: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a model that has another card."""
    shutil.copytree(model, copy)
    card = json.loads((copy / "config.json").read_text())
    change(card)
    (copy / "config.json").write_text(json.dumps(card))
    return copy


def test_what_was_not_retaught_is_translated_as_before(model: Path, narrow: Path, tmp_path: Path, nmt: Nmt) -> None:
    start = edited(model, tmp_path / "start", lambda card: card.update(longest_ratio=3.5))
    ran = nmt("train", narrow, "--from", start, "--out", tmp_path / "tuned")
    assert ran.status == 0, ran.err
    before, after = read_model_directory(start), read_model_directory(tmp_path / "tuned")
    assert before.card.longest_source > 8  # the least of all limits; no sentence of the domain is longer
    assert after.card.longest_source == before.card.longest_source
    assert after.card.longest_ratio == 3.5
    lines = [source for source, _ in toy_pairs(60, seed=3)]
    translations = [Translator.load(path).translate(lines) for path in (start, after.path)]
    assert [t.text for t in translations[0]] == [t.text for t in translations[1]]
    assert before.shortlist
    assert after.shortlist
    old, new = Shortlist.load(before.shortlist), Shortlist.load(after.shortlist)
    encode = before.tokenizer.source.encode
    for line in lines:
        assert set(old.for_sentence(encode(line).ids)) <= set(new.for_sentence(encode(line).ids))
    source, wanted = encode("the cat hears.").ids, set(before.tokenizer.target.encode("le chat zigzague.").ids)
    assert not wanted <= set(old.for_sentence(source))
    assert wanted <= set(new.for_sentence(source))


def test_larger_limits_of_the_new_text_count(model: Path, narrow: Path, tmp_path: Path, nmt: Nmt) -> None:
    line = "the dog sees the cat " * 5
    write_corpus(tmp_path / "narrow", [(line, "le chien voit le chat " * 5 + "zigzague " * 10)])
    ran = nmt("train", narrow, "--from", model, "--out", tmp_path / "tuned", "data.filter.max_ratio=20")
    assert ran.status == 0, ran.err
    before, after = read_model_directory(model), read_model_directory(tmp_path / "tuned")
    assert after.card.longest_source == len(before.tokenizer.source.encode(line.strip()).ids)
    assert after.card.longest_ratio > before.card.longest_ratio


def test_a_model_without_a_shortlist_gives_none(model: Path, narrow: Path, tmp_path: Path, nmt: Nmt) -> None:
    """Such is one whose training has not come to its end: the domain's text can't tell what other text needs."""
    start = edited(model, tmp_path / "start", lambda card: card["files"].pop("shortlist.npz"))
    ran = nmt("train", narrow, "--from", start, "--out", tmp_path / "tuned")
    assert ran.status == 0, ran.err
    assert f"{start}: has no shortlist, so the new model gets none" in ran.err
    after = read_model_directory(tmp_path / "tuned")
    assert after.shortlist is None
    assert "shortlist_coverage" not in after.card.training
    assert (tmp_path / "tuned" / "report.html").exists()


def test_a_tuned_model_knows_where_it_comes_from(model: Path, narrow: Path, tmp_path: Path, nmt: Nmt) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert nmt("train", narrow, "--from", model, "--out", first, "training.learning_rate=1e-4").status == 0
    assert nmt("train", narrow, "--from", first, "--out", second).status == 0
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
    assert re.match(rf'# --from "{first / "model"}", weights with SHA-256 {hashes[1]}\n', recipe)
    assert load_translator_recipe(second / "config.yaml").training.learning_rate == 1e-9

    # It has the tokenizer and the network, but other weights.
    ran = nmt("train", second / "config.yaml", "--from", model, "--out", second, "--resume")
    assert ran.status == 1
    assert "(or from another model, --from); restore them" in ran.err
    moved = shutil.copytree(first / "model", tmp_path / "moved")
    ran = nmt("train", second / "config.yaml", "--from", moved, "--out", second, "--resume", "training.max_updates=3")
    assert ran.status == 0, ran.err
    assert read_model_directory(second).card.origins[0].model == str(moved)
