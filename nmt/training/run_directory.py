"""The run directory: what a training leaves on disk, and who may write to it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file, remove_litter, sync, write_error
from nmt.utils.locks import exclusive_lock

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class RunDirectory:
    """``DIR/model``, ``checkpoints``, ``metrics.jsonl``, ``report.html``, ``config.yaml`` and TensorBoard's events."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.model = path / "model"
        self.last = path / "checkpoints" / "last.safetensors"
        self.previous = path / "checkpoints" / "previous.safetensors"
        self.coming = path / "checkpoints" / "coming.safetensors"
        self.best = path / "checkpoints" / "best.safetensors"
        self.mean = path / "checkpoints" / "mean.safetensors"
        self.metrics = path / "metrics.jsonl"
        self.report = path / "report.html"
        self.recipe = path / "config.yaml"
        self.events = path / "tensorboard"

    def holds_a_run(self) -> bool:
        """Whether a training has written here before."""
        return any(p.exists() for p in (self.model, self.last, self.previous, self.best, self.metrics))

    def validated(self, update: int) -> Path:
        """The weights that were validated after that update, where they are kept to be averaged."""
        return self.path / "checkpoints" / f"validated-{update}.safetensors"

    def rotate(self, save: Callable[[Path], None]) -> None:
        """Let ``save`` write the last checkpoint; the one that was the last before is kept beside it.

        A process that is killed leaves at least one of them whole.
        """
        save(self.coming)
        if self.last.exists():
            self.last.replace(self.previous)
        self.coming.replace(self.last)
        sync(self.last.parent)

    def forget_later(self, checkpoint: Path) -> None:
        """Drop the checkpoints after that one, because a run goes on from it."""
        for path in self.resumable():
            if path == checkpoint:
                return
            path.unlink()

    def resumable(self) -> list[Path]:
        """The checkpoints to go on from, the last one first; a kill leaves that one as the coming one."""
        return [path for path in (self.coming, self.last, self.previous) if path.exists()]

    def records(self) -> list[dict[str, Any]]:
        """What `MetricsLog` has written."""
        return [json.loads(line) for line in _lines(self.metrics)]

    @contextmanager
    def claim(self, resume: bool, launcher: str | None = None) -> Iterator[None]:
        """Hold the directory for this process alone.

        Raises CarouselError when it holds a run and ``resume`` is off, or when another process is training in it. The
        ``launcher`` that began a run may go on with it without being told.
        """
        busy = "another nmt train is writing here; choose another --out"
        with exclusive_lock(self.path / ".lock", self.path, busy) as lock:
            lock.seek(0)
            began_it = launcher is not None and lock.read() == launcher
            if self.holds_a_run() and not resume and not began_it:
                raise CarouselError(f"{self.path}: holds a run; go on with --resume, or choose another --out")
            lock.truncate(0)
            lock.write(launcher or "")
            lock.flush()
            files = self.coming, self.best, self.mean, self.metrics, self.report, self.recipe
            for path in (self.model, *files):
                remove_litter(path)
            yield


class MetricsLog:
    """``metrics.jsonl``, and the same numbers for TensorBoard."""

    def __init__(self, run: RunDirectory, update: int, say: Callable[[str], None]) -> None:
        """Go on after ``update`` updates: what was written beyond them, before a kill or a way back, is dropped.

        ``say`` is told where TensorBoard can't go on; that costs nothing else.
        """
        from torch.utils.tensorboard import SummaryWriter

        kept = [line for line in _lines(run.metrics) if _lasts(line, update)]
        with atomic_file(run.metrics) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")
        self._file: TextIO = run.metrics.open("a", encoding="utf-8")
        self._say = say
        self._board: SummaryWriter | None = SummaryWriter(run.events, purge_step=update + 1)

    def write(self, kind: str, update: int, **values: Any) -> None:
        """Append one record; values that are None are left out of TensorBoard."""
        try:
            self._file.write(json.dumps({"kind": kind, "update": update, **values}) + "\n")
            self._file.flush()
        except OSError as error:
            raise write_error(Path(self._file.name), error) from None

        def draw(board: SummaryWriter) -> None:
            for name, value in values.items():
                if value is not None and name != "epoch":
                    board.add_scalar(f"{kind}/{name}", value, update)

        self._on_board(draw)

    def close(self) -> None:
        """Flush both."""
        with suppress(OSError):  # the record that could not be written was told of then
            self._file.close()
        self._on_board(lambda board: board.close())

    def _on_board(self, work: Callable[[SummaryWriter], None]) -> None:
        """TensorBoard is done without where it fails: the other file has the same numbers."""
        try:
            if self._board:
                work(self._board)
        except Exception as error:  # it is written by a thread, whose errors come up at the next call
            self._board = None
            self._say(f"TensorBoard's events: not written any more ({type(error).__name__}: {error})")


def _lasts(line: str, update: int) -> bool:
    """Whether a record is of that update or an earlier one; a line that is no record does not last.

    Nor do the scores of a finished model, which come again when it has finished again.
    """
    try:
        record = json.loads(line)
        return record["kind"] in ("train", "dev") and bool(float(record["update"]) <= update)
    except (ValueError, KeyError, TypeError):
        return False


def _lines(path: Path) -> list[str]:
    """Whole lines only: the last one of a killed process may be cut."""
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
