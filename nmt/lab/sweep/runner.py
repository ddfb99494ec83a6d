"""Running a sweep: train the missing runs, each in a process of its own, and write the tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
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

LOG_FILE = "train.log"
_POLL_SECONDS = 0.1
_GRACE_SECONDS = 30  # for a run to save a checkpoint


@dataclass
class SweepOutcome:
    """State of a sweep when its command ends."""

    results: list[RunResult]
    """Results of all finished runs, also of those that had finished before."""
    failures: dict[str, str] = field(default_factory=dict)
    """Last line of the log of each failed run, by the run's name."""
    stopped: bool = False
    """True if a signal ended the sweep early."""


def run_sweep(sweep: Sweep, out: Path, jobs: int, log: Callable[[str], None]) -> SweepOutcome:
    """Train the runs of a sweep that are not finished.

    SIGINT and SIGTERM save checkpoints and end the sweep early; the next call continues from there.

    Args:
        sweep: The sweep.
        out: Output directory, with a directory per run.
        jobs: Number of runs that are trained at a time, each on one thread.
        log: Called with each line of progress.

    Raises CarouselError if a corpus is invalid, the output directory contains runs of other recipes, or another process
    is using it.
    """
    with exclusive_lock(out / ".lock", out, "is in use by another nmt study; choose another --out"):
        finished = {run.name: results.read_result(out / run.name, run) for run in sweep.runs}
        missing = [run for run in sweep.runs if finished[run.name] is None]
        log(f"{len(sweep.runs)} runs, {len(sweep.runs) - len(missing)} of them already finished")
        _prepare_corpora(missing, log)
        outcome = SweepOutcome([result for result in finished.values() if result])
        try:
            with _received_signals() as signals:
                _Runner(sweep, out, outcome, signals, log).train(missing, jobs)
        except OSError as error:
            raise write_error(out, error) from None
        write_tables(sweep, outcome.results, out)
    return outcome


def write_tables(sweep: Sweep, finished: list[RunResult], out: Path) -> None:
    """Write the results as Markdown, CSV, JSON and HTML; nothing is written before the first result."""
    if not finished:
        return
    order = {(str(run.setting), run.seed): index for index, run in enumerate(sweep.runs)}
    finished = sorted(finished, key=lambda result: order[str(result.setting), result.seed])
    rows = results.summarise_settings(sweep, finished)
    baseline = next(run.config for run in sweep.runs if run.setting == sweep.reference)
    contents = {
        "table.md": results.markdown_table(sweep, rows, baseline.model),
        "runs.csv": results.runs_as_csv(sweep, finished),
        "results.json": results.results_as_json(sweep, rows, finished),
        "report.html": render_sweep_report(sweep, rows, baseline),
    }
    for name, content in contents.items():
        with atomic_file(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _prepare_corpora(runs: list[SweepRun], log: Callable[[str], None]) -> None:
    """Prepare and cache each corpus once, before several processes would do so at the same time."""
    relevant: Any = {"data": True, "tokenizer": True, "training": {"guided_alignment"}}
    for run in {run.config.model_dump_json(include=relevant): run for run in runs}.values():
        prepare_data(run.config, log)


class _Runner:
    """Starts the training processes of a sweep and collects their results."""

    def __init__(
        self, sweep: Sweep, out: Path, outcome: SweepOutcome, signals: list[int], log: Callable[[str], None]
    ) -> None:
        self._sweep, self._out, self._outcome = sweep, out, outcome
        self._signals, self._log = signals, log

    def train(self, missing: list[SweepRun], jobs: int) -> None:
        """Train runs, ``jobs`` at a time, until all have ended or a signal arrives."""
        running: dict[str, tuple[SweepRun, subprocess.Popen[bytes]]] = {}
        try:
            while (missing and not self._signals) or running:
                while missing and len(running) < jobs and not self._signals:
                    run = missing.pop(0)
                    process = self._start(run)
                    if process:
                        running[run.name] = run, process
                time.sleep(_POLL_SECONDS)
                if self._signals and not self._outcome.stopped:
                    self._outcome.stopped = True
                    for _, process in running.values():
                        process.terminate()  # the training saves a checkpoint
                for name, (run, process) in list(running.items()):
                    if process.poll() is not None:
                        del running[name]
                        self._finish(run, process.returncode)
            self._outcome.stopped |= bool(missing)  # the signal arrived when nothing was running
        finally:
            for _, process in running.values():
                process.terminate()  # an error occurred in this process; the trainings save checkpoints
            for _, process in running.values():
                try:
                    process.wait(_GRACE_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()

    def _start(self, run: SweepRun) -> subprocess.Popen[bytes] | None:
        """Start the training of a run, once no other process trains in its directory.

        Returns None if a signal arrives while waiting. Raises CarouselError if the directory contains a run of another
        recipe.
        """
        directory = self._out / run.name
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "nmt", "train", str(self._sweep.recipe), *run.overrides]
        # The training inherits the lock and keeps it even if this process is killed.
        with (directory / ".study").open("w") as lock:
            if not try_lock(lock):
                self._log(f"{run.name}: waiting for a training that a killed nmt study left running")
            while not try_lock(lock):
                if self._signals:
                    return None
                time.sleep(_POLL_SECONDS)
            results.record_fingerprint(directory, run)
            with (directory / LOG_FILE).open("ab") as log:
                return subprocess.Popen(
                    [*command, "--out", str(directory), "--resume"],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                    pass_fds=[lock.fileno()],
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    start_new_session=True,  # a Ctrl-C at the terminal reaches the training once, from this process
                )  # fmt: skip

    def _finish(self, run: SweepRun, status: int) -> None:
        """Collect the result of a training that has ended, or record its failure."""
        directory = self._out / run.name
        result = results.collect_result(directory, run) if status == 0 else None
        if result:
            shutil.rmtree(RunDirectory(directory).last.parent, ignore_errors=True)  # no longer needed
            self._outcome.results.append(result)
            score = f"{METRIC_NAMES[self._sweep.metric]} {result.score:.2f}"
            self._log(f"{run.name}: dev loss {result.loss:.3f}, {score}, {result.seconds / 60:.1f} min")
            write_tables(self._sweep, self._outcome.results, self._out)
        elif not self._outcome.stopped:
            message = self._outcome.failures[run.name] = _last_line(directory / LOG_FILE)
            self._log(f"{run.name}: failed with status {status}: {message} (see {directory / LOG_FILE})")


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")


@contextmanager
def _received_signals() -> Iterator[list[int]]:
    """Yield a list to which the signals that ask to stop are appended."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)

    with handle_signals(receive):
        yield received
