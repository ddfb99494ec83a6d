"""Recovery of a training run: resumption from a checkpoint, and roll-back after divergence."""

from __future__ import annotations

from nmt.training.run_context import RunContext
from nmt.training.trainer import DivergenceError
from nmt.utils.errors import CarouselError

_LEARNING_RATE_FACTOR = 0.5  # applied to the learning rate after divergence
_REMEDY = "set a smaller training.learning_rate or clip_norm, or a longer warmup"


def resume_or_start(context: RunContext) -> None:
    """Resume the run from its newest intact checkpoint; if there is no checkpoint, write the first.

    Raises CarouselError if the checkpoints are damaged or belong to a run with other settings or another dev set.
    """
    run, trainer, is_main = context.directory, context.trainer, context.processes.is_main_process
    checkpoints = run.list_checkpoints() if is_main else []
    restored = trainer.restore(*checkpoints)
    if restored is None:
        context.save_checkpoint()
        return
    context.processes.run_in_all_processes(lambda: _check_dev_set(context))
    if is_main and restored != checkpoints[0]:
        context.console.print(f"{checkpoints[0]}: damaged; resuming from the checkpoint before it, {restored.name}")
        run.delete_newer_checkpoints(restored)
    progress = trainer.progress
    if progress.diverged_rate != context.config.learning_rate:  # another rate may diverge once
        progress.diverged_rate, progress.rate_scale = None, 1.0
    if is_main:
        context.selector.reconcile_files()
    scale = f", at {progress.rate_scale:g} times the learning rate after divergence" if progress.rate_scale < 1 else ""
    context.console.print(f"Resumed after update {progress.update:,}{scale}")


def roll_back(context: RunContext, error: DivergenceError) -> None:
    """Restore the checkpoint before the last one and halve the learning rate.

    Raises DivergenceError if training has diverged for the second time.
    """
    trainer, before, is_main = context.trainer, context.trainer.progress, context.processes.is_main_process
    if before.rate_scale < 1:
        raise DivergenceError(f"training diverged twice: {error}; {_REMEDY} (earlier checkpoints are kept)")
    restored = trainer.restore(*reversed(context.directory.list_checkpoints() if is_main else []))
    progress = trainer.progress
    # The best weights are kept; everything else that happened after the checkpoint is undone.
    progress.best, progress.best_update, progress.kept = before.best, before.best_update, before.kept
    progress.dev, progress.seconds = before.dev, before.seconds
    progress.rate_scale, progress.diverged_rate = _LEARNING_RATE_FACTOR, context.config.learning_rate
    if is_main:
        assert restored is not None  # `resume_or_start` writes a checkpoint before the first update
        context.directory.delete_newer_checkpoints(restored)
        context.selector.reconcile_files()
    best = "" if progress.best is None else f"; the best weights stay those of update {progress.best_update:,}"
    context.console.print(
        f"Training diverged: {error}. Continuing from update {progress.update:,} at {_LEARNING_RATE_FACTOR:g} times "
        f"the learning rate{best}; if it diverges again, {_REMEDY}"
    )
    context.save_checkpoint()
    context.open_metrics_log()


def _check_dev_set(context: RunContext) -> None:
    """Raise CarouselError if the best score so far was measured on another dev set."""
    progress, dev_set = context.trainer.progress, context.task.dev_set
    if progress.best is not None and (dev_set is None or dev_set.fingerprint != progress.dev):
        remedy = "restore it, or start again in another --out"
        raise CarouselError(f"data.dev: differs from the dev set that this run was validated on; {remedy}")
