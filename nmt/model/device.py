"""From the host's memory to the network's device."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the CPU on the device; the host does not wait for a GPU to have taken it, nor to have got so far.

    An ordinary copy would first let the GPU finish all that it was told to do, and leave it idle until it is told more.
    """
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
