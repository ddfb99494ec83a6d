"""Interrupted output is kept and resumed by a later run with the same inputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmt.bulk import output as output_module
from nmt.bulk.output import resumable_output
from nmt.utils.errors import CarouselError

INPUTS = {"model": ["x"], "input": [["in", 4, "hash"]]}


class SimulatedInterrupt(BaseException):
    """Simulates a signal that interrupts the run."""


def interrupt_after(path: Path, *contents: bytes) -> None:
    with pytest.raises(SimulatedInterrupt), resumable_output(path, INPUTS) as output:
        for content in contents:
            output.append(content.count(b"\n"), content)
        raise SimulatedInterrupt


def test_interrupted_run_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "out"
    interrupt_after(path, b"1\n2\n", b"3\n")
    assert not path.exists()
    with resumable_output(path, INPUTS) as output:
        assert output.num_lines == 3
        output.append(1, b"4\n")
        output.publish()
    assert path.read_bytes() == b"1\n2\n3\n4\n"
    assert [p.name for p in path.parent.iterdir()] == ["out"]


def test_lines_that_were_not_saved_are_discarded(tmp_path: Path) -> None:
    path = tmp_path / "out"
    interrupt_after(path, b"1\n")
    with (tmp_path / "out.parts" / "lines").open("ab") as file:
        file.write(b"2\nhal")
    with resumable_output(path, INPUTS) as output:
        assert output.num_lines == 1
        output.append(1, b"zwei\n")
        output.publish()
    assert path.read_bytes() == b"1\nzwei\n"


def test_lines_are_saved_periodically(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "_SAVE_INTERVAL", 0)
    with resumable_output(tmp_path / "out", INPUTS) as output:
        for number, content in enumerate((b"1\n2\n", b"3\n"), start=1):
            output.append(3 - number, content)
            manifest = json.loads((tmp_path / "out.parts" / "manifest.json").read_text())
            assert (manifest["lines"], manifest["bytes"]) == (1 + number, 2 + 2 * number)
            assert (tmp_path / "out.parts" / "lines").stat().st_size == 2 + 2 * number


@pytest.mark.parametrize(
    ("changed", "names"),
    [({"model": ["y"]}, "model"), ({"model": ["y"], "input": []}, "input and model"), ({"option": 1}, "option")],
)
def test_different_inputs_are_rejected_and_lines_are_kept(
    changed: dict[str, object], names: str, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    interrupt_after(path, b"1\n")
    with pytest.raises(
        CarouselError, match=f"out.parts: belongs to a translation with another {names}; repeat the original"
    ):
        resumable_output(path, INPUTS | changed).__enter__()
    with resumable_output(path, INPUTS) as output:
        assert output.num_lines == 1


def test_empty_output_leaves_no_folder(tmp_path: Path) -> None:
    interrupt_after(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["lines", "manifest.json"])
def test_damaged_files_are_rejected(file: str, tmp_path: Path) -> None:
    interrupt_after(tmp_path / "out", b"1\n2\n")
    (tmp_path / "out.parts" / file).write_bytes(b"1")
    with pytest.raises(CarouselError, match=r"out.parts: is damaged; delete it to start again"):
        resumable_output(tmp_path / "out", INPUTS).__enter__()


def test_run_killed_during_clean_up_is_complete(tmp_path: Path) -> None:
    interrupt_after(tmp_path / "out", b"1\n2\n")
    (tmp_path / "out.parts" / "lines").replace(tmp_path / "out")
    with resumable_output(tmp_path / "out", INPUTS) as output:
        assert output.num_lines == 0
    assert (tmp_path / "out").read_bytes() == b"1\n2\n"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_output_is_locked_against_other_processes(tmp_path: Path) -> None:
    with (
        resumable_output(tmp_path / "out", INPUTS),
        pytest.raises(CarouselError, match="out: another nmt translate is writing it"),
    ):
        resumable_output(tmp_path / "out", INPUTS).__enter__()


def test_unwritable_output_is_reported(tmp_path: Path) -> None:
    with pytest.raises(CarouselError, match="is not a file; choose another -o"):
        resumable_output(tmp_path, INPUTS).__enter__()
    (tmp_path / "file").write_text("")
    with pytest.raises(CarouselError, match="can't be written"):
        resumable_output(tmp_path / "file" / "out", INPUTS).__enter__()
