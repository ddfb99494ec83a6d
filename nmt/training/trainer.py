"""The training loop.

Every update's randomness is seeded by (seed, update), the data's order by (seed, epoch): what happens at update n does
not depend on how the run came there.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nmt.config import Config, TrainingConfig
from nmt.corpus.batching import Batch, BatchLinks, make_batch, plan_epoch
from nmt.corpus.prepare import IdCorpus
from nmt.errors import CarouselError
from nmt.model.guidance import Links
from nmt.model.seq2seq import Loss, Seq2Seq
from nmt.training import checkpoint as checkpoints
from nmt.training.average import MovingAverage
from nmt.training.checkpoint import Checkpoint, Progress
from nmt.training.schedule import learning_rate


@dataclass(frozen=True)
class UpdateReport:
    """What one update did."""

    update: int
    """Counted from 1."""
    epoch: int
    """Counted from 1."""
    loss: float
    """Negative log-likelihood, nats a target piece."""
    learning_rate: float
    grad_norm: float
    """Before clipping."""
    target_tokens: int


class Trainer:
    """A network, its optimiser and its place in the data."""

    def __init__(self, network: Seq2Seq, corpus: IdCorpus, config: Config) -> None:
        """``network`` is on its device already."""
        training = config.training
        self.network, self._corpus, self._config = network, corpus, training
        self.device = next(network.parameters()).device
        self.precision = choose_precision(training, self.device)
        self.progress = Progress()
        self.average = MovingAverage(network, training.ema)
        self._fingerprint = _fingerprint(config, corpus)
        self._optimiser = torch.optim.AdamW(
            network.parameters(), betas=training.betas, weight_decay=training.weight_decay, fused=True
        )

    def updates(self) -> Iterator[UpdateReport]:
        """Train until ``max_updates``, giving a report after each; the caller may stop at any of them.

        Raises CarouselError when the loss or the gradient is not finite; the weights are then those from before.
        """
        stream = self._batches()
        while self.progress.update < self._config.max_updates:
            yield self._update([next(stream) for _ in range(self._config.accumulate)])

    def _update(self, batches: Sequence[Batch]) -> UpdateReport:
        update = self.progress.update
        torch.manual_seed(_mix(self._config.seed, update))
        tokens = sum(batch.target_tokens for batch in batches)
        negative_log_likelihood = torch.zeros((), device=self.device)
        for batch in batches:
            loss = self.batch_loss(batch, self._config.label_smoothing)
            learned = loss.smoothed + self._config.guided_alignment * loss.alignment
            (learned / tokens).backward()  # type: ignore[no-untyped-call]
            negative_log_likelihood += loss.negative_log_likelihood
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), self._config.clip_norm)
        self._refuse_nonfinite(negative_log_likelihood, norm)
        rate = learning_rate(self._config, update)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.average.update(update)
        self.progress.update += 1
        return UpdateReport(
            update=self.progress.update,
            epoch=self.progress.epoch + 1,
            loss=negative_log_likelihood.item() / tokens,
            learning_rate=rate,
            grad_norm=norm.item(),
            target_tokens=tokens,
        )

    def batch_loss(self, batch: Batch, smoothing: float = 0.0) -> Loss:
        """The summed loss of a batch, in the run's precision."""
        with self._autocast():
            return self.network.loss(
                self._tensor(batch.source),
                torch.from_numpy(batch.source_lengths),
                self._tensor(batch.target_in),
                self._tensor(batch.target_out),
                smoothing,
                None if batch.links is None else self._links(batch.links),
            )

    def save(self, path: Path) -> None:
        """Write all that `restore` needs."""
        tensors: dict[str, Tensor] = {f"weights.{name}": p for name, p in self.network.named_parameters()}
        tensors |= {f"average.{name}": w for name, w in self.average.weights.items()}
        for name, parameter in self.network.named_parameters():
            for moment, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"{moment}.{name}"] = value
        checkpoints.save(path, Checkpoint(self.progress, self._fingerprint, tensors))

    @torch.no_grad()
    def restore(self, path: Path) -> None:
        """Go on from a checkpoint. Raises CarouselError when it belongs to other data or settings."""
        checkpoint = checkpoints.load(path)
        if checkpoint.fingerprint != self._fingerprint:
            raise CarouselError(
                f"{path}: was made with other training text or other settings of data, tokenizer, model or batches; "
                "restore them, or start afresh in another --out"
            )
        tensors = checkpoint.tensors
        for name, parameter in self.network.named_parameters():
            parameter.copy_(tensors[f"weights.{name}"])
            self.average.weights[name].copy_(tensors[f"average.{name}"])
            moments = {m: tensors[f"{m}.{name}"] for m in ("exp_avg", "exp_avg_sq", "step") if f"{m}.{name}" in tensors}
            if moments:
                self._optimiser.state[parameter] = {m: value.to(parameter.device) for m, value in moments.items()}
        self.progress = checkpoint.progress

    def _batches(self) -> Iterator[Batch]:
        """Batches from the present place on, without end; the place moves as they are used."""
        lengths = self._corpus.source_lengths, self._corpus.target_lengths
        progress = self.progress
        while True:
            plan = plan_epoch(*lengths, self._config.batch_tokens, self._config.seed, progress.epoch)
            while progress.batch < len(plan):
                batch = make_batch(self._corpus, plan[progress.batch])
                progress.batch += 1
                yield batch
            progress.epoch, progress.batch = progress.epoch + 1, 0

    def _refuse_nonfinite(self, loss: Tensor, norm: Tensor) -> None:
        if not math.isfinite(loss.item()) or not math.isfinite(norm.item()):
            raise CarouselError(
                f"training.learning_rate: the loss or its gradient is not finite at update {self.progress.update + 1}; "
                "earlier checkpoints are kept: resume with a smaller learning_rate or clip_norm, or a longer warmup"
            )

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _links(self, links: BatchLinks) -> Links:
        return Links(*map(self._tensor, (links.sentences, links.targets, links.sources, links.shares)))

    def _tensor(self, ids: Any) -> Tensor:
        return torch.from_numpy(ids).to(self.device, non_blocking=True)


def choose_device(config: TrainingConfig) -> torch.device:
    """The device asked for, or the best there is. Raises CarouselError when it is not there."""
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(config.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise CarouselError(f"training.device: {config.device} is not there; use auto or cpu")
    return device


def choose_precision(config: TrainingConfig, device: torch.device) -> str:
    """fp32, or bf16 where the hardware multiplies it faster."""
    if config.precision != "auto":
        return config.precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # torch 2.11 has none
    return "bf16" if flags.get("avx512_bf16") or flags.get("amx_bf16") else "fp32"


def _fingerprint(config: Config, corpus: IdCorpus) -> str:
    """Of all that must not change when a run goes on; durations, intervals and rates may."""
    training = config.training
    parts = [
        corpus.fingerprint,
        config.model.model_dump(),
        training.seed,
        training.batch_tokens,
        training.accumulate,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def _mix(seed: int, update: int) -> int:
    """One seed of two numbers, so that neighbours have nothing in common."""
    digest = hashlib.blake2b(f"{seed} {update}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=False) >> 1
