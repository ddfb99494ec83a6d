"""Atomic writes: files and directories are complete or absent."""

import errno
import os
import stat
from pathlib import Path

import pytest

from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_directory, atomic_file, remove_temporary_files


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_file(path) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_write_replaces_the_file_and_creates_folders(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    for text in ("one", "two"):
        with atomic_file(path) as temporary:
            temporary.write_text(text)
    assert path.read_text() == "two"
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_links_and_pipes_are_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with atomic_file(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
    os.mkfifo(tmp_path / "pipe")
    with atomic_file(tmp_path / "pipe") as path:
        assert path == (tmp_path / "pipe").resolve()
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_an_obstructed_path_is_an_error_before_the_block_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, reason in (tmp_path, "Is a directory"), (tmp_path / "file" / "new", "File exists"):
        message = rf"can't be written \({reason}\); choose another path"
        with pytest.raises(CarouselError, match=message), atomic_file(path):
            pytest.fail("the block ran")


def test_a_directory_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for text in ("one", "two"):
        with atomic_directory(path) as temporary:
            (temporary / text).write_text(text)
    assert [p.name for p in path.iterdir()] == ["two"]
    with pytest.raises(ZeroDivisionError), atomic_directory(path) as temporary:
        (temporary / "three").write_text("half")
        raise ZeroDivisionError
    assert [p.name for p in path.iterdir()] == ["two"]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_a_failed_rename_restores_the_old_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model"
    with atomic_directory(path) as temporary:
        (temporary / "one").write_text("one")
    rename, calls = Path.rename, []

    def fails_the_second_time(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fails_the_second_time)
    with pytest.raises(CarouselError, match="the disk is full"), atomic_directory(path) as temporary:
        (temporary / "two").write_text("two")
    assert [p.name for p in path.iterdir()] == ["one"]
    assert [p.name for p in tmp_path.iterdir()] == ["model"]


def test_temporary_files_of_a_killed_write_are_removed_and_the_old_directory_is_restored(tmp_path: Path) -> None:
    for name in (".model.77.tmp", ".model.77.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / ".other.77.tmp").write_text("not ours")
    remove_temporary_files(tmp_path / "model")
    assert (tmp_path / "model" / "file").read_text() == ".model.77.old"
    assert sorted(p.name for p in tmp_path.iterdir()) == [".other.77.tmp", "model"]


def test_an_unwritable_path_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CarouselError, match=r"file/x: can't be written"), atomic_file(tmp_path / "file" / "x"):
        pass
