"""Prepared data: ids of the filtered text, cached."""

import os
from pathlib import Path

import numpy as np
import pytest
from toy import toy_pairs, write_corpus

from nmt.config.loading import load_translator_recipe
from nmt.corpus import preparation as preparation
from nmt.corpus.preparation import prepare_data
from nmt.utils.errors import CarouselError


def test_ids_encode_the_filtered_text_across_chunks(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "_CHUNK_PAIRS", 7)
    prepared = prepare_data(load_translator_recipe(recipe))
    pairs = list(dict.fromkeys(toy_pairs(300, seed=1)))
    corpus, vocabulary = prepared.train, prepared.tokenizer.source
    assert len(corpus) == len(pairs)
    rows = np.array([0, 6, 7, 8, len(pairs) - 1, 3, 3])
    for ids, row in zip(corpus.source_ids(rows).to_lists(), rows, strict=True):
        assert vocabulary.decode(ids.tolist()).text == pairs[row][0]
    for ids, row in zip(corpus.target_ids(rows).to_lists(), rows, strict=True):
        assert vocabulary.decode(ids.tolist()).text == pairs[row][1]
    expected = [len(ids) for ids in vocabulary.encode_batch([source for source, _ in pairs])]
    np.testing.assert_array_equal(corpus.source_lengths, expected)
    assert prepared.directions[0].dev == toy_pairs(20, seed=2)


