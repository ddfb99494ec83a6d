"""Training runs and corpora that several tests share. Copy a run before changing it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from toy import write_corpus, write_recipe

from nmt.config.loading import load_translator_recipe
from nmt.training import session


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of 10 updates by the toy recipe."""
    folder = tmp_path_factory.mktemp("short")
    recipe = load_translator_recipe(write_recipe(folder), ["training.max_updates=10"])
    session.train(recipe, folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def large_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of many different words, which takes seconds to process."""
    folder, draw = tmp_path_factory.mktemp("large"), random.Random(1)
    words = ["".join(draw.choices("abcdefghijklmnop", k=8)) for _ in range(40_000)]
    for name, count in (("train", 20_000), ("dev", 2_000)):
        texts = [" ".join(draw.choices(words, k=10)) for _ in range(count)]
        write_corpus(folder / name, [(text, text[::-1]) for text in texts])
    return folder
