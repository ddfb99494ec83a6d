"""Recurrent layers, over whole sequences and one step at a time.

B sentences, T steps, D width. A state is a tuple of tensors [B, …], of the sizes that the cell declares; that of the
LSTM is (h, c), the output and the memory cell, each [B, D].
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmt.config.model import ModelConfig
from nmt.model.cells.families import CELLS, Part, equations
from nmt.model.device import to_device
from nmt.model.layers import Dropout

LayerState = tuple[Tensor, ...]
Pass = Callable[[Tensor], Tensor]
"""The dropout of a layer's output [B, T, D]."""


class DecoderLSTMLayer(nn.Module):
    """One unidirectional LSTM layer (Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000)."""

    def __init__(self, inputs: int, width: int, weight_drop: float = 0.0, forget_bias: float = 1.0) -> None:
        """``weight_drop`` is the share of recurrent weights that each training pass leaves out."""
        super().__init__()
        self.lstm = WeightDroppedLSTM(inputs, width, weight_drop, forget_bias, bidirectional=False)

    def forward(self, x: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """Run over x [B, T, inputs] from a state; gives the outputs [B, T, D] and the last state."""
        with full_precision_on_gpu(x):
            h, c = (part.to(x.dtype).unsqueeze(0).contiguous() for part in state)
            y, (h, c) = self.lstm(x, (h, c))
        return y, (h.squeeze(0), c.squeeze(0))


class EncoderLSTMLayer(nn.Module):
    """An LSTM that reads whole sentences, or two of half the width, one from each end; padding is never read."""

    def __init__(
        self, inputs: int, width: int, weight_drop: float = 0.0, both_ways: bool = True, forget_bias: float = 1.0
    ) -> None:
        """``weight_drop`` is the share of recurrent weights that each training pass leaves out."""
        super().__init__()
        width = width // 2 if both_ways else width
        self.lstm = WeightDroppedLSTM(inputs, width, weight_drop, forget_bias, both_ways)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, LayerState]:
        """Run over x [B, S, inputs] with lengths [B] (on the CPU).

        Gives the outputs [B, S, D], zero in the padding, and the state in which each direction ended, side by side.
        """
        # Packed sentences lie longest first. torch would order them by itself, but have the host wait for a GPU.
        order = lengths.argsort(descending=True)
        there, back = (to_device(places, x.device) for places in (order, order.argsort()))
        with full_precision_on_gpu(x):
            packed = pack_padded_sequence(x.index_select(0, there), lengths[order], batch_first=True)
            y, last = self.lstm(packed)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        h, c = (torch.cat(part.index_select(1, back).unbind(), dim=-1) for part in last)
        return y.index_select(0, back), (h, c)


class WeightDroppedLSTM(nn.LSTM):
    """torch's LSTM, whose recurrent weights may be thinned in training: DropConnect (Merity et al. 2018, "AWD-LSTM").

    One mask serves all steps of a pass, so that the fast kernels, which know no dropout between steps, still run.
    """

    def __init__(self, inputs: int, width: int, weight_drop: float, forget_bias: float, bidirectional: bool) -> None:
        super().__init__(inputs, width, batch_first=True, bidirectional=bidirectional)
        self.weight_drop = Dropout(weight_drop)
        for name, parameter in self.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                # Open forget gates let gradients reach far from the first update on (Gers et al. 2000); torch orders
                # the gates: input, forget, cell, output.
                nn.init.constant_(parameter.detach().chunk(4)[1], forget_bias)

    def forward(self, x: Any, state: Any = None) -> Any:
        """See `torch.nn.LSTM.forward`."""
        if not self.training or not self.weight_drop.probability:
            return super().forward(x, state)
        whole = self._flat_weights
        try:
            # Weights come as input, recurrent, and two biases, direction by direction.
            self._flat_weights = [self.weight_drop(w) if i % 4 == 1 else w for i, w in enumerate(whole)]
            return super().forward(x, state)
        finally:
            self._flat_weights = whole


class DecoderCellLayer(nn.Module):
    """A layer, or a stack that advances together, of any cell in `nmt.model.cells.families`."""

    def __init__(self, config: ModelConfig, inputs: int, layers: int) -> None:
        """``layers`` are those of the stack."""
        super().__init__()
        self.cell = UnrolledCell(config, inputs, config.width, layers)

    def forward(self, x: Tensor, state: LayerState, dropout: Pass | None = None) -> tuple[Tensor, LayerState]:
        """See `DecoderLSTMLayer.forward`; ``dropout`` is for the outputs of a stack's layers, the last one's too."""
        y, state = self.cell(x, state, dropout)
        return y, state


