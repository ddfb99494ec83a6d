"""Recurrent layers of the encoder and the decoder, for any cell.

Shapes: B sentences, S source length, T target length, I input size, D width. A state is a tuple of tensors [B, ...];
its layout depends on the cell. For the LSTM it is (h, c), hidden state and cell state, both [B, D].
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nmt.config.cells import CELL_TRAITS
from nmt.config.model import ModelConfig
from nmt.model.device import to_device
from nmt.model.layers import Dropout
from nmt.model.unrolled_cell import DropoutFunction, LayerState, UnrolledCell


class DecoderLSTMLayer(nn.Module):
    """A unidirectional LSTM layer.

        i = σ(W_i x + U_i h_t-1)    f = σ(W_f x + U_f h_t-1)    o = σ(W_o x + U_o h_t-1)    z = tanh(W_z x + U_z h_t-1)
        c = f ⊙ c_t-1 + i ⊙ z       h = o ⊙ tanh(c)

    Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000; notation of `nmt.model.cells.base`.
    """

    def __init__(self, input_size: int, width: int, weight_drop: float = 0.0, forget_bias: float = 1.0) -> None:
        """``weight_drop`` is the share of recurrent weights that each training pass drops."""
        super().__init__()
        self.lstm = WeightDroppedLSTM(input_size, width, weight_drop, forget_bias, bidirectional=False)

    def forward(self, x: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """Run over x [B, T, I] from a state; return the outputs [B, T, D] and the final state."""
        with without_autocast_on_gpu(x):
            h, c = (tensor.to(x.dtype).unsqueeze(0).contiguous() for tensor in state)
            y, (h, c) = self.lstm(x, (h, c))
        return y, (h.squeeze(0), c.squeeze(0))


class EncoderLSTMLayer(nn.Module):
    """An LSTM layer over padded sentences, bidirectional with half the width per direction or unidirectional."""

    def __init__(
        self,
        input_size: int,
        width: int,
        weight_drop: float = 0.0,
        bidirectional: bool = True,
        forget_bias: float = 1.0,
    ) -> None:
        """``weight_drop`` is the share of recurrent weights that each training pass drops."""
        super().__init__()
        width = width // 2 if bidirectional else width
        self.lstm = WeightDroppedLSTM(input_size, width, weight_drop, forget_bias, bidirectional)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, LayerState]:
        """Encode x [B, S, I] with lengths [B] (on the CPU) without reading the padding.

        Returns the outputs [B, S, D], zero in the padding, and the final states of both directions, concatenated.
        """
        # Packed sequences are sorted by length. torch would sort them itself, but with a GPU synchronisation.
        order = lengths.argsort(descending=True)
        sort, unsort = (to_device(indices, x.device) for indices in (order, order.argsort()))
        with without_autocast_on_gpu(x):
            packed = pack_padded_sequence(x.index_select(0, sort), lengths[order], batch_first=True)
            y, final = self.lstm(packed)
        y, _ = pad_packed_sequence(y, batch_first=True, total_length=x.shape[1])
        h, c = (torch.cat(tensor.index_select(1, unsort).unbind(), dim=-1) for tensor in final)
        return y.index_select(0, unsort), (h, c)


class WeightDroppedLSTM(nn.LSTM):
    """torch's LSTM with DropConnect on the recurrent weights (Merity et al. 2018, "AWD-LSTM").

    One mask is used for all time steps of a pass, so torch's fast kernels, which have no dropout between steps, can be
    used.
    """

    def __init__(
        self, input_size: int, width: int, weight_drop: float, forget_bias: float, bidirectional: bool
    ) -> None:
        super().__init__(input_size, width, batch_first=True, bidirectional=bidirectional)
        self.weight_drop = Dropout(weight_drop)
        for name, parameter in self.named_parameters():
            if name.startswith("bias"):
                nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                # Open forget gates let gradients reach far from the first update on (Gers et al. 2000). torch's order
                # of gates is input, forget, cell, output.
                nn.init.constant_(parameter.detach().chunk(4)[1], forget_bias)

    def forward(self, x: Any, state: Any = None) -> Any:
        """Run the LSTM with weight dropout in training mode; see `torch.nn.LSTM.forward`."""
        if not self.training or not self.weight_drop.probability:
            return super().forward(x, state)
        weights = self._flat_weights
        try:
            # The order is input weights, recurrent weights and two biases, direction by direction.
            self._flat_weights = [self.weight_drop(w) if i % 4 == 1 else w for i, w in enumerate(weights)]
            return super().forward(x, state)
        finally:
            self._flat_weights = weights


class DecoderCellLayer(nn.Module):
    """A unidirectional layer of any cell in `nmt.model.cells`, or all layers of a stacked cell."""

    def __init__(self, config: ModelConfig, input_size: int, layers: int) -> None:
        """``layers`` is the height of a stacked cell."""
        super().__init__()
        self.cell = UnrolledCell(config, input_size, config.width, layers)

    def forward(
        self, x: Tensor, state: LayerState, dropout: DropoutFunction | None = None
    ) -> tuple[Tensor, LayerState]:
        """Run over x [B, T, I] from a state; return the outputs [B, T, D] and the final state.

        ``dropout`` applies to the output of every layer of a stacked cell.
        """
        y, state = self.cell(x, state, dropout)
        return y, state


class EncoderCellLayer(nn.Module):
    """A layer of any cell in `nmt.model.cells` over padded sentences, or all layers of a stacked cell.

    A bidirectional layer has half the width per direction.
    """

    def __init__(self, config: ModelConfig, layers: int, bidirectional: bool) -> None:
        """``layers`` is the height of a stacked cell."""
        super().__init__()
        width = config.width // 2 if bidirectional else config.width
        self.directions = nn.ModuleList(
            UnrolledCell(config, config.width, width, layers) for _ in range(1 + bidirectional)
        )

    def forward(self, x: Tensor, lengths: Tensor, dropout: Sequence[DropoutFunction] = ()) -> tuple[Tensor, LayerState]:
        """Encode padded sentences; see `EncoderLSTMLayer.forward`.

        ``dropout`` has one function per direction, for the output of every layer of a stacked cell.
        """
        functions: Sequence[DropoutFunction | None] = dropout or [None] * len(self.directions)
        results = [cell.forward_padded(x, lengths, n == 1, functions[n]) for n, cell in enumerate(self._cells())]
        outputs, states = zip(*results, strict=True)
        return torch.cat(outputs, dim=-1), tuple(torch.cat(tensors, dim=-1) for tensors in zip(*states, strict=True))

    def _cells(self) -> list[UnrolledCell]:
        return [cell for cell in self.directions if isinstance(cell, UnrolledCell)]


def build_decoder_layers(config: ModelConfig, input_size: int, layers: int) -> list[nn.Module]:
    """Create the recurrent layers of a decoder; ``input_size`` is the input width of the lowest layer.

    A cell type that couples the layers of a stack yields one module for all of them.
    """
    if CELL_TRAITS[config.cell].stacked:
        return [DecoderCellLayer(config, input_size, layers)]
    input_sizes = [input_size, *[config.width] * (layers - 1)]
    if config.cell == "lstm":
        return [DecoderLSTMLayer(size, config.width, config.weight_drop, config.forget_bias) for size in input_sizes]
    return [DecoderCellLayer(config, size, 1) for size in input_sizes]


def build_encoder_layer(config: ModelConfig, layer: int) -> nn.Module:
    """Create a recurrent layer of an encoder, or all layers of a stacked cell."""
    bidirectional = config.is_bidirectional(layer)
    if config.cell == "lstm":
        return EncoderLSTMLayer(config.width, config.width, config.weight_drop, bidirectional, config.forget_bias)
    return EncoderCellLayer(config, config.encoder_layers, bidirectional)


def locked_dropout(dropout: Dropout, like: Tensor, layers: int) -> DropoutFunction:
    """Return a dropout function for a loop over time steps, which uses one mask per layer at all steps.

    Every step must call the function once per layer, from the lowest to the highest. The masks have the shape of
    ``like`` [B, D].
    """
    masks = itertools.cycle([dropout.draw_mask(like).unsqueeze(1) for _ in range(layers)])
    return lambda x: x * next(masks)


def without_autocast_on_gpu(x: Tensor) -> AbstractContextManager[object]:
    """Return a context that disables autocast if x is on a GPU, for cuDNN's recurrent layers.

    With autocast to any type, torch casts their inputs to fp16 (ATen's AutocastRNN), whose range would require loss
    scaling.
    """
    return torch.autocast("cuda", enabled=False) if x.is_cuda else nullcontext()
