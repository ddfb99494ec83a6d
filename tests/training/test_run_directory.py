"""Locking of run directories."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Nmt

from nmt.training.run_directory import RunDirectory
from nmt.utils.errors import CarouselError


def test_second_process_in_a_run_directory_is_refused(recipe: Path, tmp_path: Path, nmt: Nmt) -> None:
    with RunDirectory(tmp_path / "run").lock(resume=False):
        ran = nmt("train", recipe, "--out", tmp_path / "run")
    assert ran.status == 1
    assert "another nmt train is writing here" in ran.err


def test_launcher_of_a_run_resumes_it_without_the_option(tmp_path: Path) -> None:
    run, refusal = RunDirectory(tmp_path / "run"), "contains a run; continue it with --resume"
    with run.lock(resume=False, launcher="machine 12 345"):
        run.metrics.write_text("")
    for other in (None, "machine 12 346"):
        with pytest.raises(CarouselError, match=refusal):
            run.lock(resume=False, launcher=other).__enter__()
    with run.lock(resume=False, launcher="machine 12 345"):
        pass
    with run.lock(resume=True):  # from now on the run doesn't belong to the launcher
        pass
    with pytest.raises(CarouselError, match=refusal):
        run.lock(resume=False, launcher="machine 12 345").__enter__()