class EncoderCellLayer(nn.Module):
    """The same that reads whole sentences, or two of half the width, one from each end; padding is never read."""

    def __init__(self, config: ModelConfig, layers: int, both_ways: bool) -> None:
        """``layers`` are those of the stack."""
        super().__init__()
        width = config.width // 2 if both_ways else config.width
        self.directions = nn.ModuleList(UnrolledCell(config, config.width, width, layers) for _ in range(1 + both_ways))

    def forward(self, x: Tensor, lengths: Tensor, dropout: Sequence[Pass] = ()) -> tuple[Tensor, LayerState]:
        """See `EncoderLSTMLayer.forward` and `DecoderCellLayer.forward`; ``dropout`` is one a direction."""
        passes: Sequence[Pass | None] = dropout or [None] * len(self.directions)
        found = [cell.read(x, lengths, number == 1, passes[number]) for number, cell in enumerate(self._recurrences())]
        outputs, states = zip(*found, strict=True)
        return torch.cat(outputs, dim=-1), tuple(torch.cat(parts, dim=-1) for parts in zip(*states, strict=True))

    def _recurrences(self) -> list[UnrolledCell]:
        return [cell for cell in self.directions if isinstance(cell, UnrolledCell)]


class UnrolledCell(nn.Module):
    """The weights of a cell, and the loop over steps.

    It is a loop in Python, so a step should be of few operations; those that need no state are done before it.
    """

    def __init__(self, config: ModelConfig, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.equations = equations(config.cell, inputs, width, layers, config.forget_bias)
        self.residual = config.residual
        self.weight_drop = Dropout(config.weight_drop)
        for name, (shape, start) in self.equations.weights().items():
            parameter = nn.Parameter(torch.empty(shape) if start is None else torch.from_numpy(start.copy()))
            if start is None:
                nn.init.uniform_(parameter, -1 / math.sqrt(width), 1 / math.sqrt(width))
            self.register_parameter(name, parameter)

    def forward(self, x: Tensor, state: LayerState, dropout: Pass | None = None) -> tuple[Tensor, LayerState]:
        """The outputs [B, T, D] for x [B, T, inputs], and the state after them."""
        with full_precision(x):
            ops, steps = self._project(x, dropout)
            state = tuple(part.to(steps[0].dtype) for part in state)
            outputs = []
            for step in steps:
                y, state = self.equations.step(ops, step, state)
                outputs.append(y)
        return torch.stack(outputs, dim=1), state

    def read(
        self, x: Tensor, lengths: Tensor, backwards: bool, dropout: Pass | None = None
    ) -> tuple[Tensor, LayerState]:
        """The same from a state of zeros and for sentences of ``lengths`` [B] (on the CPU), perhaps from their ends.

        In the padding outputs are zero, and states stay as they are.
        """
        shortest = int(lengths.min())
        inside = to_device((torch.arange(x.shape[1])[:, None] < lengths).unsqueeze(-1), x.device)  # [T, B, 1]
        with full_precision(x):
            ops, steps = self._project(x, dropout)
            state: LayerState = tuple(steps[0].new_zeros(len(x), size) for size in self.equations.state_sizes)
            outputs = {}
            for t in reversed(range(len(steps))) if backwards else range(len(steps)):
                y, after = self.equations.step(ops, steps[t], state)
                if t >= shortest:
                    y = y.masked_fill(~inside[t], 0.0)
                    after = tuple(torch.where(inside[t], *pair) for pair in zip(after, state, strict=True))
                outputs[t], state = y, after
        return torch.stack([outputs[t] for t in range(len(steps))], dim=1), state

    def _project(self, x: Tensor, dropout: Pass | None) -> tuple[TensorOps, tuple[Tensor, ...]]:
        """What a pass computes with, and its input, projected, step by step."""
        weights = {
            name: self.weight_drop(parameter) if name.startswith("recurrent") and parameter.dim() == 2 else parameter
            for name, parameter in self.named_parameters()
        }
        ops = TensorOps(weights, dropout, self.residual)
        by_step = x.to(next(self.parameters()).dtype).transpose(0, 1).contiguous()
        return ops, self.equations.project(ops, by_step).unbind(0)


class TensorOps:
    """`nmt.model.cells.families.Ops` of tensors, for one pass."""

    def __init__(self, weights: dict[str, Tensor], dropout: Pass | None, residual: bool) -> None:
        self._weights, self._dropout, self._residual = weights, dropout, residual
        self._periods: dict[tuple[int, ...], Tensor] = {}
        self._transposed = {name: weight.t() for name, weight in weights.items() if weight.dim() == 2}
        self.vector = weights.__getitem__
        self.sigmoid, self.tanh = torch.sigmoid, torch.tanh

    def product(self, x: Tensor, name: str) -> Tensor:
        """See `Ops.product`."""
        return x @ self._transposed[name]

    def add_product(self, to: Tensor, x: Tensor, name: str) -> Tensor:
        """See `Ops.add_product`."""
        if to.dim() == 1:
            return nn.functional.linear(x, self._weights[name], to)
        return torch.addmm(to, x, self._transposed[name])

    def split(self, x: Tensor, *sizes: int) -> list[Tensor]:
        """See `Ops.split`."""
        return list(torch.split(x, list(sizes), dim=-1)) if len(sizes) > 1 else [x]

    def concat(self, *parts: Tensor) -> Tensor:
        """See `Ops.concat`."""
        return torch.cat(parts, dim=-1)

    def repeat(self, x: Tensor, times: int) -> Tensor:
        """See `Ops.repeat`."""
        return x.repeat_interleave(times, dim=-1)

    def normalise(self, x: Tensor, gain: str) -> Tensor:
        """See `Ops.normalise`."""
        return nn.functional.layer_norm(x, x.shape[-1:], self._weights[gain])

    def due(self, clock: Tensor, periods: list[int]) -> Tensor:
        """See `Ops.due`."""
        key = tuple(periods)
        if key not in self._periods:  # once a pass, not at every step
            self._periods[key] = to_device(torch.tensor(periods, dtype=clock.dtype), clock.device)
        return (clock % self._periods[key] == 0).to(clock.dtype)

    def pass_on(self, below: Tensor | None, h: Tensor) -> Tensor:
        """See `Ops.pass_on`."""
        y = self._dropout(h.unsqueeze(1)).squeeze(1) if self._dropout else h
        return y if below is None or not self._residual else below + y


def build_decoder_layers(config: ModelConfig, inputs: int, layers: int) -> list[nn.Module]:
    """Recurrent layers of a decoder, the first of which reads x [B, T, inputs]; those of a stack are one."""
    if CELLS[config.cell].stacked:
        return [DecoderCellLayer(config, inputs, layers)]
    widths = [inputs, *[config.width] * (layers - 1)]
    if config.cell == "lstm":
        return [DecoderLSTMLayer(read, config.width, config.weight_drop, config.forget_bias) for read in widths]
    return [DecoderCellLayer(config, read, 1) for read in widths]


def build_encoder_layer(config: ModelConfig, layer: int) -> nn.Module:
    """A recurrent layer of an encoder, or its stack."""
    both_ways = config.is_bidirectional(layer)
    if config.cell == "lstm":
        return EncoderLSTMLayer(config.width, config.width, config.weight_drop, both_ways, config.forget_bias)
    return EncoderCellLayer(config, config.encoder_layers, both_ways)


def state_parts(config: ModelConfig) -> tuple[Part, ...]:
    """The state of a decoder's layer."""
    return CELLS[config.cell].parts(config.width)


def locked(dropout: Dropout, like: Tensor, layers: int) -> Pass:
    """Dropout [B, 1, D] for a loop over steps: each of the layers, in turn, has the same mask at every step."""
    masks = itertools.cycle([dropout.mask(like).unsqueeze(1) for _ in range(layers)])
    return lambda x: x * next(masks)


def full_precision(x: Tensor) -> AbstractContextManager[object]:
    """No autocast for loops over steps: their rounding errors would add up."""
    return torch.autocast(x.device.type, enabled=False)


def full_precision_on_gpu(x: Tensor) -> AbstractContextManager[object]:
    """No autocast for cuDNN's recurrent layers.

    Whatever type autocast is set to, torch hands them fp16 (ATen's AutocastRNN), whose range would need loss scaling.
    """
    return torch.autocast("cuda", enabled=False) if x.is_cuda else nullcontext()
