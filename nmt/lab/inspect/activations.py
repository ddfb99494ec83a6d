"""Activations of a network for a batch of texts: gates and states of every recurrent layer, and attention weights.

Shapes: B sentences, S source length, T target length or number of steps, D width of one direction, H heads.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.cells import CellName
from nmt.lab.inspect.cell_activations import recompute_cell_gates, recompute_lstm_gates
from nmt.model.attention import Attention
from nmt.model.encoder import reversal_indices
from nmt.model.language_model import LanguageModel
from nmt.model.recurrent_layers import DecoderCellLayer, DecoderLSTMLayer, EncoderCellLayer, EncoderLSTMLayer
from nmt.model.seq2seq import Seq2Seq
from nmt.model.unrolled_cell import LayerState, UnrolledCell

_ModuleCall = tuple[Any, Any]
"""Positional arguments and output of one call of a module."""


@dataclass(frozen=True)
class LayerTrace:
    """Activations of one direction of one recurrent layer for a batch of texts."""

    part: Literal["encoder", "decoder"]
    """Part of the network that contains the layer."""
    layer: int
    """Number of the layer, counted from 1."""
    direction: Literal["forward", "backward"]
    """Reading direction; always "forward" in a decoder."""
    values: dict[str, Tensor]
    """Gates and states [B, T, D] by name, after each position was read; undefined at padding.

    Positions are in text order, also in layers that read backward.

    An LSTM has "cell", "hidden", "input", "forget", "output" and "candidate".
    """
    first_read: Tensor
    """Position [B] that the layer reads first in each text."""

    @property
    def name(self) -> str:
        """Name of the layer, for example "encoder 2 backward" or "decoder 1"."""
        return layer_name(self.part, self.layer, self.direction)


def layer_name(part: str, layer: int, direction: str) -> str:
    """Return the name of a layer, for example "encoder 2 backward" or "decoder 1"."""
    return f"{part} {layer}" + (f" {direction}" if part == "encoder" else "")


class NetworkTrace(NamedTuple):
    """Activations of all layers of a network in one forward pass."""

    layers: list[LayerTrace]
    """Traces of the recurrent layers; those of the encoder come first, the lowest layer first."""
    attention: list[Tensor]
    """Attention weights [B, H, T, S] of each layer with attention."""
    decoder_outputs: Tensor
    """Outputs of the decoder [B, T, D]."""


@torch.inference_mode()
def trace_translation(network: Seq2Seq, source: Tensor, lengths: Tensor, target: Tensor) -> NetworkTrace:
    """Run a translation network with teacher forcing and return its activations.

    Args:
        network: Network in evaluation mode, on the CPU.
        source: Source ids [B, S].
        lengths: Source lengths [B].
        target: Target ids [B, T] that the decoder reads, beginning with begin of sentence.
    """
    with _record_calls(network) as recorded:
        decoder_outputs, _ = network(source, lengths, target)
    layers: list[LayerTrace] = []
    attention: list[Tensor] = []
    positions = torch.arange(source.shape[1])
    mask = (positions < lengths.unsqueeze(1)).unsqueeze(-1)  # [B, S, 1]
    order = reversal_indices(positions, lengths) if network.config.reverse_source else None
    first_read = {"forward": torch.zeros_like(lengths) if order is None else order[:, 0], "backward": lengths - 1}
    for module, calls in recorded:
        if isinstance(module, Attention):
            attention.append(torch.cat([output[1] for _, output in calls], dim=2))
        elif isinstance(module, EncoderLSTMLayer | EncoderCellLayer):
            [((x, *_), (y, _))] = calls
            stacks = _recompute_encoder_gates(module, network.config.cell, x, y, mask)
            directions: tuple[Literal["forward", "backward"], ...] = ("forward", "backward")
            num_layers_below = _highest_layer_number(layers, "encoder")
            for direction, stack in zip(directions, stacks, strict=False):
                for number, values in enumerate(stack, start=num_layers_below + 1):
                    values = _reorder_to_text(values, order)
                    layers.append(LayerTrace("encoder", number, direction, values, first_read[direction]))
        else:
            layers += _trace_decoder_layers(
                module, network.config.cell, calls, _highest_layer_number(layers, "decoder")
            )
    return NetworkTrace(layers, attention, decoder_outputs)


@torch.inference_mode()
def trace_text(network: LanguageModel, ids: Tensor) -> NetworkTrace:
    """Run a language model over ids [B, T] from its initial state and return its activations."""
    with _record_calls(network) as recorded:
        decoder_outputs, _ = network(ids, network.initial_state(len(ids)))
    layers: list[LayerTrace] = []
    for module, calls in recorded:
        layers += _trace_decoder_layers(module, network.config.cell, calls, len(layers))
    return NetworkTrace(layers, [], decoder_outputs)


def _recompute_encoder_gates(
    module: EncoderLSTMLayer | EncoderCellLayer, cell: CellName, x: Tensor, y: Tensor, mask: Tensor
) -> list[list[dict[str, Tensor]]]:
    """Return the gates and states of an encoder layer, as [direction][layer of the stack][name].

    Args:
        module: The encoder layer.
        cell: Name of its cell.
        x: Inputs [B, S, I].
        y: Outputs [B, S, directions × D].
        mask: [B, S, 1], false at padding.
    """
    if isinstance(module, EncoderLSTMLayer):
        directions = 1 + module.lstm.bidirectional
        zeros = y.new_zeros(len(y), module.lstm.hidden_size)
        return [
            [recompute_lstm_gates(module.lstm.all_weights[n], x, half, (zeros, zeros), mask, backwards=n == 1)]
            for n, half in enumerate(y.chunk(directions, dim=-1))
        ]
    stacks = []
    for n, recurrence in enumerate(module.directions):
        assert isinstance(recurrence, UnrolledCell)
        state = tuple(x.new_zeros(len(x), size) for size in recurrence.recurrent_cell.state_sizes)
        stacks.append(recompute_cell_gates(recurrence, cell, x, state, mask, backwards=n == 1))
    return stacks


def _trace_decoder_layers(
    module: nn.Module, cell: CellName, calls: list[_ModuleCall], num_layers_below: int
) -> list[LayerTrace]:
    """Return the traces of a decoder stack from its calls; layer numbers start at ``num_layers_below`` + 1."""
    x = torch.cat([arguments[0] for arguments, _ in calls], dim=1)
    y = torch.cat([output[0] for _, output in calls], dim=1)
    stack = _recompute_decoder_gates(module, cell, x, y, calls[0][0][1])
    first_read = torch.zeros(len(y), dtype=torch.long)
    numbered = enumerate(stack, start=num_layers_below + 1)
    return [LayerTrace("decoder", number, "forward", values, first_read) for number, values in numbered]


def _recompute_decoder_gates(
    module: nn.Module, cell: CellName, x: Tensor, y: Tensor, state: LayerState
) -> list[dict[str, Tensor]]:
    """Return the gates and states [B, T, D] by name, for each layer of a decoder stack."""
    if isinstance(module, DecoderLSTMLayer):
        return [recompute_lstm_gates(module.lstm.all_weights[0], x, y, state)]
    assert isinstance(module, DecoderCellLayer)
    return recompute_cell_gates(module.cell, cell, x, state)


def _reorder_to_text(values: dict[str, Tensor], order: Tensor | None) -> dict[str, Tensor]:
    """Reorder values [B, T, D] from the reading order to text positions; ``order`` [B, T] is its own inverse."""
    if order is None:
        return values
    return {name: value.gather(1, order.unsqueeze(-1).expand_as(value)) for name, value in values.items()}


def _highest_layer_number(layers: list[LayerTrace], part: str) -> int:
    """Return the highest layer number of a part of the network, or 0 if it has no layers yet."""
    return max((trace.layer for trace in layers if trace.part == part), default=0)


@contextmanager
def _record_calls(network: nn.Module) -> Iterator[list[tuple[nn.Module, list[_ModuleCall]]]]:
    """Record the calls of all recurrent layers and attention modules.

    The list of modules, in the order of their first call, is filled when the ``with`` block ends.
    """
    by_module: dict[nn.Module, list[_ModuleCall]] = {}
    recorded_types = (Attention, DecoderLSTMLayer, EncoderLSTMLayer, DecoderCellLayer, EncoderCellLayer)
    hooks = [
        module.register_forward_hook(
            lambda m, arguments, output: by_module.setdefault(m, []).append((arguments, output))
        )
        for module in network.modules()
        if isinstance(module, recorded_types)
    ]
    recorded: list[tuple[nn.Module, list[_ModuleCall]]] = []
    try:
        yield recorded
        recorded += by_module.items()
    finally:
        for hook in hooks:
            hook.remove()
