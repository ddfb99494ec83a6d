"""Training session, which is one call of ``nmt train``: it sets up a run, trains, and exports the model."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nmt.config.schema import LanguageModelRecipe, TranslatorRecipe
from nmt.model_directory.directory import ModelDirectory
from nmt.training.checkpoint_selection import CheckpointSelector
from nmt.training.distributed import DistributedContext, connect_processes, launcher_id
from nmt.training.hardware import choose_device, choose_precision
from nmt.training.language_model_task import LanguageModelTask
from nmt.training.recovery import resume_or_start, roll_back
from nmt.training.run_context import RunContext
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import TrainingTask
from nmt.training.trainer import DivergenceError, Trainer
from nmt.training.training_loop import TrainingLoop
from nmt.training.translation_task import TranslationTask
from nmt.utils.allocator import keep_freed_memory, limit_kernel_cache
from nmt.utils.errors import CarouselError
from nmt.utils.progress import Console
from nmt.utils.signals import Interrupted, StopRequest


@dataclass(frozen=True)
class TrainingResult:
    """Result of a training session."""

    finished: bool
    """True if the training is complete; False if a signal interrupted it."""
    model: Path | None
    """Path of the model directory; None if there is none yet."""
    scores: dict[str, Any]
    """Scores of the finished model, by data set and metric."""


def train(
    recipe: TranslatorRecipe | LanguageModelRecipe,
    out: Path,
    resume: bool = False,
    parent: ModelDirectory | None = None,
) -> TrainingResult:
    """Train a model according to a recipe, in a run directory.

    On SIGINT, SIGTERM and SIGHUP, the session saves a checkpoint, exports the best weights so far and ends. Under
    ``torchrun``, several processes train together, and the main process writes the files.

    Args:
        recipe: Recipe of a translator or of a language model.
        out: Path of the run directory.
        resume: Whether to resume a run in the directory.
        parent: Translator to fine-tune; None for training from scratch.

    Raises CarouselError if the recipe, the data or the machine doesn't permit the training. Checkpoints are kept.
    """
    # Otherwise MKL would choose the number of threads per call, on which the order of sums and their rounding depend.
    torch.set_num_threads(torch.get_num_threads())
    keep_freed_memory()
    limit_kernel_cache()
    directory = RunDirectory(out)
    with (
        connect_processes(recipe.training.device) as processes,
        StopRequest().handle_signals(processes.is_main_process) as stop,
        ExitStack() as locks,
    ):
        console = Console(quiet=not processes.is_main_process)

        def set_up() -> tuple[TrainingTask, torch.device]:
            """Lock the run directory, choose the device and create the task."""
            if processes.is_main_process:
                locks.enter_context(directory.lock(resume, launcher_id()))
            device = choose_device(recipe.training, processes.local_rank)
            choose_precision(recipe.training, device)  # raises its error before the data is prepared
            if isinstance(recipe, LanguageModelRecipe):
                return LanguageModelTask(recipe, processes.world_size), device
            return TranslationTask(recipe, parent, console.print), device

        task, device = processes.run_in_all_processes(set_up)
        try:
            processes.run_main_process_first(lambda: stop.run_interruptible(lambda: task.prepare(console.print)))
        except Interrupted:
            console.print("Stopped during data preparation; the same command starts again")
            return TrainingResult(False, None, {})
        trainer = Trainer(task, device, processes)
        average_best = recipe.training.average_best
        selector = CheckpointSelector(directory, trainer, average_best, writes_files=processes.is_main_process)
        return _run_session(RunContext(task, trainer, directory, selector, processes, console, stop))


def _run_session(context: RunContext) -> TrainingResult:
    """Resume or start a run, train, and export the model."""
    trainer, directory = context.trainer, context.directory
    stopped = "during the scoring of the finished model"
    try:
        resume_or_start(context)
        context.console.print(f"Network: {_describe_network(trainer, context.processes)}")
        context.processes.run_in_all_processes(context.open_metrics_log)
        if _train_with_roll_back(context):
            if not context.processes.is_main_process:
                return TrainingResult(True, None, {})
            return TrainingResult(
                True, directory.model, context.stop.run_interruptible(lambda: _export_and_score(context))
            )
        stopped = f"after update {trainer.progress.update:,}"
        context.save_checkpoint()
    except Interrupted:
        pass
    except DivergenceError as error:
        context.end_early(str(error))
        raise
    except torch.OutOfMemoryError:
        context.end_early(f"{trainer.device} ran out of memory")
        problem = f"out of memory with batches of {context.config.batch_tokens:,} tokens"
        remedy = "set a smaller training.batch_tokens, and a larger training.accumulate to compensate"
        raise CarouselError(f"{trainer.device}: {problem}; {remedy}") from None
    finally:
        context.close_metrics_log()
    context.console.print(f"Stopped {stopped}; continue with --resume")
    context.end_early(f"a signal stopped it {stopped}")
    return TrainingResult(False, directory.model if directory.model.exists() else None, {})


def _train_with_roll_back(context: RunContext) -> bool:
    """Train until the run is complete, with one roll-back after divergence.

    Returns False if a signal interrupted the training.
    """
    while True:
        try:
            return TrainingLoop(context).run()
        except DivergenceError as error:
            roll_back(context, error)
        except Interrupted:  # the next session repeats the interrupted validation
            return False


def _export_and_score(context: RunContext) -> dict[str, Any]:
    """Export the best weights, or the last if there was no validation, score the model and return the scores."""
    trainer, log = context.trainer, context.console.print
    if trainer.progress.best is None:
        with trainer.moving_average.swap_in():
            context.selector.save_as_best()
    weights, averaged_updates = context.selector.select_weights(context.task.dev_set, log)
    summary = context.summarise(averaged_updates)
    scores = context.task.export_with_scores(context.directory, weights, summary, trainer, log)
    if metrics := _exact_match_metrics(scores):
        context.record_metrics("task", metrics)
    return scores


def _exact_match_metrics(scores: dict[str, Any]) -> dict[str, Any]:
    """Return the exact match on data sets that are synthetic tasks, for the metrics log."""
    metrics: dict[str, Any] = {}
    for name, exact in ((name, values["exact"]) for name, values in scores.items() if "exact" in values):
        metrics |= {f"{name}_exact": exact["score"], f"{name}_right_to": exact["right_to"]}
        metrics |= {f"{name}_new_questions": exact["new"]["questions"], f"{name}_new_exact": exact["new"]["score"]}
    return metrics


def _describe_network(trainer: Trainer, processes: DistributedContext) -> str:
    """Return a description of network, precision, device, threads and processes for a message."""
    threads, world_size = torch.get_num_threads(), processes.world_size
    counts = f"{threads} thread{'s' * (threads > 1)}" + f", {world_size} processes" * (world_size > 1)
    return f"{trainer.network.parameter_count():,} parameters, {trainer.precision} on {trainer.device}, {counts}"
