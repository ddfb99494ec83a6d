"""Measurements of a training run: estimates of the remaining work, reports of updates, and averaged metrics."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from torch import Tensor


class WorkEstimate(NamedTuple):
    """Estimate of the remaining work of a training run."""

    updates: int
    """Number of updates."""
    tokens: float
    """Number of target tokens."""
    epochs: float
    """Number of epochs."""
    seconds: float
    """Training time in seconds, without validation."""


class StopFlags(NamedTuple):
    """Reasons for which one process would end training; every update sums them over all processes."""

    interrupted: bool = False
    """True if the process has received a signal to stop."""
    out_of_time: bool = False
    """True if the training time exceeds ``training.max_minutes``."""


class UpdateReport:
    """Results of one update, summed over all processes.

    Access to the loss, the gradient norm or a flag of a report that is not ``synchronised`` waits for the GPU.
    """

    def __init__(self, update: int, epoch: int, learning_rate: float, synchronised: bool, numbers: Tensor) -> None:
        self.update = update
        """Number of the update, counted from 1."""
        self.epoch = epoch
        """Number of the epoch, counted from 1."""
        self.learning_rate = learning_rate
        self.synchronised = synchronised
        """True if the trainer waits for the GPU right after the update."""
        self._pending = numbers  # negative log-likelihood, target tokens, both flags, gradient norm

    @cached_property
    def _numbers(self) -> list[float]:
        """Results as numbers on the host; the first access waits for the GPU."""
        return [float(number) for number in self._pending.tolist()]

    @property
    def loss(self) -> float:
        """Negative log-likelihood, in nats per target token."""
        return self._numbers[0] / self._numbers[1]

    @property
    def target_tokens(self) -> int:
        """Number of target tokens in the batches of the update."""
        return int(self._numbers[1])

    @property
    def grad_norm(self) -> float:
        """Norm of the gradient before clipping."""
        return self._numbers[4]

    @property
    def interrupted(self) -> bool:
        """True if any process has received a signal to stop; equal in all processes."""
        return self._numbers[2] > 0

    @property
    def out_of_time(self) -> bool:
        """True if the time limit has passed in any process; equal in all processes."""
        return self._numbers[3] > 0


class MetricsWindow:
    """Metrics over the updates since the last record of the metrics log."""

    def __init__(self) -> None:
        self._reports: list[UpdateReport] = []
        self.start_time = time.perf_counter()
        """Start of the window, as a value of `time.perf_counter`; moved forward by time not spent on training."""

    def add(self, report: UpdateReport) -> None:
        """Add the report of an update to the window."""
        self._reports.append(report)

    @property
    def is_empty(self) -> bool:
        """True if the window contains no update."""
        return not self._reports

    def pop_metrics(self) -> dict[str, float]:
        """Return the metrics of the updates in the window, and empty the window."""
        last = self._reports[-1]
        tokens = sum(report.target_tokens for report in self._reports)
        loss = sum(report.loss * report.target_tokens for report in self._reports) / tokens
        seconds = time.perf_counter() - self.start_time
        self._reports.clear()
        self.start_time = time.perf_counter()
        return {
            "epoch": last.epoch,
            "loss": loss,
            "learning_rate": last.learning_rate,
            "grad_norm": last.grad_norm,
            "tokens_per_second": round(tokens / seconds, 1),
        }


@dataclass(frozen=True)
class TrainingSummary:
    """Facts about a training run, for the model card and the training report."""

    updates: int
    """Number of completed updates."""
    best_update: int | None
    """Update of the best dev score; None without validation."""
    history: dict[str, Any]
    """Facts about the exported weights for `ModelCard.training`: updates, minutes, device and versions."""
