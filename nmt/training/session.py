"""One call of ``nmt train``: prepare, train, validate, save, and leave a model directory behind."""

from __future__ import annotations

import json
import math
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch

from nmt.config.loading import dump_recipe
from nmt.config.schema import LanguageModelRecipe, TranslatorRecipe
from nmt.corpus.preparation import PreparedData, prepare_data
from nmt.engine.torch_engine import load_weights
from nmt.model.language_model import build_language_model
from nmt.model.seq2seq import Seq2Seq, build_network
from nmt.model_directory.card import ParentModel
from nmt.model_directory.directory import ModelDirectory
from nmt.training.checkpoint_selection import BestWeights
from nmt.training.distributed import Processes, launcher, processes
from nmt.training.finetuning import adopted, origins
from nmt.training.hardware import choose_device, choose_precision
from nmt.training.language_model import (
    LanguageModelPublisher,
    TextScore,
    language_model_trainer,
    prepare_language_model_text,
)
from nmt.training.model_export import Publisher
from nmt.training.reports import UpdateReport, Window, Wishes
from nmt.training.run_directory import MetricsLog, RunDirectory
from nmt.training.trainer import DivergenceError, Trainer, translator_trainer
from nmt.training.validation import WORDS, DevSet, Validator
from nmt.utils.allocator import keep_freed_memory, limit_kernel_cache
from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file
from nmt.utils.progress import Console
from nmt.utils.signals import Interrupted, StopRequest

_LOG_EVERY = 50  # updates; fewer in a run that would have less than so many points of a curve:
_POINTS = 100
_SMALLER = 0.5  # the learning rate after training has diverged


@dataclass(frozen=True)
class Outcome:
    """How a session ended."""

    finished: bool
    """False after a signal."""
    model: Path | None
    """The bundle, once there is one."""
    scores: dict[str, Any]
    """Of the finished model: set -> metric -> score, signature, ci."""


def train(
    config: TranslatorRecipe | LanguageModelRecipe, out: Path, resume: bool = False, start: ModelDirectory | None = None
) -> Outcome:
    """Train by a recipe into a run directory, from new weights or from those of a bundle.

    SIGINT, SIGTERM and SIGHUP save a checkpoint and end the session early. Under ``torchrun`` several processes train
    together, and the first of them writes. Raises CarouselError for all that the user can mend; checkpoints written
    before are kept.
    """
    # Unless a number was set, MKL chooses one call by call, and sums in another order are other sums.
    torch.set_num_threads(torch.get_num_threads())
    keep_freed_memory()
    limit_kernel_cache()
    run = RunDirectory(out)
    with (
        processes(config.training.device) as joined,
        StopRequest().awaited(joined.is_main_process) as stop,
        ExitStack() as held,
    ):
        console = Console(quiet=not joined.is_main_process)

        def begin() -> tuple[TranslatorRecipe | LanguageModelRecipe, torch.device]:
            if joined.is_main_process:
                held.enter_context(run.claim(resume, launcher()))
            if isinstance(config, LanguageModelRecipe) and config.training.unroll and joined.world > 1:
                raise CarouselError("training.unroll: streams are read by one process; start it without torchrun")
            device = choose_device(config.training, joined.local_rank)
            choose_precision(config.training, device)  # what cannot be is said before anything is prepared
            if start and isinstance(config, TranslatorRecipe):
                return adopted(config, start, console.print), device
            return config, device

        settled, device = joined.together(begin)
        try:
            if isinstance(settled, LanguageModelRecipe):
                work = _of_text(settled, run, joined, console, stop, device)
            else:
                work = _of_pairs(settled, run, joined, console, stop, device, start)
        except Interrupted:
            console.print("Stopped while the text was being prepared; the same command begins again")
            return Outcome(False, None, {})
        try:
            return _Session(settled, run, work, joined, console, stop).go()
        except torch.OutOfMemoryError:
            raise CarouselError(
                f"{device} has no memory left for batches of {settled.training.batch_tokens:,} tokens; set a smaller "
                "training.batch_tokens, and training.accumulate to make up for it"
            ) from None


class _Work(NamedTuple):
    """What a session trains, validates and publishes."""

    trainer: Trainer
    publisher: Publisher | LanguageModelPublisher
    dev: DevSet | None
    origin: ParentModel | None = None
    """Of the weights, where they are not new."""


