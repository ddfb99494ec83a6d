"""The trainer of a network: updates, checkpoints and the detection of divergence.

The randomness of a batch is seeded by (seed, its number), and the order of the data by (seed, epoch): the result of an
update depends neither on interruptions of the run before it nor on the number of processes that share the work.
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
from nmt.training.schedule import learning_rate
from nmt.training.tasks import Network, TrainingTask
from nmt.training.weight_averaging import MovingAverage
from nmt.utils.errors import CarouselError

_SYNC_EVERY = 10  # updates, on a GPU
_SMOOTHED_EVERY = 10  # updates whose last one enters the running mean of the loss
_LOSS_DECAY = 0.8  # of this mean
_EXPLODED = 1.0  # nats per token by which the running mean may exceed its lowest value
_TIMED_BATCHES = 2  # after one that loads and tunes kernels


class DivergenceError(CarouselError):
    """The loss or its gradient is not finite, or the loss has exploded."""


class Trainer:
    """Trains a network: forward and backward passes, gradient clipping, AdamW, moving average, checkpoints."""

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
        self.average = MovingAverage(self.network, self._config.ema)
        self._loader = task.loader(processes.rank, processes.world_size)
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

    def updates(self, stop_flags: Callable[[], StopFlags] = StopFlags) -> Generator[UpdateReport]:
        """Train until ``max_updates`` and yield a report after each update; closing the generator ends training.

        Each update calls ``stop_flags`` for the flags of this process. Raises DivergenceError when training has
        diverged; the weights are never updated with values that are not finite.
        """
        unchecked = list[UpdateReport]()
        with self._loader.batches(self._position()) as batches:
            while self.progress.update < self._config.max_updates:
                report = self._update(list(itertools.islice(batches, self._config.accumulate)), stop_flags())
                unchecked.append(report)
                if report.synchronised:
                    for each in unchecked:
                        self._check_divergence(each)
                    unchecked.clear()
                yield report

    def estimate_work(self) -> WorkEstimate:
        """Estimate the remaining work; the gradients of the batches that are timed for this are discarded."""
        accumulate, state = self._config.accumulate, self._state
        batch_tokens = self._loader.estimate_batch_tokens(self._position())
        with self._loader.batches(self._position()) as batches:
            # After its first synchronised pass DDP reorders its gradient buckets, and sums of three or more gradients
            # depend on the order. With that pass here, a resumed run has the order of an uninterrupted one.
            warm_up = enumerate(itertools.islice(batches, 1 + _TIMED_BATCHES))
            _, *seconds = (self._time_batch(batch, synchronise=number == 0) for number, (batch, _) in warm_up)
        self._state = state
        updates = self._config.max_updates - self.progress.update
        tokens = updates * accumulate * self._processes.world_size * batch_tokens
        return WorkEstimate(updates, tokens, tokens / self._loader.epoch_tokens(), updates * accumulate * min(seconds))

    def compute_loss(self, inputs: Any) -> Loss:
        """Return the summed loss of the network's inputs without smoothing, in the precision of the run."""
        with self._autocast():
            loss: Loss = self.network.loss(inputs)
            return loss

    def save(self, path: Path) -> None:
        """Write a checkpoint that `restore` can read."""
        tensors: dict[str, Tensor] = {f"weights.{name}": p for name, p in self.network.named_parameters()}
        tensors |= {f"average.{name}": w for name, w in self.average.weights.items()}
        for name, parameter in self.network.named_parameters():
            for moment, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"{moment}.{name}"] = value
        tensors |= {f"carried.{number:03}": part for number, part in enumerate(self._state)}
        save_checkpoint(path, Checkpoint(self.progress, self._fingerprint, tensors))

    @torch.no_grad()
    def restore(self, *paths: Path) -> Path | None:
        """Load the first intact one of the main process's checkpoints, and return its path; None without checkpoints.

        Raises CarouselError if all are damaged, or if the first intact one belongs to other data or settings.
        """
        found = self._processes.broadcast(lambda: self._read_first_intact(paths))
        if found is None:
            return None
        path, checkpoint = found
        tensors = checkpoint.tensors
        self._optimiser.state.clear()
        for name, parameter in self.network.named_parameters():
            parameter.copy_(tensors[f"weights.{name}"])
            self.average.weights[name].copy_(tensors[f"average.{name}"])
            moments = {m: tensors[f"{m}.{name}"] for m in ("exp_avg", "exp_avg_sq", "step") if f"{m}.{name}" in tensors}
            if moments:
                self._optimiser.state[parameter] = {m: value.to(parameter.device) for m, value in moments.items()}
        self._state = tuple(tensors[name].to(self.device) for name in sorted(tensors) if name.startswith("carried."))
        self.progress = checkpoint.progress
        return path

    def _read_first_intact(self, paths: Sequence[Path]) -> tuple[Path, Checkpoint] | None:
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

    def _position(self) -> DataPosition:
        return DataPosition(self.progress.epoch, self.progress.batch)

    def _update(self, batches: Sequence[tuple[Batch, DataPosition]], flags: StopFlags) -> UpdateReport:
        progress, parameters = self.progress, list(self.network.parameters())
        tokens = sum(batch.num_target_tokens for batch, _ in batches)
        sums = to_device(torch.tensor([0, tokens, *flags], dtype=torch.float64), self.device)
        for number, (batch, _) in enumerate(batches):
            # One seed per batch of all processes: its dropout masks are the same whichever process uses it.
            index = progress.update * len(batches) + number
            torch.manual_seed(
                _derive_seed(self._config.seed, index * self._processes.world_size + self._processes.rank)
            )
            sums[0] += self._backward(batch, synchronise=number == len(batches) - 1)
        self._processes.all_reduce(sums)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        torch._foreach_mul_(gradients, (self._processes.world_size / sums[1]).to(gradients[0].dtype))
        norm = nn.utils.clip_grad_norm_(parameters, self._config.clip_norm)
        rate = progress.rate_scale * learning_rate(self._config, progress.update)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        # A fused optimiser skips the step when this is true; the host need not wait for the device.
        self._optimiser.found_inf = (~(sums[0] + norm).isfinite()).float()  # type: ignore[attr-defined]
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.average.update(progress.update)
        progress.update += 1
        progress.epoch, progress.batch = batches[-1][1]
        numbers = torch.cat((sums, norm.to(sums).unsqueeze(0)))
        synchronised = self._is_sync_point(progress.update) or (self._processes.world_size == 1 and any(flags))
        return UpdateReport(progress.update, progress.epoch + 1, rate, synchronised, numbers)

    def _backward(self, batch: Batch, synchronise: bool) -> Tensor:
        """Add the gradient of the batch's summed loss, and return its negative log-likelihood.

        ``synchronise`` averages the gradients over the processes; the last batch of an update does.
        """
        config, loss_of = self._config, self._parallel or self._loss_module
        local_only = self._parallel.no_sync() if self._parallel and not synchronise else nullcontext()
        with local_only:
            with self._autocast():
                inputs = self._task.network_inputs(self.network, batch, self._state)
                loss: Loss = loss_of(inputs, config.label_smoothing, config.r_drop)
            (loss.objective + config.guided_alignment * loss.alignment).backward()  # type: ignore[no-untyped-call]
            self._state = tuple(part.detach() for part in loss.state)
        return loss.negative_log_likelihood

    def _time_batch(self, batch: Batch, synchronise: bool) -> float:
        """Return the seconds of a forward and backward pass, whose gradients are discarded."""
        start = time.perf_counter()
        self._backward(batch, synchronise)
        self._optimiser.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - start

    def _is_sync_point(self, update: int) -> bool:
        """Return whether the host reads the results of an update before it starts another."""
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
        if progress.loss > progress.lowest_loss + _EXPLODED:
            raise DivergenceError(
                f"the loss has risen from {progress.lowest_loss:.2f} to {progress.loss:.2f} by update {report.update:,}"
            )

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)


class _LossModule(nn.Module):
    """A network whose ``forward`` is its loss, as `DistributedDataParallel` needs it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, inputs: Any, smoothing: float, r_drop: float) -> Loss:
        """Return the loss; see `Seq2Seq.loss`."""
        loss: Loss = self.network.loss(inputs, smoothing, r_drop)
        return loss


def _derive_seed(*numbers: int) -> int:
    """Return a seed that hashes several numbers, so that seeds of neighbouring numbers are unrelated."""
    hashed = hashlib.blake2b(" ".join(map(str, numbers)).encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "little", signed=False) >> 1
