"""Run directory, which contains the files of a training run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt.utils.errors import CarouselError
from nmt.utils.files import remove_temporary_files, sync_to_disk
from nmt.utils.locks import exclusive_lock


class RunDirectory:
    """Paths of the files of a training run: model, checkpoints, metrics, report, recipe and TensorBoard events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model"
        self.last_checkpoint = path / "checkpoints" / "last.safetensors"
        self.previous_checkpoint = path / "checkpoints" / "previous.safetensors"
        self.incoming_checkpoint = path / "checkpoints" / "coming.safetensors"
        self.best_weights = path / "checkpoints" / "best.safetensors"
        self.mean_weights = path / "checkpoints" / "mean.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.report = path / "report.html"
        self.recipe = path / "config.yaml"
        self.tensorboard = path / "tensorboard"

    def contains_run(self) -> bool:
        """Return True if a training run has written files into the directory."""
        paths = self.model, self.last_checkpoint, self.previous_checkpoint, self.best_weights, self.metrics
        return any(path.exists() for path in paths)

    def validated_weights(self, update: int) -> Path:
        """Return the path of weights that were validated after an update and may be averaged."""
        return self.path / "checkpoints" / f"validated-{update}.safetensors"

    def rotate_checkpoints(self, save: Callable[[Path], None]) -> None:
        """Write a new checkpoint by calling ``save`` with its path; the last checkpoint becomes the previous one.

        Whenever the process is killed, at least one checkpoint is intact.
        """
        save(self.incoming_checkpoint)
        if self.last_checkpoint.exists():
            self.last_checkpoint.replace(self.previous_checkpoint)
        self.incoming_checkpoint.replace(self.last_checkpoint)
        sync_to_disk(self.last_checkpoint.parent)

    def list_checkpoints(self) -> list[Path]:
        """Return the paths of the existing checkpoints, newest first."""
        paths = self.incoming_checkpoint, self.last_checkpoint, self.previous_checkpoint
        return [path for path in paths if path.exists()]

    def delete_newer_checkpoints(self, checkpoint: Path) -> None:
        """Delete the checkpoints that are newer than the given one."""
        for path in self.list_checkpoints():
            if path == checkpoint:
                return
            path.unlink()

    @contextmanager
    def lock(self, resume: bool, launcher: str | None = None) -> Iterator[None]:
        """Lock the directory within a ``with`` block, and remove temporary files of killed processes.

        Raises CarouselError if another process has locked the directory, or if it contains a run and ``resume`` is
        False. The run may also be resumed by the ``launcher``, a ``torchrun`` process, that started it.
        """
        busy = "another nmt train is writing here; choose another --out"
        with exclusive_lock(self.path / ".lock", self.path, busy) as lock_file:
            lock_file.seek(0)
            same_launcher = launcher is not None and lock_file.read() == launcher
            if self.contains_run() and not resume and not same_launcher:
                raise CarouselError(f"{self.path}: contains a run; continue it with --resume, or choose another --out")
            lock_file.truncate(0)
            lock_file.write(launcher or "")
            lock_file.flush()
            files = self.incoming_checkpoint, self.best_weights, self.mean_weights, self.metrics
            for path in (self.model, *files, self.report, self.recipe):
                remove_temporary_files(path)
            yield
