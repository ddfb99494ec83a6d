"""The encoder; see `nmt.model.encoder`.

Shapes: B sentences, S source length, D width.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from nmt.config.cells import CELL_TRAITS
from nmt.lab.inspect.network.recurrence import LayerState, RecurrentPass, run_cell, run_lstm
from nmt.lab.inspect.network.trace import LayerTrace
from nmt.lab.inspect.network.weights import NetworkWeights
from nmt.model.cells.registry import state_specs
from nmt.utils.arrays import BoolArray, Float32Array, Int64Array

_DIRECTIONS: tuple[Literal["forward", "backward"], ...] = ("forward", "backward")


class EncoderPass(NamedTuple):
    """Output of the encoder for B sentences, and its activations."""

    memory: Float32Array
    """Vector of each token, [B, S, D]."""
    mask: BoolArray
    """Mask [B, S]: true at tokens, false in the padding."""
    states: list[LayerState]
    """Final state of each layer, with the directions concatenated."""
    layers: list[LayerTrace]
    """Activations of each layer, the lowest first."""


def run_encoder(weights: NetworkWeights, source: Int64Array, lengths: Int64Array) -> EncoderPass:
    """Encode ids [B, S] with lengths [B]."""
    config = weights.config
    is_block, is_stacked = config.design == "blocks", CELL_TRAITS[config.cell].stacked
    positions = np.arange(source.shape[1])
    mask = positions < lengths[:, None]
    order = _reversal_indices(positions, lengths) if config.reverse_source else None
    first_read = {"forward": np.zeros_like(lengths) if order is None else order[:, 0], "backward": lengths - 1}
    x = weights.embed(source if order is None else np.take_along_axis(source, order, 1), "encoder.embedding.weight")
    states: list[LayerState] = []
    layers: list[LayerTrace] = []
    for index in range(1 if is_stacked else config.encoder_layers):
        name = f"encoder.blocks.{index}"
        inputs = weights.layer_norm(x, f"{name}.recurrent_norm") if is_block else x
        passes = _run_layer(weights, index, inputs, mask[..., None])
        y = np.concatenate([each.outputs for each in passes], axis=-1)
        x = x + y if is_block or (config.residual and index) else y
        if is_block:
            x = weights.feed_forward_sublayer(x, name)
        states += _join_states(weights, passes)
        for direction, recurrent_pass in zip(_DIRECTIONS, passes, strict=False):
            for number, values in enumerate(recurrent_pass.values, start=index + 1):
                in_text_order = {key: _reorder(value, order) for key, value in values.items()}
                layers.append(LayerTrace("encoder", number, direction, in_text_order, first_read[direction]))
    memory = weights.layer_norm(x, "encoder.norm") if is_block else x
    return EncoderPass(_reorder(memory, order), mask, states, layers)


def _run_layer(weights: NetworkWeights, index: int, x: Float32Array, mask: BoolArray) -> list[RecurrentPass]:
    """Run a recurrent layer, or a stack, over x [B, S, D]; return the result of each direction."""
    config, name = weights.config, f"encoder.blocks.{index}.recurrent"
    directions = 1 + config.is_bidirectional(index)
    width, passes = config.width // directions, []
    for number in range(directions):
        state = tuple(np.zeros((len(x), spec.size), dtype=np.float32) for spec in state_specs(config.cell, width))
        backwards = number == 1
        if config.cell == "lstm":
            passes.append(run_lstm(weights, f"{name}.lstm", x, state, mask, backwards))
        else:
            layers = config.encoder_layers if CELL_TRAITS[config.cell].stacked else 1
            cell = f"{name}.directions.{number}"
            passes.append(run_cell(weights, cell, x, state * layers, layers, mask, backwards))
    return passes


def _join_states(weights: NetworkWeights, passes: list[RecurrentPass]) -> list[LayerState]:
    """Return the final state of each layer of a module, with the directions concatenated."""
    joined = [np.concatenate(arrays, axis=-1) for arrays in zip(*(each.state for each in passes), strict=True)]
    count = len(state_specs(weights.config.cell, weights.config.width))
    return [tuple(joined[start : start + count]) for start in range(0, len(joined), count)]


def _reversal_indices(positions: Int64Array, lengths: Int64Array) -> Int64Array:
    """Return indices [B, S] that reverse each sentence; see `nmt.model.encoder.reversal_indices`."""
    last = lengths[:, None] - 2
    return np.where(positions <= last, last - positions, positions)


def _reorder(values: Float32Array, order: Int64Array | None) -> Float32Array:
    """Reorder values [B, S, D] from the reading order to text positions; ``order`` [B, S] is its own inverse."""
    return values if order is None else np.take_along_axis(values, order[..., None], axis=1)
