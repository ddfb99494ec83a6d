"""The device that a run is trained on, and the precision of its products."""

from __future__ import annotations

from functools import cache

import torch
from torch import nn

from nmt.config.training import TrainingConfig
from nmt.utils.errors import CarouselError


def choose_device(config: TrainingConfig, local_rank: int = 0) -> torch.device:
    """The device asked for, or the best there is for this process. Raises CarouselError when it is not there."""
    if config.device in ("auto", "cuda") and torch.cuda.is_available():
        return torch.device("cuda", local_rank)
    if config.device == "auto":
        return torch.device("cpu")
    device = torch.device(config.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise CarouselError(f"training.device: {config.device} is not there; use auto or cpu")
    return device


def choose_precision(config: TrainingConfig, device: torch.device) -> str:
    """fp32, or bf16 where the hardware multiplies it faster.

    Raises CarouselError when bf16 is asked of a processor that has none.
    """
    if config.precision == "auto":
        return "bf16" if _faster_in_bf16(device) else "fp32"
    if config.precision == "bf16" and device.type == "cpu" and not cpu_trains_in_bf16():
        raise CarouselError("training.precision: this processor cannot train LSTMs in bf16; use auto or fp32")
    return config.precision


def _faster_in_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        with torch.cuda.device(device):
            return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    flags = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # torch 2.11 has none
    return bool(flags.get("avx512_bf16") or flags.get("amx_bf16")) and cpu_trains_in_bf16()


@cache
def cpu_trains_in_bf16() -> bool:
    """Whether it does at all: found by trying, for torch does not tell (without AVX-512 it has no such LSTM)."""
    try:
        with torch.random.fork_rng(devices=[]), torch.autocast("cpu", dtype=torch.bfloat16):
            states, _ = nn.LSTM(1, 1)(torch.zeros(1, 1))
        states.sum().backward()
    except RuntimeError:
        return False
    return True
