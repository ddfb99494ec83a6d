"""The built-in model `everyday`: what it contains, and well-known sentences in all directions."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from nmt import Translator
from nmt.config.loading import load_translator_recipe
from nmt.config.schema import WITHOUT_CORPORA
from nmt.model_directory.directory import ModelDirectory, read_model_directory

ROOT = Path(__file__).parents[2]
KEY = {
    "en": ("Where is my key?", "key"),
    "de": ("Wo ist mein Schlüssel?", "Schlüssel"),
    "fr": ("Où est ma clé ?", "clé"),
    "es": ("¿Dónde está mi llave?", "llave"),
    "nl": ("Waar is mijn sleutel?", "sleutel"),
    "ja": ("私の鍵はどこですか。", "鍵"),
    "zh": ("我的钥匙在哪里？", "钥匙"),
}
"""A sentence in every language, and the word for "key" in it."""


@pytest.fixture(scope="module")
def model() -> ModelDirectory:
    return read_model_directory(Path("everyday"))


@pytest.fixture(scope="module")
def translator() -> Translator:
    return Translator.load("everyday")


@pytest.mark.parametrize(("source", "target"), list(permutations(KEY, 2)))
def test_everyday_translates_between_all_its_languages(translator: Translator, source: str, target: str) -> None:
    result = translator.translate(KEY[source][0], source=source, target=target)
    assert KEY[target][1] in result.text
    assert result.direction.kind == ("trained" if "en" in (source, target) else "pivot")


def test_everyday_identifies_the_source_language(translator: Translator) -> None:
    assert "key" in translator.translate(KEY["de"][0], target="en").text


def test_everyday_reads_and_writes_traditional_characters(translator: Translator) -> None:
    assert "鑰匙" in translator.translate(KEY["en"][0], source="en", target="zh-Hant").text
    assert "key" in translator.translate("我的鑰匙在哪裡？", source="zh-Hant", target="en").text


def test_everyday_carries_placeholders(translator: Translator) -> None:
    text = translator.translate("Please send it to {name} at https://example.org/a?b=1.", source="en", target="de").text
    assert text.count("{name}") == text.count("https://example.org/a?b=1") == 1


def test_everyday_is_small_and_quantised(model: ModelDirectory) -> None:
    assert sum(file.stat().st_size for file in model.path.rglob("*") if file.is_file()) <= 20e6
    assert model.card.precision == "int8"
    assert model.card.placeholders
    assert model.weights is None
    assert model.shortlist is not None


def test_the_card_of_everyday_has_scores_limits_and_the_licence(model: ModelDirectory) -> None:
    assert {each.name for each in model.card.directions} == {
        name for code in KEY if code != "en" for name in (f"en-{code}", f"{code}-en")
    }
    for direction in model.card.directions:
        assert "signature" in direction.scores["dev"]["bleu"]
        assert direction.confidence is not None
    readme = (model.path / "README.md").read_text(encoding="utf-8")
    for words in ("CC-BY 2.0 FR", "tatoeba.org", "Long\nsentences", "tok:zh"):
        assert words in readme


def test_everyday_was_trained_with_its_recipe(model: ModelDirectory) -> None:
    """The recipe was run for a part of its updates; then the model was fine-tuned on the same data."""
    recipe = load_translator_recipe(ROOT / "configs" / "everyday.yaml").model_dump(mode="json", exclude=WITHOUT_CORPORA)
    [first] = model.card.origins
    trained, fine_tuned = first.training["recipe"], model.card.training["recipe"]
    trained["training"]["max_updates"] = recipe["training"]["max_updates"]
    assert trained == recipe
    fine_tuned["training"] = recipe["training"]
    fine_tuned["data"]["languages"] = recipe["data"]["languages"]  # the pieces of the first model
    assert fine_tuned == recipe
