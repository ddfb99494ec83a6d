"""Checkpoints of training runs. Each is a safetensors file, which is written atomically.

The randomness of an update depends only on the seed and the number of the update, the order of the data only on the
seed and the epoch. Weights, moving average, optimiser state and `TrainingProgress` are therefore the whole state, and
a resumed run gives the same results as an uninterrupted run.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file


@dataclass
class TrainingProgress:
    """Position and statistics of a training run. The field names are part of the checkpoint format."""

    update: int = 0
    """Number of completed updates."""
    epoch: int = 0
    """Index of the current epoch, counted from 0."""
    batch: int = 0
    """Number of batches of the current epoch that updates have used."""
    best: float | None = None
    """Best dev score so far; higher is better."""
    best_update: int = 0
    """Update of the best dev score."""
    dev: str | None = None
    """Fingerprint of the dev set on which the best score was measured."""
    stale: int = 0
    """Number of consecutive validations without a new best score."""
    kept: list[tuple[float, int]] = field(default_factory=list)
    """Dev score and update of each of the saved weights that may be averaged, best first."""
    loss: float | None = None
    """Running mean of the training loss, in nats per target token; None before the first value."""
    lowest_loss: float | None = None
    """Lowest value of the running mean so far."""
    rate_scale: float = 1.0
    """Factor by which the learning rate is multiplied; below 1 after training has diverged."""
    diverged_rate: float | None = None
    """Learning rate of the recipe with which training diverged; None if it has not diverged."""
    due: bool = False
    """True if the current weights still have to be validated, because a signal interrupted the run."""
    seconds: float = 0.0
    """Training time so far in seconds, without validation."""


@dataclass
class Checkpoint:
    """Weights, moving average, optimiser state and progress of a training run."""

    progress: TrainingProgress
    fingerprint: str
    """Hash of the training data and of all settings on which the weights depend."""
    tensors: dict[str, Tensor]
    """Weights, moving average and optimiser state by name."""


class DamagedCheckpointError(CarouselError):
    """Error: a checkpoint file is truncated, or its content doesn't match its checksum."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint file atomically: an existing file is replaced when the new content is complete and synced."""
    tensors = {name: tensor.detach().to("cpu").contiguous() for name, tensor in checkpoint.tensors.items()}
    metadata = {"progress": json.dumps(asdict(checkpoint.progress)), "fingerprint": checkpoint.fingerprint}
    metadata["crc32"] = _checksum(metadata, tensors)
    with atomic_file(path) as temporary:
        try:
            temporary.touch()  # with permissions by umask; safetensors would permit access to the owner only
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:  # the system's error is not available, but in most cases the disk is full
            raise CarouselError(f"{path}: can't be written ({error}); check that the disk is not full") from None


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights by name to a safetensors file without metadata; equal weights give equal bytes."""
    content = safetensors.torch.save({name: w.detach().cpu().contiguous() for name, w in weights.items()})
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, with its tensors on the CPU.

    Raises DamagedCheckpointError, or CarouselError if the file can't be read or is not a checkpoint of this version.
    """
    remedy = "start again in another --out (the model and the best weights here are kept)"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if metadata.pop("crc32") != _checksum(metadata, tensors):
            raise DamagedCheckpointError(f"{path}: damaged checkpoint (wrong checksum); {remedy}")
        progress = TrainingProgress(**json.loads(metadata["progress"]))
        progress.kept = [(score, update) for score, update in progress.kept]
        return Checkpoint(progress, metadata["fingerprint"], tensors)
    except (SafetensorError, json.JSONDecodeError) as error:
        raise DamagedCheckpointError(f"{path}: damaged checkpoint ({str(error).splitlines()[0]}); {remedy}") from None
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror or error}); check its permissions") from None
    except (KeyError, TypeError, ValueError):
        raise CarouselError(f"{path}: no checkpoint of this version; resume with the version that wrote it") from None


def _checksum(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """Return the CRC-32 of metadata and contiguous CPU tensors, in the order of their names, in hexadecimal."""
    crc = zlib.crc32(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        crc = zlib.crc32(tensors[name].flatten().view(torch.uint8).numpy().data, crc)
    return f"{crc:08x}"
