"""Training loop, which runs updates, records metrics, validates and saves checkpoints."""

from __future__ import annotations

import math
import time
from contextlib import closing

from nmt.training.reports import MetricsWindow, StopFlags, UpdateReport
from nmt.training.run_context import RunContext
from nmt.training.tasks import METRIC_NAMES, DevSet

_LOG_EVERY = 50  # number of updates per record of the metrics log
_MIN_RECORDS = 100  # minimum number of records of a run; short runs are logged more often


class TrainingLoop:
    """Loop over updates that records metrics, validates and saves checkpoints."""

    def __init__(self, context: RunContext) -> None:
        self._context, self._config, self._trainer = context, context.config, context.trainer

    def run(self) -> bool:
        """Train until the run is complete; return False if a signal interrupts it.

        Raises DivergenceError if training diverges, and Interrupted if a signal arrives before the first update or
        during a validation, which then remains due.
        """
        self._context.processes.run_in_all_processes(lambda: self._context.stop.run_interruptible(lambda: None))
        complete = self._is_complete()
        if self._trainer.progress.due:
            complete = self._validate_and_save(complete)
        if complete:
            return True
        self._announce_work()
        return self._run_updates()

    def _run_updates(self) -> bool:
        """Run the remaining updates; return False if a signal interrupts them."""
        context, trainer, progress = self._context, self._trainer, self._trainer.progress
        last_update = self._config.max_updates
        # Metrics are recorded at synchronised updates, because reading the results of others would wait for the GPU.
        log_every = min(_LOG_EVERY, max(1, last_update // _MIN_RECORDS))
        log_every = trainer.sync_every * math.ceil(log_every / trainer.sync_every)
        window = MetricsWindow()
        clock = time.perf_counter()
        with (
            context.console.progress_bar(last_update, progress.update, "Training") as update_bar,
            closing(trainer.run_updates(self._get_stop_flags)) as updates,
        ):
            for report in updates:
                window.add(report)
                if report.synchronised:
                    update_bar(report.update, self._format_status(report))
                if report.update % log_every == 0 or report.update == last_update:
                    context.record_metrics("train", window.pop_metrics())
                progress.seconds += time.perf_counter() - clock
                clock = time.perf_counter()
                complete = self._handle_report(report)
                if complete or (report.synchronised and report.interrupted):
                    if not window.is_empty:
                        context.record_metrics("train", window.pop_metrics())
                    return complete
                window.start_time += time.perf_counter() - clock  # validation does not count as training time
                clock = time.perf_counter()
        return True

    def _handle_report(self, report: UpdateReport) -> bool:
        """Validate and save a checkpoint if they are due after this update; return True if training is complete."""
        out_of_time = report.synchronised and report.out_of_time
        complete = report.update >= self._config.max_updates or out_of_time
        if out_of_time and report.update < self._config.max_updates:
            self._context.console.print(
                f"training.max_minutes ends the training at update {report.update:,} of {self._config.max_updates:,}; "
                "raise it and use --resume to continue"
            )
        self._trainer.progress.due = complete or report.update % self._config.validate_every == 0
        return self._validate_and_save(complete)

    def _validate_and_save(self, complete: bool) -> bool:
        """Validate if ``progress.due``, save a checkpoint if it is due, and return True if training is complete.

        ``complete`` says that training is complete for another reason than the patience.
        """
        progress, dev_set = self._trainer.progress, self._context.task.dev_set
        if dev_set and progress.due:
            self._validate(dev_set)
            complete = complete or self._is_out_of_patience()
        progress.due = False
        if complete or progress.update % self._config.checkpoint_every == 0:
            self._context.save_checkpoint()
        return complete

    def _validate(self, dev_set: DevSet) -> None:
        """Validate the averaged weights, and save them if they are among the best so far."""
        context, trainer, progress = self._context, self._trainer, self._trainer.progress
        with trainer.moving_average.swap_in():
            evaluate = lambda: context.stop.run_interruptible(lambda: dev_set.evaluate(trainer))  # noqa: E731
            loss, score, metrics = context.processes.broadcast(evaluate)
            context.record_metrics("dev", {"loss": loss, **metrics})
            is_better = progress.best is None or score > progress.best
            progress.stale = 0 if is_better else progress.stale + 1
            context.processes.run_in_all_processes(lambda: context.selector.save_if_among_best(score, dev_set))
        numbers = {key: value for key, value in metrics.items() if not isinstance(value, dict)}
        values = "".join(f", {METRIC_NAMES.get(key, key)} {value:.2f}" for key, value in numbers.items())
        best = " (best)" if is_better else ""
        context.console.print(f"Update {progress.update:,}: dev loss {loss:.3f}{values}{best}")
        if by_direction := metrics.get("bleu_by_direction"):
            context.console.print("  " + ", ".join(f"{name} {value:.1f}" for name, value in by_direction.items()))

    def _get_stop_flags(self) -> StopFlags:
        """Return the stop flags of this process; only the main process checks the time limit."""
        out_of_time = self._context.processes.is_main_process and self._is_out_of_time()
        return StopFlags(self._context.stop.requested, out_of_time)

    def _is_complete(self) -> bool:
        """Return True if the run has reached its last update, its time limit or the end of its patience."""
        has_all_updates = self._trainer.progress.update >= self._config.max_updates
        return has_all_updates or self._is_out_of_time() or self._is_out_of_patience()

    def _is_out_of_time(self) -> bool:
        """Return True if the training time has reached ``training.max_minutes``."""
        minutes = self._config.max_minutes
        return minutes is not None and self._trainer.progress.seconds >= 60 * minutes

    def _is_out_of_patience(self) -> bool:
        """Return True after ``training.patience`` validations without a new best score."""
        patience = self._config.patience
        return patience is not None and self._trainer.progress.stale >= patience

    def _format_status(self, report: UpdateReport) -> str:
        """Return the text next to the progress bar: the loss, and the best dev score."""
        best, dev_set = self._trainer.progress.best, self._context.task.dev_set
        score = "" if best is None or dev_set is None else f", best {dev_set.format_score(best)}"
        return f"loss {report.loss:.2f}{score}"

    def _announce_work(self) -> None:
        """Print an estimate of the remaining work."""
        estimate, minutes = self._trainer.estimate_work(), self._config.max_minutes
        limit = f", at most {minutes:g} min in total" if minutes else ""
        tokens = float(f"{estimate.tokens:.3g}")
        self._context.console.print(
            f"Remaining: {estimate.updates:,} updates, {tokens:,.0f} target tokens, {estimate.epochs:.1f} epochs; "
            f"about {_format_duration(estimate.seconds)} on this machine, without validation{limit}"
        )


def _format_duration(seconds: float) -> str:
    """Format a duration in seconds, minutes or hours."""
    minutes = seconds / 60
    if minutes < 1:
        return f"{max(seconds, 1):.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