def _of_pairs(
    config: TranslatorRecipe,
    run: RunDirectory,
    joined: Processes,
    console: Console,
    stop: StopRequest,
    device: torch.device,
    start: ModelDirectory | None,
) -> _Work:
    """A translator. Raises Interrupted when a signal comes before its text is prepared."""
    tokenizer = start.tokenizer if start else None
    prepared = joined.main_process_first(
        lambda: stop.interrupts(lambda: prepare_data(config, console.print, tokenizer))
    )
    network = _network(config, prepared, start).train().to(device)
    origin = origins(start)[0] if start else None
    trainer = translator_trainer(network, prepared, config, joined, origin.sha256 if origin else None)
    dev = Validator(prepared.dev, prepared.tokenizer, config.data) if prepared.dev else None
    return _Work(trainer, Publisher(config, run, prepared, trainer, start), dev, origin)


def _of_text(
    recipe: LanguageModelRecipe,
    run: RunDirectory,
    joined: Processes,
    console: Console,
    stop: StopRequest,
    device: torch.device,
) -> _Work:
    """A language model. Raises Interrupted likewise."""
    prepared = joined.main_process_first(
        lambda: stop.interrupts(lambda: prepare_language_model_text(recipe, console.print))
    )
    network = build_language_model(recipe.model, len(prepared.vocabulary), recipe.training.seed).train().to(device)
    trainer = language_model_trainer(network, prepared, recipe, joined)
    carried = recipe.training.unroll is not None
    dev = TextScore(prepared.dev, prepared.vocabulary, carried) if prepared.dev else None
    return _Work(trainer, LanguageModelPublisher(recipe, run, prepared, trainer), dev)


def _network(config: TranslatorRecipe, prepared: PreparedData, start: ModelDirectory | None) -> Seq2Seq:
    tokenizer = prepared.tokenizer
    network = build_network(
        config.model, len(tokenizer.source), len(tokenizer.target), tokenizer.shared, config.training.seed
    )
    if start and start.weights:
        load_weights(network, start.weights)
    return network


