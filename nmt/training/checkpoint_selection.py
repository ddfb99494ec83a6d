"""Selection of the weights to export: those with the best dev score, or the mean of several of the best."""

from __future__ import annotations

import filecmp
from pathlib import Path

from nmt.corpus.cache import LogFunction
from nmt.engine.torch_engine import load_weights
from nmt.model_directory.directory import WEIGHTS
from nmt.training.checkpoints import save_weights
from nmt.training.run_directory import RunDirectory
from nmt.training.tasks import DevSet
from nmt.training.trainer import Trainer
from nmt.training.weight_averaging import average_weight_files


class CheckpointSelector:
    """Selector that keeps the weights with the best dev scores in the run directory."""

    def __init__(self, run: RunDirectory, trainer: Trainer, average_best: int, writes_files: bool) -> None:
        """Create a selector that averages up to ``average_best`` checkpoints; only one process may write files."""
        self._run, self._trainer, self._average_best, self._writes_files = run, trainer, average_best, writes_files

    def save_if_among_best(self, score: float, dev_set: DevSet) -> None:
        """Save the current weights of the network if ``score``, their dev score, is among the best so far."""
        progress = self._trainer.progress
        self._save_for_average(score)
        # The later of equal scores is preferred: while BLEU is still 0, for example, later weights are better.
        if progress.best is None or score >= progress.best:
            progress.best, progress.best_update, progress.dev = score, progress.update, dev_set.fingerprint
            if self._writes_files:
                self.save_as_best()

    def save_as_best(self) -> None:
        """Write the current weights of the network to the file of the best weights."""
        self._save_network(self._run.best_weights)
        self._run.mean_weights.unlink(missing_ok=True)

    def reconcile_files(self) -> None:
        """Drop list entries without a file and files without a list entry, which a killed run may leave behind."""
        progress, folder = self._trainer.progress, self._run.best_weights.parent
        progress.kept = [entry for entry in progress.kept if self._run.validated_weights(entry[1]).exists()]
        listed = {self._run.validated_weights(update) for _, update in progress.kept}
        for path in {*folder.glob("validated-*"), *folder.glob(".validated-*")} - listed:
            path.unlink(missing_ok=True)

    def select_weights(self, dev_set: DevSet | None, log: LogFunction) -> tuple[Path, list[int]]:
        """Return the file of the mean of the kept weights if it scores at least as well as the best, else of the best.

        The second value lists the updates whose weights were averaged; it is empty for the best weights.
        """
        progress = self._trainer.progress
        kept = progress.kept[: self._average_best]
        if dev_set is None or progress.best is None or len(kept) < 2:
            return self._run.best_weights, []
        updates = [update for _, update in kept]
        save_weights(self._run.mean_weights, average_weight_files([*map(self._run.validated_weights, updates)]))
        load_weights(self._trainer.network.eval(), self._run.mean_weights)
        score = dev_set.compute_score(self._trainer)
        is_better = score >= progress.best
        choice = "mean" if is_better else "best"
        log(f"Mean of the {len(kept)} best checkpoints: {dev_set.format_score(score)}; exporting the {choice}")
        return (self._run.mean_weights, updates) if is_better else (self._run.best_weights, [])

    def needs_export(self) -> bool:
        """Return True if the model directory contains neither the best weights nor the mean of several of the best."""
        exported = self._run.model / WEIGHTS
        selectable = [path for path in (self._run.best_weights, self._run.mean_weights) if path.exists()]
        is_current = exported.exists() and any(filecmp.cmp(exported, path, shallow=False) for path in selectable)
        return self._run.best_weights.exists() and not is_current

    def _save_for_average(self, score: float) -> None:
        """Save the current weights if they may be averaged, and delete weights that they displace."""
        progress = self._trainer.progress
        # After a roll-back the same updates are repeated; the better weights of each are kept.
        if any(update == progress.update and kept_score >= score for kept_score, update in progress.kept):
            return
        others = [entry for entry in progress.kept if entry[1] != progress.update]
        ranked = sorted([*others, (score, progress.update)], reverse=True)
        if self._average_best == 1 or (score, progress.update) not in ranked[: self._average_best]:
            return
        progress.kept = ranked[: self._average_best]
        if self._writes_files:
            self._save_network(self._run.validated_weights(progress.update))
            for _, update in ranked[self._average_best :]:
                self._run.validated_weights(update).unlink(missing_ok=True)

    def _save_network(self, path: Path) -> None:
        """Write the current weights of the network to a file."""
        save_weights(path, dict(self._trainer.network.named_parameters()))