def test_prepared_data_is_cached(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[str] = []
    first = prepare_data(load_translator_recipe(recipe, ["data.filter.max_ratio=3.5"]), log=log.append)
    assert len(log) == 3
    log.clear()
    again = prepare_data(load_translator_recipe(recipe, ["data.filter.max_ratio=3.5"]), log=log.append)
    assert log == [f"Training text {recipe.parent / 'train'}: {first.train.reports[0]}"]
    assert again.train.fingerprint == first.train.fingerprint
    assert again.tokenizer.source.serialized == first.tokenizer.source.serialized


def test_changed_text_or_settings_use_another_cache_entry(recipe: Path) -> None:
    fingerprints = {prepare_data(load_translator_recipe(recipe)).train.fingerprint}
    fingerprints.add(prepare_data(load_translator_recipe(recipe, ["tokenizer.vocab_size=410"])).train.fingerprint)
    fingerprints.add(prepare_data(load_translator_recipe(recipe, ["data.filter.max_characters=500"])).train.fingerprint)
    write_corpus(recipe.parent / "train", toy_pairs(301, seed=1))
    fingerprints.add(prepare_data(load_translator_recipe(recipe)).train.fingerprint)
    assert len(fingerprints) == 4


def test_pairs_with_too_many_tokens_are_counted(recipe: Path) -> None:
    prepared = prepare_data(load_translator_recipe(recipe, ["data.filter.max_pieces=30", "tokenizer.kind=char"]))
    report = prepared.train.reports[0]
    assert report.too_long > 0
    assert report.kept == len(prepared.train)
    assert report.kept + report.too_long + report.duplicate == report.read


def test_first_pairs_limits_each_corpus(recipe: Path) -> None:
    """The limit also applies to the text on which the tokenizer is trained."""
    few = ["data.filter.first_pairs=120", "data.filter.duplicates=false"]
    config = load_translator_recipe(recipe, few)
    prepared = prepare_data(config)
    assert (prepared.train.reports[0].read, len(prepared.train)) == (120, 120)
    write_corpus(recipe.parent / "train", toy_pairs(120, seed=1))
    alone = prepare_data(load_translator_recipe(recipe, ["data.filter.duplicates=false"]))
    assert prepared.tokenizer.source.serialized == alone.tokenizer.source.serialized
    everything = np.arange(120)
    for ids, expected in zip(
        prepared.train.target_ids(everything).to_lists(), alone.train.target_ids(everything).to_lists(), strict=True
    ):
        assert ids.tolist() == expected.tolist()


def test_filters_that_drop_every_pair_are_reported(recipe: Path) -> None:
    with pytest.raises(CarouselError, match=r"no training pair is left.*relax data\.filter"):
        prepare_data(load_translator_recipe(recipe, ["data.filter.max_pieces=1"]))


def test_corpus_of_duplicates_only_is_reported(recipe: Path) -> None:
    train = recipe.parent / "train"
    with pytest.raises(CarouselError, match=r"no training pair is left.*remove this corpus"):
        prepare_data(load_translator_recipe(recipe, [f"data.train=[{{corpus: {train}}}, {{corpus: {train}, tag: 1}}]"]))


def test_blank_text_in_the_dev_set_is_reported(recipe: Path) -> None:
    write_corpus(recipe.parent / "dev", [("a", "b"), ("c", " ")])
    with pytest.raises(CarouselError, match=r"dev:2: one side of the pair is blank"):
        prepare_data(load_translator_recipe(recipe))


def test_ids_are_memory_mapped(recipe: Path) -> None:
    corpus = prepare_data(load_translator_recipe(recipe)).train
    maps = Path(f"/proc/{os.getpid()}/maps")
    if not maps.exists():
        pytest.skip("no /proc here")
    assert f"ids-{corpus.fingerprint}" in maps.read_text()


def test_mixture_concatenates_and_tags_its_corpora(recipe: Path) -> None:
    write_corpus(recipe.parent / "extra", toy_pairs(50, seed=5))
    mixture = "data.train=[{corpus: TRAIN, weight: 0.5}, {corpus: {source: EXTRA.en, target: EXTRA.fr}, tag: 2}]"
    for name in ("train", "extra"):
        mixture = mixture.replace(name.upper(), str(recipe.parent / name))
    log: list[str] = []
    prepared = prepare_data(load_translator_recipe(recipe, [mixture]), log=log.append)
    corpus, vocabulary = prepared.train, prepared.tokenizer.source
    general = list(dict.fromkeys(toy_pairs(300, seed=1)))
    extra = [pair for pair in dict.fromkeys(toy_pairs(50, seed=5)) if pair not in general]
    assert corpus.corpus_sizes == [len(general), len(extra)]
    assert corpus.reports[1].duplicate == 50 - len(extra)  # duplicates of the other corpus included
    ids = corpus.source_ids(np.array([0, len(general)])).to_lists()
    assert vocabulary.decode(ids[0].tolist()).text == general[0][0]
    assert vocabulary.id_to_piece(int(ids[1][0])) == "<tag:2>"
    assert vocabulary.decode(ids[1][1:].tolist()).text == extra[0][0]
    assert log[-2].endswith(", used 0.5 times per epoch")
    assert log[-1].endswith(", tagged 2")


def test_tokenizer_is_trained_on_a_sample_of_a_large_corpus(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preparation, "MAX_TRAINING_SENTENCES", 250)
    size = ["tokenizer.vocab_size=403"]  # not in the cache from other tests
    part = prepare_data(load_translator_recipe(recipe, size)).tokenizer.source.serialized
    pairs = list(dict.fromkeys(toy_pairs(300, seed=1)))[::3]  # 600 sentences exceed the limit of 250
    write_corpus(recipe.parent / "train", pairs)
    assert prepare_data(load_translator_recipe(recipe, size)).tokenizer.source.serialized == part


def test_synthetic_tasks_are_not_filtered(recipe: Path) -> None:
    task = "{task: copying, pairs: 90, shortest: 215, longest: 304, seed: 1}"
    prepared = prepare_data(load_translator_recipe(recipe, [f"data.train=[{task}, {task}, {recipe.parent / 'train'}]"]))
    assert prepared.train.corpus_sizes == [90, 90, len(set(toy_pairs(300, seed=1)))]
    assert prepared.train.reports[1].read == 90
    rows = np.arange(180)
    texts = [prepared.tokenizer.source.decode(ids.tolist()).text for ids in prepared.train.source_ids(rows).to_lists()]
    assert [len(text) for text in texts] == list(range(215, 305)) * 2