class _Session:
    """What the parts of a session share."""

    def __init__(
        self,
        config: TranslatorRecipe | LanguageModelRecipe,
        run: RunDirectory,
        work: _Work,
        joined: Processes,
        console: Console,
        stop: StopRequest,
    ) -> None:
        self._config, self._run, self._console, self._stop = config, run, console, stop
        self._trainer, self._publisher, self._dev, self._origin = work
        self._processes = joined
        self._weights = BestWeights(run, self._trainer, config.training.average_best, joined.is_main_process)
        trainer = self._trainer
        self._resume()
        console.print(
            f"Network: {trainer.network.parameter_count() / 1e6:.1f}M parameters, {trainer.precision} on "
            f"{trainer.device}, {torch.get_num_threads()} threads"
            + (f", {joined.world} processes" if joined.world > 1 else "")
        )
        self._log = joined.together(self._open_log)

    def go(self) -> Outcome:
        """Train to the end, or to a signal."""
        try:
            if not self._train_despite_divergence():
                self._save()
                return self._stopped(f"after update {self._trainer.progress.update:,}")
            if not self._processes.is_main_process:
                return Outcome(True, None, {})
            return Outcome(True, self._run.model, self._stop.interrupts(self._finish))
        except Interrupted:
            return self._stopped("while the finished model was being scored")
        finally:
            if self._log:
                self._log.close()

    def _stopped(self, when: str) -> Outcome:
        """A signal's."""
        self._console.print(f"Stopped {when}; go on with --resume")
        self._report(f"a signal stopped it {when}")
        return Outcome(False, self._run.model if self._run.model.exists() else None, {})

    def _train_despite_divergence(self) -> bool:
        """As `_train`; what diverges gets a second try from an earlier checkpoint."""
        while True:
            try:
                return self._train()
            except DivergenceError as error:
                self._roll_back(error)
            except Interrupted:  # a validation, which the next call makes up for
                return False

    def _train(self) -> bool:
        """Whether training came to its end (and not to a signal)."""
        progress = self._trainer.progress
        if self._processes.any(self._stop.made, self._trainer.device):
            return False
        over = self._is_over()
        if progress.due:
            over = self._validate_and_save(over)
        if over:
            return True
        self._announce()
        most = self._config.training.max_updates
        settles_every = self._trainer.settles_every  # the numbers are at hand then; asking in between would wait
        log_every = settles_every * math.ceil(min(_LOG_EVERY, max(1, most // _POINTS)) / settles_every)
        window = Window()
        clock = time.perf_counter()
        wishes = lambda: Wishes(self._stop.made, self._processes.is_main_process and self._is_out_of_time())  # noqa: E731
        with (
            self._console.progress_bar(most, progress.update, "Training") as show_progress,
            closing(self._trainer.updates(wishes)) as updates,
        ):
            for report in updates:
                window.add(report)
                if report.settled:
                    best = f", best {self._dev.best(progress.best)}" if self._dev and progress.best is not None else ""
                    show_progress(report.update, f"loss {report.loss:.2f}{best}")
                if report.update % log_every == 0 or report.update == most:
                    self._record(report.update, window.take(report))
                progress.seconds += time.perf_counter() - clock
                clock = time.perf_counter()
                over = self._attend(report)
                if over or (report.settled and report.stop):
                    if not window.empty:
                        self._record(report.update, window.take(report))
                    return over
                window.began += time.perf_counter() - clock  # validating is no training time
                clock = time.perf_counter()
        return True

    def _attend(self, report: UpdateReport) -> bool:
        """Validate and save when it is time; whether training is over."""
        training = self._config.training
        over = report.update >= training.max_updates or (report.settled and report.finish)
        self._trainer.progress.due = over or report.update % training.validate_every == 0
        return self._validate_and_save(over)

    def _validate_and_save(self, over: bool) -> bool:
        """Do what is due of it; whether training is over, as it may have been before."""
        progress = self._trainer.progress
        if self._dev and progress.due:
            self._validate(self._dev)
            over = over or self._is_out_of_patience()
        progress.due = False
        if over or progress.update % self._config.training.checkpoint_every == 0:
            self._save()
        return over

    def _is_over(self) -> bool:
        updates = self._trainer.progress.update
        return updates >= self._config.training.max_updates or self._is_out_of_time() or self._is_out_of_patience()

    def _is_out_of_time(self) -> bool:
        minutes = self._config.training.max_minutes
        return minutes is not None and self._trainer.progress.seconds >= 60 * minutes

    def _is_out_of_patience(self) -> bool:
        patience = self._config.training.patience
        return patience is not None and self._trainer.progress.stale >= patience

    def _announce(self) -> None:
        """Say how much work lies ahead."""
        outlook, minutes = self._trainer.outlook(), self._config.training.max_minutes
        limit = f", at most {minutes:g} min in all" if minutes else ""
        tokens = float(f"{outlook.tokens:.3g}")
        self._console.print(
            f"Ahead: {outlook.updates:,} updates, {tokens:,.0f} target pieces, {outlook.epochs:.1f} epochs; "
            f"about {_duration(outlook.seconds)} on this machine, without validation{limit}"
        )

    def _validate(self, dev: DevSet) -> None:
        """Score the averaged weights, and keep them when they are among the best so far."""
        progress, update = self._trainer.progress, self._trainer.progress.update
        with self._trainer.average.in_place():
            found = self._processes.together(lambda: self._measured(dev))
            loss, score = self._processes.share(found, self._trainer.device)
            metrics = dev.metrics(loss, score)
            self._record(update, {"loss": loss, **metrics}, kind="dev")
            better = progress.best is None or score > progress.best
            progress.stale = 0 if better else progress.stale + 1
            self._processes.together(lambda: self._keep(score, dev))
        scored = "".join(f", {WORDS.get(key, key)} {value:.2f}" for key, value in metrics.items())
        self._console.print(f"Update {update:,}: dev loss {loss:.3f}{scored}" + (" (best)" if better else ""))

    def _measured(self, dev: DevSet) -> list[float]:
        """Loss and score of the weights in the network, in the process that leads."""
        if not self._processes.is_main_process:
            return [0.0, 0.0]
        return self._stop.interrupts(lambda: list(dev.measure(self._trainer)))

    def _keep(self, score: float, dev: DevSet) -> None:
        """Keep the weights in the network, if that score makes them one of the best."""
        progress = self._trainer.progress
        self._weights.keep(score)
        # Of equals the later one: at BLEU 0, say, it has learned more.
        if progress.best is None or score >= progress.best:
            progress.best, progress.best_update, progress.dev = score, progress.update, dev.fingerprint
            if self._processes.is_main_process:
                self._weights.keep_best()
                self._publisher.write(self._run.best)

    def _record(self, update: int, values: dict[str, float], kind: str = "train") -> None:
        if self._log:
            self._log.write(kind, update, **values)

    def _save(self) -> None:
        self._processes.together(
            lambda: self._run.rotate(self._trainer.save) if self._processes.is_main_process else None
        )

    def _resume(self) -> None:
        """Go on from the last checkpoint if there is one, else write the first."""
        checkpoints = self._run.resumable() if self._processes.is_main_process else []
        source = self._trainer.restore(*checkpoints)
        if source is None:
            self._save()
            return
        self._processes.together(self._check_dev)
        if self._processes.is_main_process and source != checkpoints[0]:
            self._console.print(f"{checkpoints[0]}: is damaged; going on from the checkpoint before it, {source.name}")
            self._run.forget_later(source)
        progress, rate = self._trainer.progress, self._config.training.learning_rate
        if progress.diverged_rate != rate:  # another rate has another chance
            progress.diverged_rate, progress.rate_scale = None, 1.0
        if self._processes.is_main_process:
            self._weights.reconcile()
        slower = f", at {progress.rate_scale:g} times the rate, as it has diverged" if progress.rate_scale < 1 else ""
        self._console.print(f"Resumed after update {progress.update:,}{slower}")

    def _check_dev(self) -> None:
        """Raise CarouselError where the best score so far is of another dev set."""
        progress = self._trainer.progress
        if progress.best is not None and (self._dev is None or self._dev.fingerprint != progress.dev):
            raise CarouselError(
                "data.dev: is not what this run was validated on so far; restore it, or start afresh in another --out"
            )

    def _roll_back(self, error: DivergenceError) -> None:
        """Go on from the checkpoint before the last with a smaller rate, once; raise CarouselError the next time."""
        advice = "set a smaller training.learning_rate or clip_norm, or a longer warmup"
        before = self._trainer.progress
        if before.rate_scale < 1:
            self._report(f"{error}, for the second time")
            raise CarouselError(f"{error}, for the second time; earlier checkpoints are kept: {advice}")
        # The one before the last, where there is one.
        source = self._trainer.restore(*reversed(self._run.resumable() if self._processes.is_main_process else []))
        progress = self._trainer.progress
        # What was best is best, wherever training goes on from; all else that came later is forgotten.
        progress.best, progress.best_update, progress.kept = before.best, before.best_update, before.kept
        progress.dev = before.dev
        progress.rate_scale, progress.diverged_rate = _SMALLER, self._config.training.learning_rate
        progress.seconds = before.seconds
        if self._processes.is_main_process:
            assert source is not None  # the first was written before all training
            self._run.forget_later(source)
            self._weights.reconcile()
        best = "" if progress.best is None else f"; the best weights stay those of {progress.best_update:,}"
        self._console.print(
            f"Training diverged: {error}. Going on from update {progress.update:,} with {_SMALLER:g} times the "
            f"learning rate{best}; if that fails too, {advice}"
        )
        self._save()
        if self._log:
            self._log.close()
            self._log = self._open_log()

    def _report(self, reason: str) -> None:
        """Leave the curves of a translator's training that ends early."""
        if self._processes.is_main_process and isinstance(self._publisher, Publisher):
            self._publisher.end_early(reason, self._console.print)

    def _open_log(self) -> MetricsLog | None:
        """The log of the process that leads, with the recipe beside it."""
        if not self._processes.is_main_process:
            return None
        origin = self._origin
        # No key of the recipe: whoever trains by it again names the model again.
        start = f"# --from {json.dumps(origin.model)}, weights with SHA-256 {origin.sha256}\n" if origin else ""
        with atomic_file(self._run.recipe) as temporary:
            temporary.write_text(start + dump_recipe(self._config), encoding="utf-8")
        return MetricsLog(self._run, self._trainer.progress.update, self._console.print)

    def _finish(self) -> dict[str, Any]:
        """Publish the best weights, or the last where none were validated."""
        if self._trainer.progress.best is None:
            with self._trainer.average.in_place():
                self._weights.keep_best()
                self._publisher.write(self._run.best)
        weights, mean_of = self._weights.shipped(self._dev, self._console.print)
        scores = self._publisher.finish(weights, mean_of, self._console.print)
        of_tasks = {
            f"{name}_{key}": value
            for name, metrics in scores.items()
            if "exact" in metrics
            for key, value in _task_record(metrics["exact"]).items()
        }
        if of_tasks:
            self._record(self._trainer.progress.update, of_tasks, kind="task")
        return scores


def _task_record(exact: dict[str, Any]) -> dict[str, Any]:
    new = exact["new"]
    return {
        "exact": exact["score"], "right_to": exact["right_to"],
        "new_questions": new["questions"], "new_exact": new["score"],
    }  # fmt: skip


def _duration(seconds: float) -> str:
    minutes = seconds / 60
    if minutes < 1:
        return f"{max(seconds, 1):.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
