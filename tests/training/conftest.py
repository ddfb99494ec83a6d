"""Training runs that several tests share. Copy a run before changing it."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy import write_recipe

from nmt.config.loading import load_translator_recipe
from nmt.training import session


@pytest.fixture(scope="session")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of 10 updates by the toy recipe."""
    folder = tmp_path_factory.mktemp("short")
    recipe = load_translator_recipe(write_recipe(folder), ["training.max_updates=10"])
    session.train(recipe, folder / "run")
    return folder / "run"
