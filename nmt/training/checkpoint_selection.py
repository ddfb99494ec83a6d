"""The weights that the dev set likes best, and the mean of some of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nmt.engine.torch_engine import load_weights
from nmt.training.checkpoints import save_weights
from nmt.training.run_directory import RunDirectory
from nmt.training.trainer import Trainer
from nmt.training.validation import DevSet
from nmt.training.weight_averaging import mean_weights


class BestWeights:
    """Keeps them in the run directory."""

    def __init__(self, run: RunDirectory, trainer: Trainer, count: int, writes: bool) -> None:
        """``count`` is of how many the mean may be shipped; ``writes`` says that this process leads."""
        self._run, self._trainer, self._count, self._writes = run, trainer, count, writes

    def keep_best(self) -> None:
        """Write the weights that are in the network now as the best ones."""
        save_weights(self._run.best, dict(self._trainer.network.named_parameters()))

    def keep(self, score: float) -> None:
        """Keep the weights that are in the network now, if their mean with others may be shipped."""
        progress = self._trainer.progress
        # Training that went back comes by the same updates again: of each the better weights are kept.
        if any(update == progress.update and before >= score for before, update in progress.kept):
            return
        others = [entry for entry in progress.kept if entry[1] != progress.update]
        ranked = sorted([*others, (score, progress.update)], reverse=True)
        if self._count == 1 or (score, progress.update) not in ranked[: self._count]:
            return
        progress.kept = ranked[: self._count]
        if self._writes:
            save_weights(self._run.validated(progress.update), dict(self._trainer.network.named_parameters()))
            for _, update in ranked[self._count :]:
                self._run.validated(update).unlink(missing_ok=True)

    def reconcile(self) -> None:
        """Forget kept weights whose file is gone, and delete files that nobody lists: a killed run leaves either."""
        progress, folder = self._trainer.progress, self._run.best.parent
        progress.kept = [(score, update) for score, update in progress.kept if self._run.validated(update).exists()]
        listed = {self._run.validated(update) for _, update in progress.kept}
        for path in {*folder.glob("validated-*"), *folder.glob(".validated-*")} - listed:
            path.unlink(missing_ok=True)

    def shipped(self, dev: DevSet | None, say: Callable[[str], None]) -> tuple[Path, list[int]]:
        """The file of the weights to ship: the mean where it scores as well as the best, else the best.

        With it the updates that the mean is of; none of the best.
        """
        progress = self._trainer.progress
        kept = progress.kept[: self._count]
        if dev is None or progress.best is None or len(kept) < 2:
            return self._run.best, []
        save_weights(self._run.mean, mean_weights([self._run.validated(update) for _, update in kept]))
        load_weights(self._trainer.network.eval(), self._run.mean)
        of_mean = dev.score(self._trainer)
        better = of_mean >= progress.best
        say(f"Mean of the {len(kept)} best: {dev.best(of_mean)}; shipping the {'mean' if better else 'best'}")
        return (self._run.mean, [update for _, update in kept]) if better else (self._run.best, [])
