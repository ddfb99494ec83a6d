"""Trainer of a network, which runs updates, saves and restores checkpoints, and detects divergence.

Random numbers are seeded by the seed and the number of the batch, the order of the data by the seed and the epoch. The
result of an update therefore depends neither on interruptions of the run nor on the number of processes.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nmt.corpus.batching import Batch
from nmt.corpus.data_loader import DataPosition
from nmt.model.decoder import DecoderState
from nmt.model.device import to_device
from nmt.model.seq2seq import Loss
from nmt.training.checkpoints import (
    Checkpoint,
    DamagedCheckpointError,
    TrainingProgress,
    load_checkpoint,
    save_checkpoint,
)
from nmt.training.distributed import SINGLE_PROCESS, DistributedContext
from nmt.training.hardware import choose_precision
from nmt.training.reports import StopFlags, UpdateReport, WorkEstimate
from nmt.training.schedule import compute_learning_rate
from nmt.training.tasks import Network, TrainingTask
from nmt.training.weight_averaging import MovingAverage
from nmt.utils.errors import CarouselError

_SYNC_EVERY = 10  # number of updates on a GPU after which the host waits for it
_SMOOTHED_EVERY = 10  # the loss of every tenth update enters the running mean
_LOSS_DECAY = 0.8  # weight of the previous value in the running mean
_MAX_LOSS_INCREASE = 1.0  # nats per token by which the running mean may exceed its lowest value
_TIMED_BATCHES = 2  # number of batches for a time estimate, after a first one that loads and tunes kernels


class DivergenceError(CarouselError):
    """Error: the loss or its gradient is not finite, or the loss has risen sharply."""


class Trainer:
    """Trainer with gradient accumulation and clipping, AdamW, a moving average of the weights, and checkpoints."""

    def __init__(
        self, task: TrainingTask, device: torch.device, processes: DistributedContext = SINGLE_PROCESS
    ) -> None:
        """Build the network of a prepared task on a device, ready for its first update."""
        self._task, self._config, self._processes = task, task.recipe.training, processes
        self.network: Network = task.build_network().train().to(device)
        self.device = device
        self.precision = choose_precision(self._config, device)
        self.sync_every = _SYNC_EVERY if device.type == "cuda" else 1
        """Number of updates after which the host waits for the device and reads the results."""
        self.progress = TrainingProgress()
        self.moving_average = MovingAverage(self.network, self._config.ema)
        self._loader = task.create_loader(processes.rank, processes.world_size)
        self._fingerprint = task.fingerprint
        self._state: DecoderState = ()  # after the last batch, for batches that continue its text
        self._loss_module = _LossModule(self.network)
        # Averages gradients over the processes while the backward pass still runs.
        self._parallel: DistributedDataParallel | None = None
        if processes.world_size > 1:
            unused = task.has_unused_parameters
            self._parallel = DistributedDataParallel(self._loss_module, find_unused_parameters=unused)
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), betas=self._config.betas, weight_decay=self._config.weight_decay, fused=True
        )

    def run_updates(self, get_stop_flags: Callable[[], StopFlags] = StopFlags) -> Generator[UpdateReport]:
        """Train until ``max_updates`` and yield a report after each update; closing the generator ends training.

        ``get_stop_flags`` is called before each update and returns the flags of this process. Raises DivergenceError
        when training has diverged; the weights are never updated with values that are not finite.
        """
        unchecked = list[UpdateReport]()
        with self._loader.batches(self._data_position()) as batches:
            while self.progress.update < self._config.max_updates:
                report = self._run_update(list(itertools.islice(batches, self._config.accumulate)), get_stop_flags())
                unchecked.append(report)
                if report.synchronised:
                    for each in unchecked:
                        self._check_divergence(each)
                    unchecked.clear()
                yield report

    def estimate_work(self) -> WorkEstimate:
        """Estimate the remaining work by timing a few batches, whose gradients are discarded."""
        accumulate, state = self._config.accumulate, self._state
        batch_tokens = self._loader.estimate_batch_tokens(self._data_position())
        with self._loader.batches(self._data_position()) as batches:
            # DDP reorders its gradient buckets after its first synchronised pass, and sums of three or more gradients
            # depend on the order. This pass makes the order of a resumed run equal to that of an uninterrupted run.
            warm_up = enumerate(itertools.islice(batches, 1 + _TIMED_BATCHES))
            _, *seconds = (self._time_batch(batch, synchronise=number == 0) for number, (batch, _) in warm_up)
        self._state = state
        updates = self._config.max_updates - self.progress.update
        tokens = updates * accumulate * self._processes.world_size * batch_tokens
        return WorkEstimate(updates, tokens, tokens / self._loader.epoch_tokens(), updates * accumulate * min(seconds))

    def compute_loss(self, inputs: Any) -> Loss:
        """Return the loss of a batch, summed over target tokens, without label smoothing."""
        with self._autocast():
            loss: Loss = self.network.loss(inputs)
            return loss

    def save(self, path: Path) -> None:
        """Write a checkpoint that `restore` can read."""
        tensors: dict[str, Tensor] = {f"weights.{name}": p for name, p in self.network.named_parameters()}
        tensors |= {f"average.{name}": w for name, w in self.moving_average.weights.items()}
        for name, parameter in self.network.named_parameters():
            for moment, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"{moment}.{name}"] = value
        tensors |= {f"carried.{number:03}": part for number, part in enumerate(self._state)}
        save_checkpoint(path, Checkpoint(self.progress, self._fingerprint, tensors))

    @torch.no_grad()
    def restore(self, *paths: Path) -> Path | None:
        """Restore the first intact of several checkpoints and return its path, or None if there are no checkpoints.

        Only the ``paths`` of the main process are used. Raises CarouselError if all checkpoints are damaged, or if the
        first intact one belongs to other data or settings.
        """
        found = self._processes.broadcast(lambda: self._read_first_intact(paths))
        if found is None:
            return None
        path, checkpoint = found
        tensors = checkpoint.tensors
        self._optimiser.state.clear()
        for name, parameter in self.network.named_parameters():
            parameter.copy_(tensors[f"weights.{name}"])
            self.moving_average.weights[name].copy_(tensors[f"average.{name}"])
            moments = {m: tensors[f"{m}.{name}"] for m in ("exp_avg", "exp_avg_sq", "step") if f"{m}.{name}" in tensors}
            if moments:
                self._optimiser.state[parameter] = {m: value.to(parameter.device) for m, value in moments.items()}
        self._state = tuple(tensors[name].to(self.device) for name in sorted(tensors) if name.startswith("carried."))
        self.progress = checkpoint.progress
        return path

    def _read_first_intact(self, paths: Sequence[Path]) -> tuple[Path, Checkpoint] | None:
        """Return path and content of the first intact checkpoint; see `restore`."""
        damage: DamagedCheckpointError | None = None
        for path in paths:
            try:
                checkpoint = load_checkpoint(path)
            except DamagedCheckpointError as error:
                damage = damage or error
                continue
            if checkpoint.fingerprint != self._fingerprint:
                raise CarouselError(
                    f"{path}: belongs to other training text or other settings of data, tokenizer, model or batches "
                    "(or to another model, --finetune); restore them, or start again in another --out"
                )
            return path, checkpoint
        if damage:
            raise damage
        return None

    def _data_position(self) -> DataPosition:
        """Return the position in the data from which training continues."""
        return DataPosition(self.progress.epoch, self.progress.batch)

    def _run_update(self, batches: Sequence[tuple[Batch, DataPosition]], flags: StopFlags) -> UpdateReport:
        """Update the weights with the gradient of several batches; each is given with the position after it."""
        progress, parameters = self.progress, list(self.network.parameters())
        tokens = sum(batch.num_target_tokens for batch, _ in batches)
        sums = to_device(torch.tensor([0, tokens, *flags], dtype=torch.float64), self.device)
        for number, (batch, _) in enumerate(batches):
            # Every batch has its own seed, so that its dropout masks do not depend on the process that uses it.
            index = (progress.update * len(batches) + number) * self._processes.world_size + self._processes.rank
            torch.manual_seed(_derive_seed(self._config.seed, index))
            sums[0] += self._backward(batch, synchronise=number == len(batches) - 1)
        self._processes.all_reduce(sums)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        torch._foreach_mul_(gradients, (self._processes.world_size / sums[1]).to(gradients[0].dtype))
        norm = nn.utils.clip_grad_norm_(parameters, self._config.clip_norm)
        rate = progress.rate_scale * compute_learning_rate(self._config, progress.update)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        # A fused optimiser skips the step if this is 1, without a synchronisation of host and device.
        self._optimiser.found_inf = (~(sums[0] + norm).isfinite()).float()  # type: ignore[attr-defined]
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.moving_average.update(progress.update)
        progress.update += 1
        progress.epoch, progress.batch = batches[-1][1]
        numbers = torch.cat((sums, norm.to(sums).unsqueeze(0)))
        synchronised = self._is_sync_point(progress.update) or (self._processes.world_size == 1 and any(flags))
        return UpdateReport(progress.update, progress.epoch + 1, rate, synchronised, numbers)

    def _backward(self, batch: Batch, synchronise: bool) -> Tensor:
        """Accumulate the gradient of the summed loss of a batch, and return its negative log-likelihood.

        If ``synchronise`` is True, as for the last batch of an update, gradients are averaged over the processes.
        """
        config, loss_of = self._config, self._parallel or self._loss_module
        local_only = self._parallel.no_sync() if self._parallel and not synchronise else nullcontext()
        with local_only:
            with self._autocast():
                inputs = self._task.make_network_inputs(self.network, batch, self._state)
                loss: Loss = loss_of(inputs, config.label_smoothing, config.r_drop)
            (loss.objective + config.guided_alignment * loss.alignment).backward()  # type: ignore[no-untyped-call]
            self._state = tuple(part.detach() for part in loss.state)
        return loss.negative_log_likelihood

    def _time_batch(self, batch: Batch, synchronise: bool) -> float:
        """Return the duration of a forward and backward pass in seconds; its gradients are discarded."""
        start = time.perf_counter()
        self._backward(batch, synchronise)
        self._optimiser.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - start

    def _is_sync_point(self, update: int) -> bool:
        """Return True if the host reads the results of an update before it starts the next."""
        config = self._config
        intervals = (self.sync_every, config.validate_every, config.checkpoint_every, config.max_updates)
        return any(update % interval == 0 for interval in intervals)

    def _check_divergence(self, report: UpdateReport) -> None:
        """Raise DivergenceError if an update shows that training has diverged."""
        if not math.isfinite(report.loss) or not math.isfinite(report.grad_norm):
            raise DivergenceError(f"the loss or its gradient is not finite at update {report.update:,}")
        if report.update % _SMOOTHED_EVERY:
            return
        progress = self.progress
        mean = report.loss if progress.loss is None else progress.loss
        progress.loss = _LOSS_DECAY * mean + (1 - _LOSS_DECAY) * report.loss
        progress.lowest_loss = min(progress.loss, math.inf if progress.lowest_loss is None else progress.lowest_loss)
        if progress.loss > progress.lowest_loss + _MAX_LOSS_INCREASE:
            rise = f"from {progress.lowest_loss:.2f} to {progress.loss:.2f} by update {report.update:,}"
            raise DivergenceError(f"the loss has risen {rise}")

    def _autocast(self) -> AbstractContextManager[object]:
        """Return a context manager in which the network computes in the precision of the run."""
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


class _LossModule(nn.Module):
    """Module whose ``forward`` returns the loss of a network, because `DistributedDataParallel` wraps ``forward``."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Any, smoothing: float, r_drop: float) -> Loss:
        """Return the loss; see `Seq2Seq.loss`."""
        loss: Loss = self.network.loss(inputs, smoothing, r_drop)
        return loss


def _derive_seed(seed: int, index: int) -> int:
    """Return the seed of a batch, which is a hash, so that the seeds of consecutive batches are unrelated."""
    hashed = hashlib.blake2b(f"{seed} {index}".encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "little", signed=False) >> 1
