"""The run directory: the files that a training run leaves on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from nmt.utils.errors import CarouselError
from nmt.utils.files import remove_temporary_files, sync_to_disk
from nmt.utils.locks import exclusive_lock


class RunDirectory:
    """Paths in ``DIR``: model, checkpoints, ``metrics.jsonl``, ``report.html``, ``config.yaml``, TensorBoard events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model"
        self.last = path / "checkpoints" / "last.safetensors"
        self.previous = path / "checkpoints" / "previous.safetensors"
        self.incoming = path / "checkpoints" / "coming.safetensors"
        self.best = path / "checkpoints" / "best.safetensors"
        self.mean = path / "checkpoints" / "mean.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.report = path / "report.html"
        self.recipe = path / "config.yaml"
        self.events = path / "tensorboard"

    def contains_run(self) -> bool:
        """Return whether a training run has written here before."""
        return any(p.exists() for p in (self.model, self.last, self.previous, self.best, self.metrics))

    def validated(self, update: int) -> Path:
        """Return the path of the weights that were validated after an update and may be averaged."""
        return self.path / "checkpoints" / f"validated-{update}.safetensors"

    def rotate_checkpoints(self, save: Callable[[Path], None]) -> None:
        """Write a new last checkpoint with ``save``; the last one becomes the previous one.

        At least one of them is intact whenever the process is killed.
        """
        save(self.incoming)
        if self.last.exists():
            self.last.replace(self.previous)
        self.incoming.replace(self.last)
        sync_to_disk(self.last.parent)

    def checkpoints(self) -> list[Path]:
        """Return the existing checkpoints, the newest first. A killed rotation leaves the newest one as incoming."""
        return [path for path in (self.incoming, self.last, self.previous) if path.exists()]

    def delete_newer_checkpoints(self, checkpoint: Path) -> None:
        """Delete the checkpoints that are newer than the given one."""
        for path in self.checkpoints():
            if path == checkpoint:
                return
            path.unlink()

    @contextmanager
    def lock(self, resume: bool, launcher: str | None = None) -> Iterator[None]:
        """Reserve the directory for this process during the block, and remove temporary files of killed processes.

        Raises CarouselError if another process is training in it, or if it contains a run and ``resume`` is off. The
        ``launcher``, a ``torchrun`` process, that started a run may resume it in any case.
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
            files = self.incoming, self.best, self.mean, self.metrics, self.report, self.recipe
            for path in (self.model, *files):
                remove_temporary_files(path)
            yield
