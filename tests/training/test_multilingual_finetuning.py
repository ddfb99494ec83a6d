"""Fine-tuning of multilingual translators: of one direction, and for a new language."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Nmt
from multilingual import write_multilingual_recipe
from toy import toy_pairs, write_corpus, write_recipe

from nmt.corpus.tokenizer import language_id
from nmt.engine.factory import load_shortlist
from nmt.engine.multilingual_shortlist import MultilingualShortlist
from nmt.model_directory.directory import read_model_directory


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a multilingual translator after 12 updates."""
    from nmt.config.loading import load_translator_recipe
    from nmt.training import session

    folder = tmp_path_factory.mktemp("parent")
    session.train(load_translator_recipe(write_multilingual_recipe(folder)), folder / "run")
    return folder / "run"


def write_directions(folder: Path, *directions: str) -> Path:
    """Write the corpora "train" and "dev" and a recipe without tokenizer and model for the given directions."""
    write_corpus(folder / "train", toy_pairs(60, seed=3))
    write_corpus(folder / "dev", toy_pairs(5, seed=4))
    training = "{max_updates: 4, batch_tokens: 400, validate_every: 4, checkpoint_every: 4, precision: fp32}"
    recipe = folder / "finetune.yaml"
    recipe.write_text(f"data: {{directions: [{', '.join(directions)}]}}\ntraining: {training}\n", encoding="utf-8")
    return recipe


def test_one_direction_is_trained_and_the_others_are_kept(parent: Path, tmp_path: Path, nmt: Nmt) -> None:
    recipe = write_directions(tmp_path, "{source: fr, target: en, train: [train], dev: dev}")
    tuned = nmt("train", recipe, "--finetune", parent, "--out", tmp_path / "run")
    assert tuned.status == 0, tuned.err
    before, after = (read_model_directory(path) for path in (parent, tmp_path / "run"))
    assert after.card.languages == before.card.languages == ["en", "fr", "xx"]
    assert [each.name for each in after.card.directions] == ["fr-en", "en-fr", "en-xx", "xx-en"]
    assert after.card.directions[0].scores
    assert not any(each.scores or each.confidence for each in after.card.directions[1:])  # of other weights
    assert after.card.longest_source >= before.card.longest_source
    old, new = (load_shortlist(each) for each in (before, after))
    assert isinstance(old, MultilingualShortlist)
    assert isinstance(new, MultilingualShortlist)
    vocabulary = before.tokenizer.source
    for number, text in ((0, "le chien voit le chat."), (2, "the dog sees the cat.")):
        source = [language_id(number), *vocabulary.encode(text).ids]
        kept, found = (set(each.target_ids_for_sentence(source).tolist()) for each in (old, new))
        assert kept <= found


def test_new_language_gets_the_next_piece(parent: Path, tmp_path: Path, nmt: Nmt) -> None:
    for name, count in (("train", 50), ("dev", 5)):
        write_corpus(tmp_path / name, toy_pairs(count, seed=7))
    files = "{source: %s.en, target: %s.fr}"
    recipe = write_directions(
        tmp_path,
        "{source: en, target: it, train: [" + files % ("train", "train") + "], dev: " + files % ("dev", "dev") + "}",
        "{source: en, target: xx, train: [" + files % ("train", "train") + "]}",
    )
    tuned = nmt("train", recipe, "--finetune", parent, "--out", tmp_path / "run")
    assert tuned.status == 0, tuned.err
    card = read_model_directory(tmp_path / "run").card
    assert card.languages == ["en", "fr", "xx", "it"]
    assert {each.name for each in card.directions} == {"en-it", "en-xx", "en-fr", "fr-en", "xx-en"}
    again = nmt("train", recipe, "training.max_updates=6", "--finetune", parent, "--out", tmp_path / "run", "--resume")
    assert again.status == 0, again.err
    assert "Resumed after update 4" in again.err


def test_one_pair_without_directions_is_refused(parent: Path, tmp_path: Path, nmt: Nmt) -> None:
    refused = nmt("train", write_recipe(tmp_path), "--finetune", parent, "--out", tmp_path / "run")
    assert refused.status == 1
    assert "is multilingual; list directions in data.directions, even for one pair" in refused.err


def test_too_many_languages_are_refused(parent: Path, tmp_path: Path, nmt: Nmt) -> None:
    codes = [f"a{letter}" for letter in "abcdefghijklmn"]
    directions = [f"{{source: en, target: {code}, train: [{{source: train.en, target: train.fr}}]}}" for code in codes]
    refused = nmt("train", write_directions(tmp_path, *directions), "--finetune", parent, "--out", tmp_path / "run")
    assert refused.status == 1
    assert "it has 17, more than 16; train fewer new languages" in refused.err


def test_translator_between_two_languages_becomes_multilingual(short_run: Path, tmp_path: Path, nmt: Nmt) -> None:
    recipe = write_directions(tmp_path, "{source: en, target: fr, both_ways: true, train: [train], dev: dev}")
    tuned = nmt("train", recipe, "--finetune", short_run, "--out", tmp_path / "run")
    assert tuned.status == 0, tuned.err
    card = read_model_directory(tmp_path / "run").card
    assert card.languages == ["en", "fr"]
    assert [each.name for each in card.directions] == ["en-fr", "fr-en"]
