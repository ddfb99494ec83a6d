"""What a stopped job leaves behind, and what the next one makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nmt.bulk import output
from nmt.bulk.output import partial_output
from nmt.utils.errors import CarouselError

JOB = {"model": ["x"], "input": [["in", 4, "hash"]]}


class Stopped(BaseException):
    """A signal, say."""


def stopped_after(path: Path, *contents: bytes) -> None:
    with pytest.raises(Stopped), partial_output(path, JOB) as lines:
        for content in contents:
            lines.add(content.count(b"\n"), content)
        raise Stopped


def test_a_job_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "out"
    stopped_after(path, b"1\n2\n", b"3\n")
    assert not path.exists()
    with partial_output(path, JOB) as lines:
        assert lines.done == 3
        lines.add(1, b"4\n")
        lines.publish()
    assert path.read_bytes() == b"1\n2\n3\n4\n"
    assert [p.name for p in path.parent.iterdir()] == ["out"]


def test_what_is_not_sure_to_be_on_the_disk_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "out"
    stopped_after(path, b"1\n")
    with (tmp_path / "out.parts" / "lines").open("ab") as file:
        file.write(b"2\nhal")
    with partial_output(path, JOB) as lines:
        assert lines.done == 1
        lines.add(1, b"zwei\n")
        lines.publish()
    assert path.read_bytes() == b"1\nzwei\n"


def test_lines_are_recorded_as_time_goes_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "_RECORD_EVERY", 0)
    with partial_output(tmp_path / "out", JOB) as lines:
        for number, content in enumerate((b"1\n2\n", b"3\n"), start=1):
            lines.add(3 - number, content)
            manifest = json.loads((tmp_path / "out.parts" / "manifest.json").read_text())
            assert (manifest["lines"], manifest["bytes"]) == (1 + number, 2 + 2 * number)
            assert (tmp_path / "out.parts" / "lines").stat().st_size == 2 + 2 * number


@pytest.mark.parametrize(
    ("changed", "names"),
    [({"model": ["y"]}, "model"), ({"model": ["y"], "input": []}, "input and model"), ({"option": 1}, "option")],
)
def test_another_job_is_refused_and_destroys_nothing(changed: dict[str, object], names: str, tmp_path: Path) -> None:
    path = tmp_path / "out"
    stopped_after(path, b"1\n")
    with pytest.raises(CarouselError, match=f"out.parts: holds a job with another {names}; call it as before"):
        partial_output(path, JOB | changed).__enter__()
    with partial_output(path, JOB) as lines:
        assert lines.done == 1


def test_a_job_that_had_nothing_yet_stands_in_nobodys_way(tmp_path: Path) -> None:
    stopped_after(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("file", ["lines", "manifest.json"])
def test_what_is_damaged_is_refused(file: str, tmp_path: Path) -> None:
    stopped_after(tmp_path / "out", b"1\n2\n")
    (tmp_path / "out.parts" / file).write_bytes(b"1")
    with pytest.raises(CarouselError, match=r"out.parts: is damaged; delete it to start afresh"):
        partial_output(tmp_path / "out", JOB).__enter__()


def test_a_job_killed_while_it_cleans_up_is_done(tmp_path: Path) -> None:
    stopped_after(tmp_path / "out", b"1\n2\n")
    (tmp_path / "out.parts" / "lines").replace(tmp_path / "out")
    with partial_output(tmp_path / "out", JOB) as lines:
        assert lines.done == 0
    assert (tmp_path / "out").read_bytes() == b"1\n2\n"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    with (
        partial_output(tmp_path / "out", JOB),
        pytest.raises(CarouselError, match="out: another nmt translate is writing it"),
    ):
        partial_output(tmp_path / "out", JOB).__enter__()


def test_a_place_that_can_not_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(CarouselError, match="is no file; choose another -o"):
        partial_output(tmp_path, JOB).__enter__()
    (tmp_path / "file").write_text("")
    with pytest.raises(CarouselError, match="can't be written"):
        partial_output(tmp_path / "file" / "out", JOB).__enter__()
