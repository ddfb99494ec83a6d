"""State of a training run, which set-up, training loop and recovery share."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from nmt.config.loading import dump_recipe
from nmt.config.training import TrainingConfig
from nmt.evaluation.environment import package_version
from nmt.training.checkpoint_selection import CheckpointSelector
from nmt.training.distributed import DistributedContext
from nmt.training.metrics_log import MetricsLog
from nmt.training.reports import TrainingSummary
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import TrainingTask
from nmt.training.trainer import Trainer
from nmt.utils.files import atomic_file
from nmt.utils.progress import Console
from nmt.utils.signals import StopRequest


@dataclass
class RunContext:
    """Objects that make up a training run in one process."""

    task: TrainingTask
    trainer: Trainer
    directory: RunDirectory
    selector: CheckpointSelector
    processes: DistributedContext
    console: Console
    stop: StopRequest
    metrics_log: MetricsLog | None = None
    """Log of the main process; None in other processes and before `open_metrics_log`."""

    @property
    def config(self) -> TrainingConfig:
        """The ``training`` section of the recipe."""
        return self.task.recipe.training

    def open_metrics_log(self) -> None:
        """In the main process, open the metrics log for records after the current update, and write the recipe."""
        if not self.processes.is_main_process:
            return
        self.close_metrics_log()
        parent = self.task.parent
        # A comment, because the path of the parent is an argument of the command rather than a setting of the recipe.
        head = f"# --finetune {json.dumps(parent.model)}, weights with SHA-256 {parent.sha256}\n" if parent else ""
        with atomic_file(self.directory.recipe) as temporary:
            temporary.write_text(head + dump_recipe(self.task.recipe), encoding="utf-8")
        self.metrics_log = MetricsLog(self.directory, self.trainer.progress.update, self.console.print)

    def close_metrics_log(self) -> None:
        """Close the metrics log if it is open."""
        if self.metrics_log:
            self.metrics_log.close()

    def record_metrics(self, kind: str, metrics: dict[str, Any]) -> None:
        """Append metrics of the current update to the log, if it is open."""
        if self.metrics_log:
            self.metrics_log.write(kind, self.trainer.progress.update, **metrics)

    def save_checkpoint(self) -> None:
        """Write a checkpoint in the main process; an error there ends all processes."""

        def save() -> None:
            if self.processes.is_main_process:
                self.directory.rotate_checkpoints(self.trainer.save)

        self.processes.run_in_all_processes(save)

    def summarise(self, averaged_updates: Sequence[int] = ()) -> TrainingSummary:
        """Return facts about the run and its best weights, or about the mean of the weights of several updates."""
        trainer, progress = self.trainer, self.trainer.progress
        history = {
            "parameters": trainer.network.parameter_count(),
            "updates": progress.best_update or progress.update,
            **({"mean_of": sorted(averaged_updates)} if averaged_updates else {}),
            "minutes": round(progress.seconds / 60, 1),
            "precision": trainer.precision,
            "device": str(trainer.device),
            "carousel": package_version("carousel-nmt"),
            "torch": torch.__version__,
            "python": platform.python_version(),
        }
        best_update = None if progress.best is None else progress.best_update
        return TrainingSummary(progress.update, best_update, history)

    def end_early(self, reason: str) -> None:
        """Export the best weights so far and write the report of a run that ends early; ``reason`` says why."""
        if not self.processes.is_main_process:
            return
        summary = self.summarise()
        if self.selector.needs_export():
            self.console.print("Exporting the best model so far")
            self.task.export(self.directory.model, self.directory.best_weights, summary)
        self.task.write_report(self.directory, summary, reason, self.console.print)
