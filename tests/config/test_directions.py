"""Recipes with several translation directions."""

from pathlib import Path

import pytest
from multilingual import write_multilingual_recipe

from nmt.config.data import MultilingualDataConfig
from nmt.config.loading import dump_recipe, load_translator_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.utils.errors import UsageError


@pytest.fixture
def multilingual_recipe(tmp_path: Path) -> Path:
    return write_multilingual_recipe(tmp_path)


def data_section(recipe: TranslatorRecipe) -> MultilingualDataConfig:
    assert isinstance(recipe.data, MultilingualDataConfig)
    return recipe.data


def test_both_ways_adds_the_opposite_direction(multilingual_recipe: Path) -> None:
    data = data_section(load_translator_recipe(multilingual_recipe, ["data.directions.1.both_ways=false"]))
    directions = data.all_directions
    assert [(each.name, each.is_reverse) for each in directions] == [
        ("en-fr", False),
        ("fr-en", True),
        ("en-xx", False),
    ]
    assert directions[1].train == directions[0].train
    assert directions[1].dev == directions[0].dev == str(multilingual_recipe.parent / "fr.dev")
    assert data.language_order == ["en", "fr", "xx"]


def test_listed_languages_come_first(multilingual_recipe: Path) -> None:
    data = data_section(load_translator_recipe(multilingual_recipe, ["data.languages=[xx, de]"]))
    assert data.language_order == ["xx", "de", "en", "fr"]


def test_dumped_recipe_can_be_loaded_again(multilingual_recipe: Path, tmp_path: Path) -> None:
    recipe = load_translator_recipe(multilingual_recipe, ["data.directions.0.train=[{corpus: /a, weight: 2, tag: 1}]"])
    copy = tmp_path / "copy.yaml"
    copy.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_translator_recipe(copy).data.all_directions[0].train[0].weight == 2
    assert dump_recipe(load_translator_recipe(copy)) == dump_recipe(recipe)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.source=en", "multilingual.yaml:1: data: directions have .* of their own; remove source"),
        ("data.directions=[]", "data.directions: must have at least 1 item"),
        ("data.directions.1.target=fr", "directions has en-fr twice; put its corpora into one direction"),
        ("data.directions.1.target=en", "source and target are both en; name two languages"),
        ("data.directions.0.wieght=2", "data.directions.0.wieght: unknown key; did you mean 'weight'"),
        ("data.directions.0.train=[{corpus: a, tga: 2}]", r"train.0.tga: unknown key; did you mean 'tag'"),
        ("data.directions.0.dev={corpus: a, weight: 2}", "weights and tags are only for the corpora of data.train"),
        ("data.directions.2.weight=2", "data.directions is a list of 2; name an item by its number"),
        ("data.temprature=2", "data.temprature: unknown key; did you mean 'temperature'"),
        ("data.languages=[en, en]", "languages has a language twice"),
        ("data.languages=[aa, bb, cc, dd, ee, ff, gg, hh, ii, jj, kk, ll, mm, nn]", "17 languages; use at most 16"),
        ("data.directions.0.train=[{task: copying, pairs: 9, longest: 3}]", "synthetic tasks have no languages"),
        ("tokenizer.shared=false", "needs one vocabulary for all languages"),
    ],
)
def test_mistakes_are_explained(multilingual_recipe: Path, override: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_translator_recipe(multilingual_recipe, [override])
