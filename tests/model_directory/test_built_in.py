"""Built-in models: their names stand for a MODEL wherever no file of that name exists."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nmt.model_directory import built_in
from nmt.model_directory.built_in import BUILT_IN_MODELS, find_built_in_model
from nmt.model_directory.directory import locate_model_directory, read_model_directory
from nmt.utils.errors import CarouselError

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "data" / "demo-en-fr" / "model"
NAME = BUILT_IN_MODELS[0]


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return the folders in which an installation and a checkout keep their models, and go to an empty folder."""
    found = tmp_path / "installed", tmp_path / "checkout"
    monkeypatch.setattr(built_in, "_FOLDERS", found)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return found


def test_a_name_means_the_installed_model_and_else_the_one_of_the_checkout(folders: tuple[Path, Path]) -> None:
    installed, checkout = folders
    assert find_built_in_model(NAME) is None
    shutil.copytree(DEMO, checkout / NAME)
    assert read_model_directory(Path(NAME)).path == checkout / NAME
    shutil.copytree(DEMO, installed / NAME)
    assert read_model_directory(Path(NAME)).path == installed / NAME


def test_other_names_and_paths_are_no_built_in_models(folders: tuple[Path, Path]) -> None:
    shutil.copytree(DEMO, folders[0] / "other")
    shutil.copytree(DEMO, folders[0] / NAME)
    for path in ("other", f"./{NAME}/x", f"{NAME}.", NAME.upper()):
        assert locate_model_directory(Path(path)) == Path(path)


def test_a_directory_of_the_same_name_is_preferred(folders: tuple[Path, Path]) -> None:
    shutil.copytree(DEMO, folders[0] / NAME)
    Path(NAME).mkdir()
    with pytest.raises(CarouselError, match=r"config\.json"):
        read_model_directory(Path(NAME))
    shutil.copytree(DEMO, NAME, dirs_exist_ok=True)
    assert read_model_directory(Path(NAME)).path == Path(NAME)


def test_a_built_in_model_that_is_not_installed_is_missing_like_any_other(folders: tuple[Path, Path]) -> None:
    with pytest.raises(CarouselError, match=f"^{NAME}: "):
        read_model_directory(Path(NAME))
