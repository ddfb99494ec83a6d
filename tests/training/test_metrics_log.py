"""Errors of ``metrics.jsonl`` and of TensorBoard."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
from conftest import Nmt
from runs import metrics
from torch.utils.tensorboard import SummaryWriter

from nmt.training.metrics_log import MetricsLog


def test_unwritable_log_is_named(recipe: Path, tmp_path: Path, nmt: Nmt, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of TensorBoard doesn't end the run, one of ``metrics.jsonl`` does."""

    def fail(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    out = tmp_path / "run"
    monkeypatch.setattr(SummaryWriter, "add_scalar", fail)
    ran = nmt("train", recipe, "--out", out)
    assert ran.status == 0
    assert ran.err.count("TensorBoard events: no longer written (OSError: [Errno 28] No space left") == 1
    assert max(metrics(out)) == 12
    initialise = MetricsLog.__init__

    def initialise_on_a_full_disk(self: MetricsLog, *arguments: Any) -> None:
        initialise(self, *arguments)
        self._file.close()
        self._file = Path("/dev/full").open("a", encoding="utf-8")  # noqa: SIM115 - `close` does

    monkeypatch.setattr(MetricsLog, "__init__", initialise_on_a_full_disk)
    ran = nmt("train", recipe, "--out", out, "--resume", "training.max_updates=20")
    assert ran.status == 1
    assert ran.err.splitlines()[-1] == (
        "nmt: /dev/full: the disk is full; free some space (the previous content is untouched)"
    )
