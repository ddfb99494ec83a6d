"""Checkpoints: one safetensors file each, written atomically; the position in the run is its metadata.

All randomness of an update comes from (seed, update), and the order of the data from (seed, epoch), so weights, their
average, the optimiser's moments and the few numbers of `Progress` are the whole state: a resumed run equals one that
never stopped.
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
class Progress:
    """Where a run stands; all numbers of the run so far."""

    update: int = 0
    """Updates done."""
    epoch: int = 0
    batch: int = 0
    """Batches of the epoch that the optimiser has used."""
    best: float | None = None
    """Best dev score so far: higher is better."""
    best_update: int = 0
    dev: str | None = None
    """Hash of the dev set that the scores are of."""
    stale: int = 0
    """Validations since the best one."""
    kept: list[tuple[float, int]] = field(default_factory=list)
    """Score and update of the validated weights that are kept, best first."""
    loss: float | None = None
    """Running mean of the training loss, nats a target piece."""
    lowest_loss: float | None = None
    """The lowest that this mean has been."""
    rate_scale: float = 1.0
    """Of the learning rate: smaller after the loss has diverged."""
    diverged_rate: float | None = None
    """The recipe's learning rate when that happened."""
    due: bool = False
    """Whether the weights are still to be validated: a signal came in between."""
    seconds: float = 0.0


@dataclass
class Checkpoint:
    """A point to go on from."""

    progress: Progress
    fingerprint: str
    """Hash of the training ids and of all settings that the weights depend on."""
    tensors: dict[str, Tensor]


class DamagedCheckpointError(CarouselError):
    """The file is cut off, was overwritten, or holds other values than were written."""


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; the one it replaces stays until the new one is whole and synced."""
    tensors = {name: tensor.detach().to("cpu").contiguous() for name, tensor in checkpoint.tensors.items()}
    metadata = {"progress": json.dumps(asdict(checkpoint.progress)), "fingerprint": checkpoint.fingerprint}
    metadata["crc32"] = _checksum(metadata, tensors)
    with atomic_file(path) as temporary:
        try:
            temporary.touch()  # by umask, as all else in a run; safetensors' own would be for its owner alone
            save_file(tensors, temporary, metadata)
        except SafetensorError as error:  # the writer hides the cause: a full disk, mostly
            raise CarouselError(f"{path}: can't be written ({error}); is the disk full?") from None


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write weights alone, by name; equal weights give equal bytes."""
    content = safetensors.torch.save({name: w.detach().cpu().contiguous() for name, w in weights.items()})
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint, its tensors on the CPU.

    Raises DamagedCheckpointError, or CarouselError where it is whole but none of ours.
    """
    remedy = "start afresh in another --out (the model and the best weights here stay as they are)"
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        if metadata.pop("crc32") != _checksum(metadata, tensors):
            raise DamagedCheckpointError(f"{path}: is no readable checkpoint (its checksum is wrong); {remedy}")
        progress = Progress(**json.loads(metadata["progress"]))
        progress.kept = [(score, update) for score, update in progress.kept]
        return Checkpoint(progress, metadata["fingerprint"], tensors)
    except (SafetensorError, json.JSONDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise DamagedCheckpointError(f"{path}: is no readable checkpoint ({reason}); {remedy}") from None
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror or error}); check its permissions") from None
    except (KeyError, TypeError, ValueError):
        raise CarouselError(f"{path}: is no checkpoint of this version's; go on with the one that wrote it") from None


def _checksum(metadata: Mapping[str, str], tensors: Mapping[str, Tensor]) -> str:
    """CRC-32 of all values in the order of their names, in hexadecimal; the tensors are contiguous and on the CPU."""
    crc = zlib.crc32(json.dumps(metadata, sort_keys=True).encode())
    for name in sorted(tensors):
        crc = zlib.crc32(tensors[name].flatten().view(torch.uint8).numpy().data, crc)
    return f"{crc:08x}"
