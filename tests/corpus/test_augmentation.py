"""Derived pairs in prepared corpora."""

from pathlib import Path

import numpy as np
import pytest
from toy import toy_pairs, write_corpus

from nmt.config.loading import load_translator_recipe
from nmt.corpus.augmentation import create_augmenter, remove_final_punctuation
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.text.placeholders import PLACEHOLDER_CHARACTERS

SETTINGS = ["data.placeholders=0.5", "data.unpunctuated=0.5", "data.filter.duplicates=false"]
PLACEHOLDERS = set(PLACEHOLDER_CHARACTERS)


def texts(prepared: PreparedData) -> list[tuple[str, str]]:
    rows, vocabularies = np.arange(len(prepared.train)), (prepared.tokenizer.source, prepared.tokenizer.target)
    ids = prepared.train.source_ids(rows).to_lists(), prepared.train.target_ids(rows).to_lists()
    decoded = [v.decode_batch([row.tolist() for row in side]) for v, side in zip(vocabularies, ids, strict=True)]
    return list(zip(*decoded, strict=True))


def test_derived_pairs_follow_the_original_ones_and_are_counted(recipe: Path) -> None:
    log: list[str] = []
    prepared = prepare_data(load_translator_recipe(recipe, SETTINGS), log.append)
    report, pairs = prepared.train.reports[0], texts(prepared)
    assert pairs[:300] == toy_pairs(300, seed=1)
    assert report.kept == 300
    assert 150 < report.derived == len(pairs) - 300 < 300
    assert prepared.train.corpus_sizes == [len(pairs)]
    assert f"300 of 300 pairs kept, {report.derived} derived from them" in log[-1]
    with_placeholders = [pair for pair in pairs if PLACEHOLDERS & set(pair[0])]
    assert 50 < len(with_placeholders) < 150
    unpunctuated = [pair for pair in pairs[300:] if not any(text.endswith(".") for text in pair)]
    assert 100 < len(unpunctuated) < 250
    assert prepared.directions[0].dev == toy_pairs(20, seed=2)


def test_preparation_is_reproducible_and_cached_by_settings(recipe: Path) -> None:
    first = prepare_data(load_translator_recipe(recipe, SETTINGS))
    again = prepare_data(load_translator_recipe(recipe, SETTINGS))
    plain = prepare_data(load_translator_recipe(recipe, SETTINGS[2:]))
    other = prepare_data(load_translator_recipe(recipe, ["data.placeholders=0.4", *SETTINGS[1:]]))
    assert texts(first) == texts(again)
    assert first.train.fingerprint == again.train.fingerprint
    assert len({each.train.fingerprint for each in (first, plain, other)}) == 3
    assert len(texts(plain)) == 300
    # Text and tokenizer are the same.
    assert first.tokenizer.source.serialized == plain.tokenizer.source.serialized


def test_a_derived_pair_depends_on_the_pair_and_its_number(recipe: Path) -> None:
    config = load_translator_recipe(recipe, SETTINGS).data
    pairs = toy_pairs(100, seed=1)
    whole, parts = (create_augmenter(config, config.all_directions[0], pairs) for _ in range(2))
    assert whole
    assert parts
    everything = whole.derive_pairs(pairs)
    assert everything == [*parts.derive_pairs(pairs[:30]), *parts.derive_pairs(pairs[30:])]
    assert len(set(whole.derive_pairs([pairs[0]] * 50))) > 10
    data = load_translator_recipe(recipe).data
    assert create_augmenter(data, data.all_directions[0], pairs) is None


def test_each_corpus_of_a_mixture_has_its_derived_pairs_and_its_tag(recipe: Path) -> None:
    write_corpus(recipe.parent / "extra", toy_pairs(50, seed=5))
    mixture = f"data.train=[{recipe.parent / 'train'}, {{corpus: {recipe.parent / 'extra'}, tag: 2}}]"
    task = mixture.replace("]", ", {task: copying, pairs: 20, longest: 9}]")
    prepared = prepare_data(load_translator_recipe(recipe, [*SETTINGS, task]))
    sizes, reports = prepared.train.corpus_sizes, prepared.train.reports
    assert sizes == [300 + reports[0].derived, 50 + reports[1].derived, 20]
    assert all(report.derived > 20 for report in reports[:2])
    sources = prepared.train.source_ids(np.arange(len(prepared.train))).to_lists()
    tagged = [prepared.tokenizer.source.id_to_piece(int(ids[0])) == "<tag:2>" for ids in sources]
    assert tagged == [False] * sizes[0] + [True] * sizes[1] + [False] * 20


@pytest.mark.parametrize(
    ("pair", "expected"),
    [
        (("Really?!", "Wirklich?"), ("Really", "Wirklich")),
        (("Wait …", "Warte ..."), ("Wait", "Warte")),
        (("Yes.", "Ja"), None),
        (("...", "…"), None),
        (("好。", "Good."), ("好", "Good")),
    ],
)
def test_final_punctuation_is_removed_from_both_sides_or_none(
    pair: tuple[str, str], expected: tuple[str, str] | None
) -> None:
    assert remove_final_punctuation(pair) == expected
