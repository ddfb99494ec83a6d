"""Execution of sweeps, which trains the missing runs, each in a separate process, and writes the tables."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
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
_GRACE_SECONDS = 30  # time in which a terminated training can save a checkpoint


@dataclass
class SweepOutcome:
    """Results and failures of a sweep when its command ends."""

    results: list[RunResult]
    """Results of all finished runs, including those that an earlier command trained."""
    failures: dict[str, str] = field(default_factory=dict)
    """Last line of the log of each failed run, by the run's name."""
    stopped: bool = False
    """True if a signal interrupted the sweep."""


def run_sweep(sweep: Sweep, out: Path, jobs: int, log: Callable[[str], None]) -> SweepOutcome:
    """Train the runs of a sweep that are not finished.

    On SIGINT and SIGTERM the runs save checkpoints and the sweep ends early; the next call resumes it.

    Args:
        sweep: The sweep.
        out: Output directory, with a subdirectory per run.
        jobs: Number of runs that are trained in parallel, each on one thread.
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
            signals: list[int] = []
            with handle_signals(lambda number, _: signals.append(number)):
                _SweepRunner(sweep, out, outcome, signals, log).train(missing, jobs)
        except OSError as error:
            raise write_error(out, error) from None
        write_tables(sweep, outcome.results, out)
    return outcome


def write_tables(sweep: Sweep, finished: list[RunResult], out: Path) -> None:
    """Write the results into ``out`` as Markdown, CSV, JSON and HTML. Without results, no files are written."""
    if not finished:
        return
    order = {(str(run.setting), run.seed): index for index, run in enumerate(sweep.runs)}
    finished = sorted(finished, key=lambda result: order[str(result.setting), result.seed])
    rows = results.summarise_settings(sweep, finished)
    baseline = next(run.config for run in sweep.runs if run.setting == sweep.baseline_setting)
    contents = {
        "table.md": results.format_markdown_table(sweep, rows, baseline.model),
        "runs.csv": results.format_runs_as_csv(sweep, finished),
        "results.json": results.format_results_as_json(sweep, rows, finished),
        "report.html": render_sweep_report(sweep, rows, baseline),
    }
    for name, content in contents.items():
        with atomic_file(out / name) as temporary:
            temporary.write_text(content, encoding="utf-8")


def _prepare_corpora(runs: list[SweepRun], log: Callable[[str], None]) -> None:
    """Prepare and cache the corpora of all runs, so that the training processes do not prepare them in parallel."""
    relevant: Any = {"data": True, "tokenizer": True, "training": {"guided_alignment"}}
    for run in {run.config.model_dump_json(include=relevant): run for run in runs}.values():
        prepare_data(run.config, log)


class _SweepRunner:
    """Runner that starts the training processes of a sweep and collects their results."""

    def __init__(
        self, sweep: Sweep, out: Path, outcome: SweepOutcome, signals: list[int], log: Callable[[str], None]
    ) -> None:
        self._sweep, self._out, self._outcome = sweep, out, outcome
        self._signals, self._log = signals, log

    def train(self, missing: list[SweepRun], jobs: int) -> None:
        """Train runs, ``jobs`` in parallel, until all training processes have exited or a signal arrives."""
        running: dict[str, tuple[SweepRun, subprocess.Popen[bytes]]] = {}
        try:
            while (missing and not self._signals) or running:
                while missing and len(running) < jobs and not self._signals:
                    run = missing.pop(0)
                    process = self._start_run(run)
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
                        self._finish_run(run, process.returncode)
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

    def _start_run(self, run: SweepRun) -> subprocess.Popen[bytes] | None:
        """Start the training process of a run as soon as no other process trains in the run's directory.

        Returns None if a signal arrives before that. Raises CarouselError if the directory contains a run of another
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

    def _finish_run(self, run: SweepRun, status: int) -> None:
        """Collect the result of a training process that has exited with ``status``, or record its failure."""
        directory = self._out / run.name
        result = results.collect_result(directory, run) if status == 0 else None
        if result:
            shutil.rmtree(RunDirectory(directory).last_checkpoint.parent, ignore_errors=True)  # no longer needed
            self._outcome.results.append(result)
            score = f"{METRIC_NAMES[self._sweep.metric]} {result.score:.2f}"
            self._log(f"{run.name}: dev loss {result.loss:.3f}, {score}, {result.seconds / 60:.1f} min")
            write_tables(self._sweep, self._outcome.results, self._out)
        elif not self._outcome.stopped:
            message = self._outcome.failures[run.name] = _read_last_line(directory / LOG_FILE)
            self._log(f"{run.name}: failed with status {status}: {message} (see {directory / LOG_FILE})")


def _read_last_line(log: Path) -> str:
    """Return the last line of a log that is not blank."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((line.strip() for line in reversed(lines) if line.strip()), "no output")
