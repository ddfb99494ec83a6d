"""Validation of the averaged weights during training."""

from __future__ import annotations

from nmt.training.run_context import RunContext
from nmt.training.tasks import METRIC_NAMES, DevSet


def validate(context: RunContext, dev_set: DevSet) -> None:
    """Score the averaged weights on the dev set, and save them if they are among the best so far.

    Raises:
        Interrupted: A signal came during the evaluation; nothing has changed.
    """
    trainer, processes, progress = context.trainer, context.processes, context.trainer.progress

    def evaluate() -> list[float]:
        if not processes.is_main_process:
            return [0.0, 0.0]
        return context.stop.interruptible(lambda: list(dev_set.evaluate(trainer)))

    with trainer.average.swapped_in():
        loss, score = processes.broadcast(processes.run_in_all(evaluate), trainer.device)
        metrics = dev_set.metrics(loss, score)
        context.record_metrics("dev", {"loss": loss, **metrics})
        is_better = progress.best is None or score > progress.best
        progress.stale = 0 if is_better else progress.stale + 1
        processes.run_in_all(lambda: context.selector.consider(score, dev_set))
    values = "".join(f", {METRIC_NAMES.get(key, key)} {value:.2f}" for key, value in metrics.items())
    best = " (best)" if is_better else ""
    context.console.print(f"Update {progress.update:,}: dev loss {loss:.3f}{values}{best}")
