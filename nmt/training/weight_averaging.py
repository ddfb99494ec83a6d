"""Averages of weights, which translate better than the weights of a single update (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


def mean_weights(files: Sequence[Path]) -> dict[str, Tensor]:
    """Return the mean of the weights in several safetensors files, by name (Junczys-Dowmunt et al. 2016)."""
    total: dict[str, Tensor] = {}
    for path in files:
        for name, weight in load_file(path).items():
            total[name] = total[name] + weight.double() if name in total else weight.double()
    return {name: (weight / len(files)).float() for name, weight in total.items()}


class MovingAverage:
    """Exponential moving average of a network's parameters, in fp32."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Start the average at the current weights; with ``decay`` 0 it always equals the weights."""
        self._network, self._decay = network, decay
        self.weights = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def update(self, update: int) -> None:
        """Include the weights after an update, counted from 0. The decay is lower for the first updates."""
        decay = min(self._decay, (1 + update) / (10 + update))
        parameters = [p.detach() for p in self._network.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), parameters, 1 - decay)

    @contextmanager
    @torch.no_grad()
    def swapped_in(self) -> Iterator[None]:
        """Give the network the averaged weights for the block and put it into evaluation mode."""
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
