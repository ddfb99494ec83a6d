"""Shared fixtures: a recipe, trained models, and the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock
from multilingual import METHODS, write_multilingual_recipe
from toy import write_language_model_recipe, write_recipe

# pytest-xdist runs as many tests at once as there are cores, so more threads would only compete. One thread also keeps
# the order of floating-point sums, and so the last bits of results.
os.environ["OMP_NUM_THREADS"] = "1"

# No deadlines: a busy machine is no failure.
# In CI the examples are always the same, so that a rare failure is found by a developer and not by an unrelated change.
hypothesis.settings.register_profile("carousel", deadline=None, derandomize="CI" in os.environ)
hypothesis.settings.load_profile("carousel")


@pytest.fixture(autouse=True, scope="session")
def _session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Cache prepared corpora in a folder of the test session instead of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Reset torch to one thread before each test."""
    if torch := sys.modules.get("torch"):  # not installed for the tests with the lowest versions
        torch.set_num_threads(1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe that trains a translator for a second on 300 pairs."""
    return write_recipe(tmp_path)


@dataclass(frozen=True)
class CommandResult:
    """Exit status and output of a command."""

    status: int
    out: str
    err: str


Nmt = Callable[..., CommandResult]


@pytest.fixture
def nmt(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Nmt:
    """A function that runs the command line in this process: ``nmt("translate", model)``."""
    from nmt.cli.main import main

    def call(*arguments: object) -> CommandResult:
        monkeypatch.setattr(sys, "argv", ["nmt", *map(str, arguments)])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capfdbinary.readouterr()
        code = exit_.value.code
        return CommandResult(code if isinstance(code, int) else 0, out.decode(), err.decode())

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of the toy language, trained well enough to translate it."""
    settings = (
        "training.max_updates=400", "training.batch_tokens=1000", "training.learning_rate=5e-3", "model.width=64",
        "training.validate_every=200", "training.checkpoint_every=200", "training.ema=0.95", "training.warmup=20",
    )  # fmt: skip
    write = lambda folder: write_recipe(folder, train_pairs=1500, dev_pairs=60)  # noqa: E731
    return _trained_once(tmp_path_factory, "translator", write, *settings) / "model"


@pytest.fixture(scope="session")
def multilingual_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a multilingual translator after 12 updates."""
    write = lambda folder: write_multilingual_recipe(folder, dev_pairs=100)  # noqa: E731
    return _trained_once(tmp_path_factory, "multilingual", write, *METHODS)


@pytest.fixture(scope="session")
def character_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run directory of a language model of characters, trained on running text."""
    return _trained_once(tmp_path_factory, "character-model", write_language_model_recipe, "training.max_updates=60")


@pytest.fixture(scope="session")
def subword_model(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Path:
    """The run directory of a language model with the toy translator's tokenizer, trained line by line."""
    settings = (
        f"tokenizer={{model: {model}}}", "training.unroll=null", "model.design=blocks", "training.max_updates=40",
    )  # fmt: skip
    return _trained_once(tmp_path_factory, "subword-model", write_language_model_recipe, *settings)


def _trained_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, write: Callable[[Path], Path], *settings: str
) -> Path:
    """Train by a recipe once for all test processes; return the run directory."""
    pytest.importorskip("torch")  # not installed for the tests with the lowest versions
    from nmt.config.loading import load_recipe
    from nmt.training import session

    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
    with FileLock(f"{folder}.lock"):
        if not (folder / "trained").exists():
            folder.mkdir()
            session.train(load_recipe(write(folder), settings), folder / "run")
            (folder / "trained").touch()
    return folder / "run"
