"""Log of training metrics as JSON lines and as TensorBoard events."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from nmt.corpus.cache import LogFunction
from nmt.training.run_directory import RunDirectory
from nmt.utils.files import atomic_file, write_error

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class MetricsLog:
    """Writer of ``metrics.jsonl`` and of the same numbers as TensorBoard events."""

    def __init__(self, run: RunDirectory, update: int, log: LogFunction) -> None:
        """Open the log of a run that continues after ``update`` updates.

        Records of later updates, which a killed or rolled-back run may have left, are deleted. If TensorBoard fails,
        ``log`` is called with a message and only the JSON lines are written.
        """
        from torch.utils.tensorboard import SummaryWriter

        kept = [line for line in _read_complete_lines(run.metrics) if _is_record_up_to(line, update)]
        with atomic_file(run.metrics) as temporary:
            temporary.write_text("".join(kept), encoding="utf-8")
        self._file: TextIO = run.metrics.open("a", encoding="utf-8")
        self._log = log
        self._board: SummaryWriter | None = SummaryWriter(run.tensorboard, purge_step=update + 1)

    def write(self, kind: str, update: int, **values: Any) -> None:
        """Append a record of a kind, such as "train" or "dev"; values that are None are not written to TensorBoard.

        A dictionary becomes a TensorBoard scalar per key.
        """
        try:
            self._file.write(json.dumps({"kind": kind, "update": update, **values}) + "\n")
            self._file.flush()
        except OSError as error:
            raise write_error(Path(self._file.name), error) from None
        for name, value in values.items():
            scalars = value if isinstance(value, dict) else {"": value}
            for key, number in scalars.items():
                if number is not None and name != "epoch":
                    self._call_tensorboard("add_scalar", f"{kind}/{name}{key and f'/{key}'}", number, update)

    def close(self) -> None:
        """Close both files."""
        with suppress(OSError):  # `write` has already reported a record that could not be written
            self._file.close()
        self._call_tensorboard("close")

    def _call_tensorboard(self, method: str, *arguments: Any) -> None:
        """Call a method of the TensorBoard writer; after an error, TensorBoard is no longer used."""
        try:
            if self._board:
                getattr(self._board, method)(*arguments)
        except Exception as error:  # TensorBoard writes in a thread and raises its errors at the next call
            self._board = None
            self._log(f"TensorBoard events: no longer written ({type(error).__name__}: {error})")


def read_metrics(run: RunDirectory) -> list[dict[str, Any]]:
    """Return the records of ``metrics.jsonl``."""
    return [json.loads(line) for line in _read_complete_lines(run.metrics)]


def _is_record_up_to(line: str, update: int) -> bool:
    """Return True if a line is a training or dev record of this update or an earlier one.

    The result is False for scores of a finished model, which are recorded again when the run finishes.
    """
    try:
        record = json.loads(line)
        return record["kind"] in ("train", "dev") and bool(float(record["update"]) <= update)
    except (ValueError, KeyError, TypeError):
        return False


def _read_complete_lines(path: Path) -> list[str]:
    """Return the lines of a file, except a last line that a killed process has truncated."""
    if not path.exists():
        return []
    return [line for line in path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
