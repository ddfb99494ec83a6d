"""Copying tensors to the device of the network."""

from __future__ import annotations

import torch
from torch import Tensor


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """Return a CPU tensor on ``device``, without blocking the host.

    A copy from pageable memory would synchronise with the GPU, which would then idle until it gets new work.
    """
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor
