"""One call of ``nmt study``: train what is not trained yet, each run in a process of its own, and write the tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from nmt.corpus.preparation import prepare_data
from nmt.lab.sweep import results
from nmt.lab.sweep.plan import Sweep, SweepRun
from nmt.lab.sweep.report import render_sweep_report
from nmt.lab.sweep.results import RunResult
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import METRIC_NAMES
from nmt.utils.files import atomic_file, write_error
from nmt.utils.locks import exclusive_lock, try_lock
from nmt.utils.signals import handle_signals

LOG = "train.log"
_POLL = 0.1  # seconds
_GRACE = 30  # seconds to save a checkpoint in


@dataclass
class SweepOutcome:
    """How a study ended."""

    results: list[RunResult]
    failures: dict[str, str]
    """Run -> its last words."""
    stopped: bool
    """By a signal, before its end."""


def run_sweep(study: Sweep, out: Path, jobs: int, say: Callable[[str], None]) -> SweepOutcome:
    """Train what is missing in a folder, ``jobs`` runs at once, each on one thread.

    SIGINT and SIGTERM save checkpoints and end the study early; the next call goes on. Raises CarouselError when the
    corpora are wrong or the folder holds runs of other recipes.
    """
    with exclusive_lock(out / ".lock", out, "another nmt study is at work here; choose another --out"):
        found = {run.name: results.read_result(out / run.name, run) for run in study.runs}
        waiting = [run for run in study.runs if found[run.name] is None]
        say(f"{len(study.runs)} runs, {len(study.runs) - len(waiting)} of them finished before")
        _prepare(waiting, say)
        outcome = SweepOutcome([result for result in found.values() if result], {}, stopped=False)
        try:
            with _stop_signals() as signals:
                _train(study, waiting, out, jobs, outcome, signals, say)
        except OSError as error:
            raise write_error(out, error) from None
        write_tables(study, outcome.results, out)
    return outcome


def write_tables(study: Sweep, found: list[RunResult], out: Path) -> None:
    """The table as Markdown, CSV and JSON, and the page."""
    if not found:
        return
    order = {run.name: number for number, run in enumerate(study.runs)}
    by_run = {(str(run.setting), run.seed): run.name for run in study.runs}
    found = sorted(found, key=lambda each: order[by_run[str(each.setting), each.seed]])
    rows = results.summarise_settings(study, found)
    baseline = next(run.config for run in study.runs if run.setting == study.reference)
    table = results.markdown_table(study, rows, baseline.model)
    contents = {
        "table.md": table,
        "runs.csv": results.runs_as_csv(study, found),
        "results.json": results.results_as_json(study, rows, found),
        "report.html": render_sweep_report(study, rows, baseline),
    }
    for name, content in contents.items():
        with atomic_file(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _prepare(runs: list[SweepRun], say: Callable[[str], None]) -> None:
    """Prepare the corpora once, before processes would do it at the same time."""
    matters: Any = {"data": True, "tokenizer": True, "training": {"guided_alignment"}}
    for planned in {planned.config.model_dump_json(include=matters): planned for planned in runs}.values():
        prepare_data(planned.config, say)


def _train(
    study: Sweep,
    waiting: list[SweepRun],
    out: Path,
    jobs: int,
    outcome: SweepOutcome,
    signals: list[int],
    say: Callable[[str], None],
) -> None:
    running: dict[str, tuple[SweepRun, subprocess.Popen[bytes]]] = {}
    try:
        while (waiting and not signals) or running:
            while waiting and len(running) < jobs and not signals:
                planned = waiting.pop(0)
                process = _start(study, planned, out / planned.name, signals, say)
                if process:
                    running[planned.name] = planned, process
            time.sleep(_POLL)
            if signals and not outcome.stopped:
                outcome.stopped = True
                for _, process in running.values():
                    process.terminate()  # it saves a checkpoint
            for name, (planned, process) in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    _finish(study, planned, process.returncode, out, outcome, say)
        outcome.stopped |= bool(waiting)  # a signal that came when nothing was running
    finally:
        for _, process in running.values():
            process.terminate()  # something has failed here; what they have learned is saved
        for _, process in running.values():
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _start(
    study: Sweep, planned: SweepRun, folder: Path, signals: list[int], say: Callable[[str], None]
) -> subprocess.Popen[bytes] | None:
    """The training in a process; None where a signal came before its folder was free.

    Raises CarouselError when something was trained there by another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "nmt", "train", str(study.recipe), *planned.overrides]
    # The training inherits the lock, and so has it even after the study was killed.
    with (folder / ".study").open("w") as lock:
        if not try_lock(lock):
            say(f"{planned.name}: waiting for the training that a killed study has left there")
        while not try_lock(lock):
            if signals:
                return None
            time.sleep(_POLL)
        results.record_fingerprint(folder, planned)
        with (folder / LOG).open("ab") as log:
            return subprocess.Popen(
                [*command, "--out", str(folder), "--resume"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],
                env={**os.environ, "OMP_NUM_THREADS": "1"},
                start_new_session=True,  # a signal from the keyboard is passed on once, by the study
            )  # fmt: skip


def _finish(
    study: Sweep, planned: SweepRun, status: int, out: Path, outcome: SweepOutcome, say: Callable[[str], None]
) -> None:
    folder = out / planned.name
    result = results.collect_result(folder, planned) if status == 0 else None
    if result:
        shutil.rmtree(RunDirectory(folder).last.parent, ignore_errors=True)  # nothing goes on from here
        outcome.results.append(result)
        score = f"{METRIC_NAMES[study.metric]} {result.score:.2f}"
        say(f"{planned.name}: dev loss {result.loss:.3f}, {score}, {result.seconds / 60:.1f} min")
        write_tables(study, outcome.results, out)
    elif not outcome.stopped:
        words = outcome.failures[planned.name] = _last_words(folder / LOG)
        say(f"{planned.name}: failed with status {status}: {words} (see {folder / LOG})")


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that is filled by the signals to stop."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)

    with handle_signals(receive):
        yield received
