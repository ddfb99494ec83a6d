"""Averages of weights, which translate better than the weights themselves (Polyak & Juditsky 1992)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn


def mean_weights(files: Sequence[Path]) -> dict[str, Tensor]:
    """The mean of the weights in some safetensors files, by name (Junczys-Dowmunt, Dwojak & Sennrich 2016)."""
    total: dict[str, Tensor] = {}
    for path in files:
        for name, weight in load_file(path).items():
            total[name] = total[name] + weight.double() if name in total else weight.double()
    return {name: (weight / len(files)).float() for name, weight in total.items()}


class MovingAverage:
    """Exponential moving average of a network's parameters, in fp32."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        """``decay`` 0 makes the average equal to the weights."""
        self._network, self._decay = network, decay
        self.weights = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def update(self, update: int) -> None:
        """Take in the weights after update number ``update`` (from 0); the first ones count less in the long run."""
        decay = min(self._decay, (1 + update) / (10 + update))
        parameters = [p.detach() for p in self._network.parameters()]
        torch._foreach_lerp_(list(self.weights.values()), parameters, 1 - decay)

    @contextmanager
    @torch.no_grad()
    def in_place(self) -> Iterator[None]:
        """The network has the averaged weights inside the block, in evaluation mode."""
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
