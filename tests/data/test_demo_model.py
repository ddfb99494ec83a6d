"""Demonstration model: quality, size, and agreement with its recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt import Translator
from nmt.config.loading import load_translator_recipe
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.text_files import read_lines
from nmt.evaluation import metrics
from nmt.model_directory.directory import ModelDirectory, read_model_directory

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "data" / "demo-en-fr"


@pytest.fixture(scope="module")
def demo() -> ModelDirectory:
    return read_model_directory(CORPUS / "model")


def test_demo_model_translates_the_test_set(demo: ModelDirectory) -> None:
    sources, references = (list(read_lines(CORPUS / f"test.{language}")) for language in ("en", "fr"))
    results = Translator.load(demo.path).translate(sources)
    scores = metrics.score_translations([result.text for result in results], references, "fr")
    assert scores["bleu"]["score"] >= 90, scores["bleu"]
    # The scores of the model card were measured before quantisation to int8.
    assert scores["bleu"]["score"] == pytest.approx(demo.card.scores["test"]["bleu"]["score"], abs=0.5)


def test_demo_model_is_small_and_quantised(demo: ModelDirectory) -> None:
    assert sum(file.stat().st_size for file in demo.path.rglob("*") if file.is_file()) <= 4e6
    assert demo.card.precision == "int8"
    assert demo.weights is None
    assert demo.shortlist is not None


def test_demo_model_was_trained_with_the_recipe(demo: ModelDirectory) -> None:
    recipe = load_translator_recipe(ROOT / "configs" / "demo.yaml", ["training.max_minutes=null"])
    stored = demo.card.training["recipe"]
    files = recipe.data.model_dump(include={"train", "dev", "test"})
    made_by = TranslatorRecipe.model_validate({**stored, "data": stored["data"] | files})
    assert made_by == recipe
