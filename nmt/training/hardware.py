"""Choice of the device and of the numeric precision of a training run."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from nmt.config.training import TrainingConfig
from nmt.utils.errors import CarouselError


def choose_device(config: TrainingConfig, local_rank: int = 0) -> torch.device:
    """Return the device of the recipe; for ``auto``, the GPU of this process if there is one, else the CPU.

    Raises CarouselError if the machine has no such device.
    """
    if config.device in ("auto", "cuda") and torch.cuda.is_available():
        return torch.device("cuda", local_rank)
    if config.device == "auto":
        return torch.device("cpu")
    device = torch.device(config.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise CarouselError(f"training.device: {config.device} is not available; use auto or cpu")
    return device


def choose_precision(config: TrainingConfig, device: torch.device) -> str:
    """Return the precision of the recipe, ``fp32`` or ``bf16``; for ``auto``, bf16 on hardware where it is faster.

    Raises CarouselError if the recipe names bf16 and the processor doesn't support it.
    """
    if config.precision == "auto":
        return "bf16" if _is_faster_in_bf16(device) else "fp32"
    if config.precision == "bf16" and device.type == "cpu" and not cpu_supports_bf16_training():
        raise CarouselError("training.precision: this processor cannot train LSTMs in bf16; use auto or fp32")
    return config.precision


def _is_faster_in_bf16(device: torch.device) -> bool:
    """Return True if the hardware has instructions for bf16."""
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # missing in torch 2.11
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16")) and cpu_supports_bf16_training()


@cache
def cpu_supports_bf16_training() -> bool:
    """Return True if a forward and backward pass of an LSTM in bf16 succeeds on this CPU.

    PyTorch has no function that answers this, and has the kernels only for AVX-512.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.autocast("cpu", dtype=torch.bfloat16):
            states, _ = nn.LSTM(1, 1)(torch.zeros(1, 1))
        states.sum().backward()
    except RuntimeError:
        return False
    return True
