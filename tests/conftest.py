"""What many tests share: a recipe, a trained model, and the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest
from filelock import FileLock
from toy import RECIPE, toy_pairs, write_corpus

# As many tests run at once as there are cores: their own processes, too, would wait for each other's second threads.
# And a sum's order, so its last bits, depends on the threads that share it.
os.environ["OMP_NUM_THREADS"] = "1"

# A busy machine is no failure.
hypothesis.settings.register_profile("carousel", deadline=None)
hypothesis.settings.load_profile("carousel")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prepared corpora go to a folder of the test session, not to the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """Whatever a test asked of torch, the next one starts alike."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    """A recipe that trains for a second on 300 pairs."""
    write_corpus(tmp_path / "train", toy_pairs(300, seed=1))
    write_corpus(tmp_path / "dev", toy_pairs(20, seed=2))
    path = tmp_path / "toy.yaml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    status: int
    out: str
    err: str


Nmt = Callable[..., Ran]


@pytest.fixture
def nmt(monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Nmt:
    """Run the command line in this process: ``nmt("translate", model)``."""
    from nmt.cli.main import main

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["nmt", *map(str, arguments)])
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as exit_:
            main()
        out, err = capfdbinary.readouterr()
        code = exit_.value.code
        return Ran(code if isinstance(code, int) else 0, out.decode(), err.decode())

    return call


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model directory of the toy language, trained well enough to translate it; one for all processes that test."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "toy"
    with FileLock(f"{folder}.lock"):
        if not (folder / "trained").exists():
            _train(folder)
            (folder / "trained").touch()
    return folder / "run" / "model"


def _train(folder: Path) -> None:
    from nmt.config.loading import load_translator_recipe
    from nmt.training import session

    folder.mkdir()
    write_corpus(folder / "train", toy_pairs(1500, seed=1))
    write_corpus(folder / "dev", toy_pairs(60, seed=2))
    (folder / "toy.yaml").write_text(RECIPE, encoding="utf-8")
    recipe = load_translator_recipe(
        folder / "toy.yaml",
        ["training.max_updates=400", "training.batch_tokens=1000", "training.learning_rate=5e-3", "model.width=64",
         "training.validate_every=200", "training.checkpoint_every=200", "training.ema=0.95", "training.warmup=20"],
    )  # fmt: skip
    session.train(recipe, folder / "run")
