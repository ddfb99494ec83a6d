"""The training loop.

Every batch's randomness is seeded by (seed, its number), the data's order by (seed, epoch): what happens at update n
does not depend on how the run came there, nor on how many processes share the work.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from nmt.config.schema import LanguageModelRecipe, TranslatorRecipe
from nmt.corpus.batching import Batch, BatchAlignment, TokenizedCorpus
from nmt.corpus.data_loader import BatchLoader, DataPosition
from nmt.corpus.preparation import PreparedData
from nmt.corpus.subword_regularization import SubwordSampler
from nmt.model.decoder import DecoderState
from nmt.model.device import to_device
from nmt.model.guided_alignment import AlignmentLinks
from nmt.model.language_model import LanguageModel
from nmt.model.seq2seq import Loss, Seq2Seq, TranslationBatch
from nmt.training import checkpoints
from nmt.training.checkpoints import Checkpoint, DamagedCheckpointError, Progress
from nmt.training.distributed import ALONE, Processes
from nmt.training.hardware import choose_precision
from nmt.training.reports import Outlook, UpdateReport, Wishes
from nmt.training.schedule import learning_rate
from nmt.training.weight_averaging import MovingAverage
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import digest

Network = Seq2Seq | LanguageModel

_SETTLE_EVERY = 10  # updates, on a GPU
_HEED_EVERY = 10  # updates whose last one counts for the running mean of the losses
_MEMORY = 0.8  # of that mean
_EXPLODED = 1.0  # nats a piece of it above its lowest value
_REHEARSALS = 2  # batches that are timed; one more comes before, which loads and tunes


class Batches(Protocol):
    """Where batches come from: see `nmt.corpus.data_loader.BatchLoader`."""

    def batches(self, start: DataPosition) -> AbstractContextManager[Iterator[tuple[Batch, DataPosition]]]:
        """See `BatchLoader.batches`."""

    def estimate_batch_tokens(self, start: DataPosition) -> float:
        """See `BatchLoader.estimate_batch_tokens`."""

    def epoch_tokens(self) -> float:
        """See `BatchLoader.epoch_tokens`."""


class DivergenceError(CarouselError):
    """The loss or its gradient is no number any more, or the loss has exploded."""


class Trainer:
    """A network, its optimiser and its place in the data."""

    def __init__(
        self,
        network: Network,
        loader: Batches,
        config: TranslatorRecipe | LanguageModelRecipe,
        fingerprint: str,
        processes: Processes = ALONE,
    ) -> None:
        """``network`` is on its device already; ``fingerprint`` is of all that must not change when a run goes on."""
        training = config.training
        self.network, self._config, self._processes = network, training, processes
        self._loader, self._fingerprint = loader, fingerprint
        self.device = next(network.parameters()).device
        self.precision = choose_precision(training, self.device)
        self.settles_every = _SETTLE_EVERY if self.device.type == "cuda" else 1
        """Updates after which the host waits for the device, to see what came of them."""
        self.progress = Progress()
        self.average = MovingAverage(network, training.ema)
        self._carried: DecoderState = ()  # what the last batch has left to the next one
        self._loss_of = _LossOf(network)
        # Gradients are averaged over the processes while the backward pass still runs.
        self._parallel: DistributedDataParallel | None = None
        if processes.world > 1:
            # Without attention nobody reads what the encoder's top layer makes of its states.
            unread = isinstance(network, Seq2Seq) and config.model.attention == "none"
            self._parallel = DistributedDataParallel(self._loss_of, find_unused_parameters=unread)
        self._optimiser = torch.optim.AdamW(
            network.parameters(), betas=training.betas, weight_decay=training.weight_decay, fused=True
        )

    def updates(self, wishes: Callable[[], Wishes] = Wishes) -> Generator[UpdateReport]:
        """Train until ``max_updates``, giving a report after each; the caller may stop at any of them.

        ``wishes`` are this process's own, of which the reports of all processes tell.
        Raises DivergenceError when training has gone wrong; weights with numbers that are not finite are never made.
        """
        place = DataPosition(self.progress.epoch, self.progress.batch)
        unwatched = list[UpdateReport]()
        with self._loader.batches(place) as batches:
            while self.progress.update < self._config.max_updates:
                report = self._update(list(itertools.islice(batches, self._config.accumulate)), wishes())
                unwatched.append(report)
                if report.settled:
                    for each in unwatched:
                        self._watch(each)
                    unwatched.clear()
                yield report

    def outlook(self) -> Outlook:
        """What lies ahead; for that, two batches are learned from and forgotten again."""
        place = DataPosition(self.progress.epoch, self.progress.batch)
        accumulate, carried = self._config.accumulate, self._carried
        a_batch = self._loader.estimate_batch_tokens(place)
        with self._loader.batches(place) as batches:
            # After its first synchronised pass DDP orders gradients anew, and so sums of three and more: that pass
            # is here, so that a resumed run has the order of one that went on.
            rehearsals = enumerate(itertools.islice(batches, 1 + _REHEARSALS))
            _, *timed = (self._rehearse(batch, shared=number == 0) for number, (batch, _) in rehearsals)
        self._carried = carried
        updates = self._config.max_updates - self.progress.update
        tokens = updates * accumulate * self._processes.world * a_batch
        return Outlook(updates, tokens, tokens / self._loader.epoch_tokens(), updates * accumulate * min(timed))

    def batch_loss(self, batch: Batch) -> Loss:
        """The summed loss of a batch, in the run's precision, without smoothing."""
        return self.loss_of(self._examples(batch))

    def loss_of(self, examples: Any) -> Loss:
        """The same of what the network learns from."""
        with self._autocast():
            loss: Loss = self.network.loss(examples)
            return loss

    def save(self, path: Path) -> None:
        """Write all that `restore` needs."""
        tensors: dict[str, Tensor] = {f"weights.{name}": p for name, p in self.network.named_parameters()}
        tensors |= {f"average.{name}": w for name, w in self.average.weights.items()}
        for name, parameter in self.network.named_parameters():
            for moment, value in self._optimiser.state.get(parameter, {}).items():
                tensors[f"{moment}.{name}"] = value
        tensors |= {f"carried.{number:03}": part for number, part in enumerate(self._carried)}
        checkpoints.save(path, Checkpoint(self.progress, self._fingerprint, tensors))

    @torch.no_grad()
    def restore(self, *paths: Path) -> Path | None:
        """Go on from the first of some checkpoints that is whole, as the leading process finds; gives which one it was.

        None where it names none. Raises CarouselError when all are damaged, or it belongs to other data or settings.
        """
        found = self._processes.broadcast(lambda: self._read(paths))
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
        self._carried = tuple(tensors[name].to(self.device) for name in sorted(tensors) if name.startswith("carried."))
        self.progress = checkpoint.progress
        return path

    def _read(self, paths: Sequence[Path]) -> tuple[Path, Checkpoint] | None:
        damage: DamagedCheckpointError | None = None
        for path in paths:
            try:
                checkpoint = checkpoints.load(path)
            except DamagedCheckpointError as error:
                damage = damage or error
                continue
            if checkpoint.fingerprint != self._fingerprint:
                raise CarouselError(
                    f"{path}: was made with other training text or other settings of data, tokenizer, model or "
                    "batches (or from another model, --from); restore them, or start afresh in another --out"
                )
            return path, checkpoint
        if damage:
            raise damage
        return None

    def _update(self, batches: Sequence[tuple[Batch, DataPosition]], wishes: Wishes) -> UpdateReport:
        progress, parameters = self.progress, list(self.network.parameters())
        tokens = sum(batch.target_tokens for batch, _ in batches)
        sums = to_device(torch.tensor([0, tokens, *wishes], dtype=torch.float64), self.device)
        for number, (batch, _) in enumerate(batches):
            # One seed for each batch of all processes: its masks are the same whoever learns from it.
            turn = progress.update * len(batches) + number
            torch.manual_seed(_mix(self._config.seed, turn * self._processes.world + self._processes.rank))
            sums[0] += self._backward(batch, last=number == len(batches) - 1)
        self._processes.sum(sums)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        torch._foreach_mul_(gradients, (self._processes.world / sums[1]).to(gradients[0].dtype))
        norm = nn.utils.clip_grad_norm_(parameters, self._config.clip_norm)
        rate = progress.rate_scale * learning_rate(self._config, progress.update)
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        # A fused optimiser leaves the weights alone when this is true; the host need not wait to know.
        self._optimiser.found_inf = (~(sums[0] + norm).isfinite()).float()  # type: ignore[attr-defined]
        self._optimiser.step()
        self._optimiser.zero_grad(set_to_none=True)
        self.average.update(progress.update)
        progress.update += 1
        progress.epoch, progress.batch = batches[-1][1]
        numbers = torch.cat((sums, norm.to(sums).unsqueeze(0)))
        settled = self._settles(progress.update) or (self._processes.world == 1 and any(wishes))
        return UpdateReport(progress.update, progress.epoch + 1, rate, settled, numbers)

    def _backward(self, batch: Batch, last: bool) -> Tensor:
        """Add the gradients of the batch's summed loss; gives its negative log-likelihood.

        In several processes the ``last`` batch of an update brings in those of the others.
        """
        config, loss_of = self._config, self._parallel or self._loss_of
        unshared = self._parallel.no_sync() if self._parallel and not last else nullcontext()
        with unshared:
            with self._autocast():
                loss: Loss = loss_of(self._examples(batch), config.label_smoothing, config.r_drop)
            (loss.smoothed + config.guided_alignment * loss.alignment).backward()  # type: ignore[no-untyped-call]
            self._carried = tuple(part.detach() for part in loss.state)
        return loss.negative_log_likelihood

    def _rehearse(self, batch: Batch, shared: bool) -> float:
        """The seconds that learning from a batch takes, of gradients ``shared`` with other processes or not."""
        began = time.perf_counter()
        self._backward(batch, last=shared)
        self._optimiser.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - began

    def _settles(self, update: int) -> bool:
        """Whether the host looks at what came of an update before it begins another."""
        config = self._config
        moments = (self.settles_every, config.validate_every, config.checkpoint_every, config.max_updates)
        return any(update % moment == 0 for moment in moments)

    def _watch(self, report: UpdateReport) -> None:
        """Raise DivergenceError when training has gone wrong."""
        if not math.isfinite(report.loss) or not math.isfinite(report.grad_norm):
            raise DivergenceError(f"the loss or its gradient is not finite at update {report.update:,}")
        if report.update % _HEED_EVERY:
            return
        progress = self.progress
        before = report.loss if progress.loss is None else progress.loss
        progress.loss = _MEMORY * before + (1 - _MEMORY) * report.loss
        progress.lowest_loss = min(progress.loss, math.inf if progress.lowest_loss is None else progress.lowest_loss)
        if progress.loss > progress.lowest_loss + _EXPLODED:
            raise DivergenceError(
                f"the loss has risen from {progress.lowest_loss:.2f} to {progress.loss:.2f} by update {report.update:,}"
            )

    def _autocast(self) -> AbstractContextManager[object]:
        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _examples(self, batch: Batch) -> Any:
        """What the network's `loss` is of."""
        places = batch.target_positions
        return TranslationBatch(
            self._tensor(batch.source),
            torch.from_numpy(batch.source_lengths),
            self._tensor(batch.target_in),
            self._tensor(batch.target_out.ravel()[places]),
            self._tensor(places),
            None if batch.alignment is None else self._links(batch.alignment),
        )

    def _links(self, links: BatchAlignment) -> AlignmentLinks:
        return AlignmentLinks(
            *map(self._tensor, (links.batch_indices, links.target_indices, links.source_indices, links.weights))
        )

    def _tensor(self, ids: Any) -> Tensor:
        return to_device(torch.from_numpy(ids), self.device)


