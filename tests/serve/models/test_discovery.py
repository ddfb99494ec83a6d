from pathlib import Path

import pytest

from serve.models.discovery import find_model_directories


def create_files(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def test_a_model_directory_or_run_directory_is_returned_as_it_is(tmp_path: Path) -> None:
    create_files(tmp_path / "model" / "config.json", tmp_path / "model" / "onnx" / "step.onnx")
    create_files(
        tmp_path / "run" / "config.yaml", tmp_path / "run" / "model" / "config.json", tmp_path / "run" / "tb" / "events"
    )
    paths = [tmp_path / "run", tmp_path / "model"]
    assert find_model_directories(paths) == paths


def test_another_directory_is_replaced_by_its_subdirectories(tmp_path: Path) -> None:
    create_files(
        tmp_path / "b" / "config.json", tmp_path / "a" / "config.json", tmp_path / "half-copied" / "onnx" / "step.onnx"
    )
    create_files(tmp_path / "notes.txt", tmp_path / ".snapshot" / "old" / "config.json", tmp_path / "lost+found" / "x")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert [path.name for path in find_model_directories([tmp_path])] == ["a", "b", "half-copied", "link"]


def test_an_empty_directory_contains_no_models(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "other").mkdir()
    assert find_model_directories([tmp_path / "lost+found", tmp_path / "other"]) == []
    create_files(tmp_path / "other" / "config.json")
    assert find_model_directories([tmp_path / "lost+found", tmp_path / "other"]) == [tmp_path / "other"]


@pytest.mark.parametrize("name", ["absent", "file", "files"])
def test_other_paths_are_left_for_loading_to_report(tmp_path: Path, name: str) -> None:
    create_files(tmp_path / "file", tmp_path / "files" / "notes.txt")
    assert find_model_directories([tmp_path / name]) == [tmp_path / name]
