"""The loop of a recurrent cell over time steps, and the operations of cells on tensors.

Shapes: B sentences, T time steps, I input size, D width. The layout of the state depends on the cell.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.model.cells.registry import build_cell
from nmt.model.device import to_device
from nmt.model.layers import Dropout

LayerState = tuple[Tensor, ...]
"""State of a layer: tensors [B, ...]. For the LSTM, the hidden state and the cell state (h, c), both [B, D]."""
DropoutFunction = Callable[[Tensor], Tensor]
"""Dropout of a layer's output [B, T, D]."""


class UnrolledCell(nn.Module):
    """A recurrent cell with its weights, and the loop over time steps.

    The loop runs in Python, so a step should consist of few operations; `RecurrentCell.project_input` computes
    what does not depend on the state for all steps at once.
    """

    def __init__(self, config: ModelConfig, input_size: int, width: int, layers: int) -> None:
        """``layers`` is the height of a stacked cell."""
        super().__init__()
        self.recurrent_cell = build_cell(config.cell, input_size, width, layers, config.forget_bias)
        self.residual = config.residual
        self.weight_drop = Dropout(config.weight_drop)
        for name, (shape, initial) in self.recurrent_cell.weight_specs().items():
            parameter = nn.Parameter(torch.empty(shape) if initial is None else torch.from_numpy(initial.copy()))
            if initial is None:
                nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))
            self.register_parameter(name, parameter)

    def forward(
        self, x: Tensor, state: LayerState, dropout: DropoutFunction | None = None
    ) -> tuple[Tensor, LayerState]:
        """Return the outputs [B, T, D] for x [B, T, I], and the final state."""
        with without_autocast(x):
            ops, steps = self._project(x, dropout)
            state = tuple(tensor.to(steps[0].dtype) for tensor in state)
            outputs = []
            for step in steps:
                y, state = self.recurrent_cell.step(ops, step, state)
                outputs.append(y)
        return torch.stack(outputs, dim=1), state

    def forward_padded(
        self, x: Tensor, lengths: Tensor, backward: bool, dropout: DropoutFunction | None = None
    ) -> tuple[Tensor, LayerState]:
        """Run over x [B, T, I] with lengths [B] (on the CPU) from a zero state, forward or ``backward`` in time.

        Returns the outputs [B, T, D], zero in the padding, and the state after the last token in that direction.
        """
        shortest = int(lengths.min())
        mask = to_device((torch.arange(x.shape[1])[:, None] < lengths).unsqueeze(-1), x.device)  # [T, B, 1]
        with without_autocast(x):
            ops, steps = self._project(x, dropout)
            state: LayerState = tuple(steps[0].new_zeros(len(x), size) for size in self.recurrent_cell.state_sizes)
            outputs = {}
            for t in reversed(range(len(steps))) if backward else range(len(steps)):
                y, new_state = self.recurrent_cell.step(ops, steps[t], state)
                if t >= shortest:
                    y = y.masked_fill(~mask[t], 0.0)
                    new_state = tuple(torch.where(mask[t], *pair) for pair in zip(new_state, state, strict=True))
                outputs[t], state = y, new_state
        return torch.stack([outputs[t] for t in range(len(steps))], dim=1), state

    def _project(self, x: Tensor, dropout: DropoutFunction | None) -> tuple[TensorOps, tuple[Tensor, ...]]:
        """Return the operations for this pass, with weight dropout applied, and the projected input of each step."""
        weights = {
            name: self.weight_drop(parameter) if name.startswith("recurrent") and parameter.dim() == 2 else parameter
            for name, parameter in self.named_parameters()
        }
        ops = TensorOps(weights, dropout, self.residual)
        time_major = x.to(next(self.parameters()).dtype).transpose(0, 1).contiguous()
        return ops, self.recurrent_cell.project_input(ops, time_major).unbind(0)


class TensorOps:
    """`nmt.model.cells.base.Ops` on tensors, for one pass over a batch."""

    def __init__(self, weights: dict[str, Tensor], dropout: DropoutFunction | None, residual: bool) -> None:
        self._weights, self._dropout, self._residual = weights, dropout, residual
        self._periods: dict[tuple[int, ...], Tensor] = {}
        self._transposed = {name: weight.t() for name, weight in weights.items() if weight.dim() == 2}
        self.weight_vector = weights.__getitem__
        self.sigmoid, self.tanh = torch.sigmoid, torch.tanh

    def matmul(self, x: Tensor, weight: str) -> Tensor:
        """Multiply by a transposed weight matrix; see `Ops.matmul`."""
        return x @ self._transposed[weight]

    def add_matmul(self, addend: Tensor, x: Tensor, weight: str) -> Tensor:
        """Multiply by a transposed weight matrix and add; see `Ops.add_matmul`."""
        if addend.dim() == 1:
            return nn.functional.linear(x, self._weights[weight], addend)
        return torch.addmm(addend, x, self._transposed[weight])

    def split(self, x: Tensor, *sizes: int) -> list[Tensor]:
        """Split the last dimension; see `Ops.split`."""
        return list(torch.split(x, list(sizes), dim=-1)) if len(sizes) > 1 else [x]

    def concat(self, *parts: Tensor) -> Tensor:
        """Concatenate along the last dimension."""
        return torch.cat(parts, dim=-1)

    def repeat_interleave(self, x: Tensor, repeats: int) -> Tensor:
        """Repeat each element; see `Ops.repeat_interleave`."""
        return x.repeat_interleave(repeats, dim=-1)

    def layer_norm(self, x: Tensor, gain: str) -> Tensor:
        """Normalise the last dimension; see `Ops.layer_norm`."""
        return nn.functional.layer_norm(x, x.shape[-1:], self._weights[gain])

    def is_multiple(self, clock: Tensor, periods: list[int]) -> Tensor:
        """Return 1 where the clock is a multiple of the period; see `Ops.is_multiple`."""
        key = tuple(periods)
        if key not in self._periods:  # created once per pass, not at every step
            self._periods[key] = to_device(torch.tensor(periods, dtype=clock.dtype), clock.device)
        return (clock % self._periods[key] == 0).to(clock.dtype)

    def next_layer_input(self, layer_input: Tensor | None, h: Tensor) -> Tensor:
        """Apply dropout and the residual connection; see `Ops.next_layer_input`."""
        y = self._dropout(h.unsqueeze(1)).squeeze(1) if self._dropout else h
        return y if layer_input is None or not self._residual else layer_input + y


def without_autocast(x: Tensor) -> AbstractContextManager[object]:
    """Return a context that disables autocast on the device of x: rounding errors add up over time steps."""
    return torch.autocast(x.device.type, enabled=False)
