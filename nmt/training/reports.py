"""What is known of a run while it goes on: before it, after each update, and over some of them."""

from __future__ import annotations

import time
from functools import cached_property
from typing import NamedTuple

from torch import Tensor


class UpdateReport:
    """What one update did, in all processes together."""

    def __init__(self, update: int, epoch: int, learning_rate: float, settled: bool, numbers: Tensor) -> None:
        self.update = update
        """Counted from 1."""
        self.epoch = epoch
        """Counted from 1."""
        self.learning_rate = learning_rate
        self.settled = settled
        """Whether the numbers are at hand; else whoever asks for them waits for the GPU."""
        self._pending = numbers  # nats, target pieces, wishes to stop and to finish, norm

    @cached_property
    def _numbers(self) -> list[float]:
        return [float(number) for number in self._pending.tolist()]

    @property
    def loss(self) -> float:
        """Negative log-likelihood, nats a target piece."""
        return self._numbers[0] / self._numbers[1]

    @property
    def target_tokens(self) -> int:
        """Target pieces learned from."""
        return int(self._numbers[1])

    @property
    def grad_norm(self) -> float:
        """Before clipping."""
        return self._numbers[4]

    @property
    def stop(self) -> bool:
        """Whether some process was asked to stop; all of them see the same."""
        return self._numbers[2] > 0

    @property
    def finish(self) -> bool:
        """Whether some process says that time is up."""
        return self._numbers[3] > 0


class Wishes(NamedTuple):
    """What a process wants of all."""

    stop: bool = False
    """To stop and save, because of a signal."""
    finish: bool = False
    """To come to the end, because time is up."""


class Outlook(NamedTuple):
    """What lies before a run."""

    updates: int
    tokens: float
    """Target pieces in all."""
    epochs: float
    seconds: float
    """Of training alone, without validation."""


class Window:
    """The updates since the last record."""

    def __init__(self) -> None:
        self._reports: list[UpdateReport] = []
        self.began = time.perf_counter()
        """Of its training time; whoever does something else meanwhile moves it."""

    def add(self, report: UpdateReport) -> None:
        """One more."""
        self._reports.append(report)

    @property
    def empty(self) -> bool:
        """Whether there was no update yet."""
        return not self._reports

    def take(self, last: UpdateReport) -> dict[str, float]:
        """The record's numbers; begins a new window."""
        tokens = sum(report.target_tokens for report in self._reports)
        loss = sum(report.loss * report.target_tokens for report in self._reports) / tokens
        seconds = time.perf_counter() - self.began
        self._reports.clear()
        self.began = time.perf_counter()
        return {
            "epoch": last.epoch,
            "loss": loss,
            "learning_rate": last.learning_rate,
            "grad_norm": last.grad_norm,
            "tokens_per_second": round(tokens / seconds, 1),
        }
