"""Atomic writes: files and directories are complete or absent."""

import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_directory, atomic_file, remove_temporary_files

ROOT = Path(__file__).parents[2]


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


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_an_open_file_receives_the_content_after_what_it_held(name: str, tmp_path: Path) -> None:
    program = f"""
from pathlib import Path
from nmt.utils.files import atomic_file
print("before", flush=True)
with atomic_file(Path("{name}")) as path:
    path.write_text("content\\n")
print("after")
"""
    file = tmp_path / "out"
    file.write_text("old\n")
    with file.open("a") as stream:
        subprocess.run([sys.executable, "-c", program], stdout=stream, check=True, cwd=ROOT)
    assert file.read_text() == "old\nbefore\ncontent\nafter\n"
    piped = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, cwd=ROOT)
    assert piped.stdout == b"before\ncontent\nafter\n"


def test_a_process_substitution_receives_the_content(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from nmt.utils.files import atomic_file\n"
    program += "with atomic_file(Path(sys.argv[1])) as path: path.write_text('content')"
    command = f"'{sys.executable}' -c \"{program}\" >(cat > {tmp_path}/out); wait $!"
    subprocess.run(["bash", "-c", command], check=True, cwd=ROOT)
    assert (tmp_path / "out").read_text() == "content"


def test_an_existing_file_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "out"
    file.write_text("old")
    file.chmod(0o640)
    with atomic_file(file) as path:
        path.write_text("new")
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o640)


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
