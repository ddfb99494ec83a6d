"""Averages of weights over updates, which score better than weights of a single update (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


def average_weight_files(files: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean of the weights in several safetensors files by name (Junczys-Dowmunt et al. 2016)."""
    total: dict[str, Tensor] = {}
    for path in files:
        for name, weight in load_file(path).items():
            total[name] = total[name] + weight.double() if name in total else weight.double()
    return {name: (weight / len(files)).float() for name, weight in total.items()}


class MovingAverage:
    """Exponential moving average of the parameters of a network, in fp32."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Start the average at the current weights; with a ``decay`` of 0, it always equals the weights."""
        self._network, self._decay = network, decay
        self.weights = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def update(self, update: int) -> None:
        """Update the average with the weights after an update, counted from 0; the decay is lower for first updates."""
        decay = min(self._decay, (1 + update) / (10 + update))
        parameters = [p.detach() for p in self._network.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), parameters, 1 - decay)

    @contextmanager
    @torch.no_grad()
    def swap_in(self) -> Iterator[None]:
        """Replace the weights of the network by the averages, in evaluation mode, within a ``with`` block."""
        parameters = dict(self._network.named_parameters())
        saved: dict[str, Tensor] = {name: p.detach().clone() for name, p in parameters.items()}
        was_training = self._network.training
        try:
            for name, parameter in parameters.items():
                parameter.copy_(self.weights[name])
            self._network.eval()
            yield
        finally:
            for name, parameter in parameters.items():
                parameter.copy_(saved[name])
            self._network.train(was_training)