class _LossOf(nn.Module):
    """A network whose `forward` is its loss, as `DistributedDataParallel` needs it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, examples: Any, smoothing: float, r_drop: float) -> Loss:
        """See `Seq2Seq.loss`."""
        loss: Loss = self.network.loss(examples, smoothing, r_drop)
        return loss


def translator_trainer(
    network: Seq2Seq,
    prepared: PreparedData,
    config: TranslatorRecipe,
    processes: Processes = ALONE,
    origin: str | None = None,
) -> Trainer:
    """What trains a translator by a recipe; ``network`` is on its device already.

    Where that goes on from a model's weights, ``origin`` is their checksum.
    """
    training, sampler = config.training, None
    if training.subword_sampling:
        sampler = SubwordSampler(prepared.tokenizer, config.tokenizer.kind, training.subword_sampling)
    weights = [mixed.weight for mixed in config.data.weighted_corpora]
    loader = BatchLoader(
        prepared.train, weights, training.batch_tokens, training.seed, sampler, processes.rank, processes.world
    )
    changeless = fingerprint(prepared.train, weights, config, training.subword_sampling, origin)
    return Trainer(network, loader, config, changeless, processes)


def fingerprint(
    corpus: TokenizedCorpus, weights: list[float], config: TranslatorRecipe | LanguageModelRecipe, *more: Any
) -> str:
    """Of all that must not change when a run goes on; durations, intervals and rates may."""
    training = config.training
    parts = [
        corpus.fingerprint,
        weights,
        config.model.model_dump(),
        training.seed,
        training.batch_tokens,
        training.accumulate,
        *more,
    ]
    return digest(*parts)


def _mix(*numbers: int) -> int:
    """One seed of several numbers, so that neighbours have nothing in common."""
    hashed = hashlib.blake2b(" ".join(map(str, numbers)).encode(), digest_size=8).digest()
    return int.from_bytes(hashed, "little", signed=False) >> 1
