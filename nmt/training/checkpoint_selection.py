"""Selection of the weights to export: the best on the dev set, or the mean of several of the best."""

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
from nmt.training.weight_averaging import mean_weights


class CheckpointSelector:
    """Keeps the best validated weights in the run directory."""

    def __init__(self, run: RunDirectory, trainer: Trainer, average_best: int, writes: bool) -> None:
        """Create a selector that averages up to ``average_best`` weights; only the main process ``writes`` files."""
        self._run, self._trainer, self._average_best, self._writes = run, trainer, average_best, writes

    def consider(self, score: float, dev_set: DevSet) -> None:
        """Save the current weights of the network if this dev score makes them one of the best."""
        progress = self._trainer.progress
        self._consider_for_average(score)
        # The later of two equal scores counts: while BLEU is still 0, for example, it has learned more.
        if progress.best is None or score >= progress.best:
            progress.best, progress.best_update, progress.dev = score, progress.update, dev_set.fingerprint
            if self._writes:
                self.save_best()

    def save_best(self) -> None:
        """Write the current weights of the network as the best ones."""
        self._save_network(self._run.best)
        self._run.mean.unlink(missing_ok=True)

    def reconcile(self) -> None:
        """Make the list of kept weights and their files agree, which a killed run leaves different."""
        progress, folder = self._trainer.progress, self._run.best.parent
        progress.kept = [(score, update) for score, update in progress.kept if self._run.validated(update).exists()]
        listed = {self._run.validated(update) for _, update in progress.kept}
        for path in {*folder.glob("validated-*"), *folder.glob(".validated-*")} - listed:
            path.unlink(missing_ok=True)

    def select(self, dev_set: DevSet | None, log: LogFunction) -> tuple[Path, list[int]]:
        """Return the mean of the kept weights if it scores at least as well as the best ones, else the best.

        The second value lists the updates whose weights were averaged; it is empty for the best ones.
        """
        progress = self._trainer.progress
        kept = progress.kept[: self._average_best]
        if dev_set is None or progress.best is None or len(kept) < 2:
            return self._run.best, []
        save_weights(self._run.mean, mean_weights([self._run.validated(update) for _, update in kept]))
        load_weights(self._trainer.network.eval(), self._run.mean)
        score = dev_set.score(self._trainer)
        is_better = score >= progress.best
        choice = "mean" if is_better else "best"
        log(f"Mean of the {len(kept)} best checkpoints: {dev_set.format_score(score)}; exporting the {choice}")
        return (self._run.mean, [update for _, update in kept]) if is_better else (self._run.best, [])

    def needs_export(self) -> bool:
        """Return whether there are best weights that the model directory doesn't contain, by themselves or averaged."""
        exported = self._run.model / WEIGHTS
        selectable = [path for path in (self._run.best, self._run.mean) if path.exists()]
        is_current = exported.exists() and any(filecmp.cmp(exported, path, shallow=False) for path in selectable)
        return self._run.best.exists() and not is_current

    def _consider_for_average(self, score: float) -> None:
        progress = self._trainer.progress
        # After a roll-back the same updates come again; the better weights of each are kept.
        if any(update == progress.update and kept_score >= score for kept_score, update in progress.kept):
            return
        others = [entry for entry in progress.kept if entry[1] != progress.update]
        ranked = sorted([*others, (score, progress.update)], reverse=True)
        if self._average_best == 1 or (score, progress.update) not in ranked[: self._average_best]:
            return
        progress.kept = ranked[: self._average_best]
        if self._writes:
            self._save_network(self._run.validated(progress.update))
            for _, update in ranked[self._average_best :]:
                self._run.validated(update).unlink(missing_ok=True)

    def _save_network(self, path: Path) -> None:
        save_weights(path, dict(self._trainer.network.named_parameters()))
