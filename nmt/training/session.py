"""One call of ``nmt train``: prepare, train, validate, save, and leave a model directory behind."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import safetensors.torch
import torch

from nmt.config import Config, dump
from nmt.corpus.prepare import Prepared, prepare
from nmt.files import atomic_file
from nmt.model.seq2seq import build_network
from nmt.training.console import Console
from nmt.training.publish import Publisher
from nmt.training.run import MetricsLog, RunDirectory
from nmt.training.trainer import Trainer, UpdateReport, choose_device
from nmt.training.validation import Validator

_LOG_EVERY = 50  # updates


@dataclass(frozen=True)
class Outcome:
    """How a session ended."""

    finished: bool
    """False after a signal."""
    model: Path | None
    """The bundle, once there is one."""
    scores: dict[str, Any]
    """Of the finished model: set -> metric -> score, signature, ci."""


def train(config: Config, out: Path, resume: bool = False) -> Outcome:
    """Train by a recipe into a run directory.

    SIGINT and SIGTERM save a checkpoint and end the session early. Raises CarouselError for all that the user can
    mend; checkpoints written before are kept.
    """
    # Unless a number was set, MKL chooses one call by call, and sums in another order are other sums.
    torch.set_num_threads(torch.get_num_threads())
    run = RunDirectory(out)
    console, device = Console(), choose_device(config.training)
    with run.claim(resume), _stop_signals() as stopped:
        prepared = prepare(config, say=console.say)
        return _Session(config, run, prepared, console, device).go(stopped)


class _Session:
    """What the parts of a session share."""

    def __init__(
        self, config: Config, run: RunDirectory, prepared: Prepared, console: Console, device: torch.device
    ) -> None:
        self._config, self._run, self._prepared, self._console = config, run, prepared, console
        tokenizer = prepared.tokenizer
        network = build_network(
            config.model, len(tokenizer.source), len(tokenizer.target), tokenizer.shared, config.training.seed
        )
        self._trainer = Trainer(network.train().to(device), prepared.train, config)
        self._publisher = Publisher(config, run, prepared, self._trainer)
        self._validator = Validator(prepared.dev, tokenizer, config.data.target) if prepared.dev else None
        if run.last.exists():
            self._trainer.restore(run.last)
            console.say(f"Resumed after update {self._trainer.progress.update:,}")
        console.say(
            f"Network: {network.parameter_count() / 1e6:.1f}M parameters, "
            f"{self._trainer.precision} on {device}, {torch.get_num_threads()} threads"
        )
        with atomic_file(run.recipe) as temporary:
            temporary.write_text(dump(config), encoding="utf-8")
        self._log = MetricsLog(run, self._trainer.progress.update)

    def go(self, stopped: list[int]) -> Outcome:
        """Train to the end, or to a signal, of which ``stopped`` will tell."""
        try:
            if not self._train(stopped):
                self._save()
                self._console.say(f"Stopped after update {self._trainer.progress.update:,}; go on with --resume")
                return Outcome(False, self._run.model if self._run.model.exists() else None, {})
            return Outcome(True, self._run.model, self._finish())
        finally:
            self._log.close()

    def _train(self, stopped: list[int]) -> bool:
        """Whether training came to its end (and not to a signal)."""
        training, progress = self._config.training, self._trainer.progress
        if self._is_over() or stopped:
            return not stopped
        window = _Window()
        clock = time.perf_counter()
        with self._console.bar(training.max_updates, progress.update) as advance:
            for report in self._trainer.updates():
                window.add(report)
                advance(report.update, report.loss, progress.best)
                if report.update % _LOG_EVERY == 0 or report.update == training.max_updates:
                    self._log.write("train", report.update, **window.take(report))
                progress.seconds += time.perf_counter() - clock
                clock = time.perf_counter()
                over = self._is_over()
                if self._validator and (report.update % training.validate_every == 0 or over):
                    self._validate(self._validator)
                    over = self._is_over()  # patience may have come to its end
                    window.restart()
                if report.update % training.checkpoint_every == 0 or over:
                    self._save()
                if over:
                    return True
                if stopped:
                    return False
        return True

    def _is_over(self) -> bool:
        training, progress = self._config.training, self._trainer.progress
        out_of_time = training.max_minutes is not None and progress.seconds >= 60 * training.max_minutes
        out_of_patience = training.patience is not None and progress.stale >= training.patience
        return progress.update >= training.max_updates or out_of_time or out_of_patience

    def _validate(self, validator: Validator) -> None:
        """Score the averaged weights, and keep them when they are the best so far."""
        progress = self._trainer.progress
        with self._trainer.average.in_place():
            loss, bleu = validator.loss(self._trainer), validator.bleu(self._trainer)
            self._log.write("dev", progress.update, loss=loss, bleu=bleu)
            better = progress.best is None or bleu > progress.best
            progress.stale = 0 if better else progress.stale + 1
            if better or bleu == progress.best:  # of equals the later one: at BLEU 0, say, it has learned more
                progress.best, progress.best_update = bleu, progress.update
                self._keep_best()
            self._console.say(
                f"Update {progress.update:,}: dev loss {loss:.3f}, BLEU {bleu:.2f}" + (" (best)" if better else "")
            )

    def _save(self) -> None:
        self._trainer.save(self._run.last)

    def _keep_best(self) -> None:
        """Write the weights that are in the network now as the best ones, and a bundle of them."""
        weights = dict(self._trainer.network.named_parameters())
        content = safetensors.torch.save({name: w.detach().cpu().contiguous() for name, w in weights.items()})
        with atomic_file(self._run.best) as temporary:
            temporary.write_bytes(content)
        self._publisher.write()

    def _finish(self) -> dict[str, Any]:
        """Publish the best weights, or the last where none were validated."""
        if self._trainer.progress.best is None:
            with self._trainer.average.in_place():
                self._keep_best()
        return self._publisher.finish(self._console.say)


class _Window:
    """The updates since the last record."""

    def __init__(self) -> None:
        self._reports: list[UpdateReport] = []
        self._began = time.perf_counter()

    def add(self, report: UpdateReport) -> None:
        self._reports.append(report)

    def take(self, last: UpdateReport) -> dict[str, float]:
        """The record's numbers; begins a new window."""
        tokens = sum(report.target_tokens for report in self._reports)
        seconds = time.perf_counter() - self._began
        loss = sum(report.loss * report.target_tokens for report in self._reports) / tokens
        self.restart()
        return {
            "epoch": last.epoch,
            "loss": loss,
            "learning_rate": last.learning_rate,
            "grad_norm": last.grad_norm,
            "tokens_per_second": round(tokens / seconds, 1),
        }

    def restart(self) -> None:
        """Forget: a validation lies between, which is not training time."""
        self._reports.clear()
        self._began = time.perf_counter()


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """A list that is filled by SIGINT or SIGTERM; a second signal is as deadly as ever."""
    received: list[int] = []

    def receive(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, previous[number])

    previous: dict[int, Any] = {n: signal.signal(n, receive) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
