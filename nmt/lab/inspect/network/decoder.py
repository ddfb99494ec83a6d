"""The decoders with teacher forcing; see `nmt.model.decoder`.

Shapes: B sentences, T target length, S source length, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.config.cells import CELL_TRAITS
from nmt.config.model import ModelConfig
from nmt.lab.inspect.network.attention import KeysAndValues, attend, project_memory
from nmt.lab.inspect.network.encoder import EncoderPass
from nmt.lab.inspect.network.recurrence import LayerState, RecurrentPass, run_cell, run_lstm
from nmt.lab.inspect.network.trace import LayerTrace, NamedValues
from nmt.lab.inspect.network.weights import NetworkWeights
from nmt.model.cells.registry import state_specs
from nmt.utils.arrays import BoolArray, Float32Array, Int64Array


class Memory(NamedTuple):
    """Encoded source sentences, projected for the attention of the decoder."""

    keys_and_values: list[KeysAndValues]
    """Projected memory for each layer with attention."""
    mask: BoolArray
    """Mask [B, S]: true at tokens, false in the padding."""


class DecoderPass(NamedTuple):
    """Outputs of the decoder and its activations."""

    outputs: Float32Array
    """Outputs [B, T, D] of the top layer."""
    state: LayerState
    """State after the last step."""
    values: list[NamedValues]
    """Gates and states [B, T, D] of each layer by name."""
    attention: list[Float32Array]
    """Attention weights [B, H, T, S] of each layer with attention."""


def run_decoder(
    weights: NetworkWeights, target: Int64Array, memory: Memory | None, state: LayerState
) -> tuple[DecoderPass, list[LayerTrace]]:
    """Decode input ids [B, T] from an initial state; ``memory`` is None in a language model."""
    config = weights.config
    x = weights.embed(target, "decoder.embedding.weight")
    if config.has_decoder_blocks:
        found = _run_blocks(weights, x, memory, state)
    elif config.input_feeding:
        found = _run_steps(weights, x, memory, state)
    else:
        found = _run_classic_layers(weights, x, memory, state)
    first_read = np.zeros(len(target), dtype=np.int64)
    numbered = enumerate(found.values, start=1)
    return found, [LayerTrace("decoder", number, "forward", values, first_read) for number, values in numbered]


def build_memory_and_state(weights: NetworkWeights, encoded: EncoderPass) -> tuple[Memory, LayerState]:
    """Return the memory for the attention of all steps, and the initial state of the decoder."""
    config = weights.config
    names = _attention_names(config)
    projected = [project_memory(weights, name, encoded.memory) for name in names]
    state: list[Float32Array] = []
    for number, layer in enumerate(config.initial_state_layers):
        for spec, final in zip(state_specs(config.cell, config.width), encoded.states[layer], strict=True):
            if spec.kind == "auxiliary":
                state.append(np.zeros((len(final), spec.size), dtype=np.float32))
            elif config.design == "classic":
                state.append(final)
            elif spec.kind == "hidden":
                state.append(np.tanh(weights.linear(final, f"decoder.bridge.outputs.{number}")))
            else:
                state.append(weights.linear(final, f"decoder.bridge.cells.{number}"))
    if config.input_feeding:  # the attentional vector starts at zero
        state.append(np.zeros((len(encoded.mask), config.width), dtype=np.float32))
    return Memory(projected, encoded.mask), tuple(state)


def _attention_names(config: ModelConfig) -> list[str]:
    """Return the names of the attention layers."""
    if config.attention == "none":
        return []
    if config.has_decoder_blocks:
        return [f"decoder.blocks.{layer}.attention" for layer in range(config.decoder_layers)]
    return ["decoder.attention"]


def _run_blocks(weights: NetworkWeights, x: Float32Array, memory: Memory | None, state: LayerState) -> DecoderPass:
    """Run the decoder blocks over embeddings x [B, T, D]."""
    config, new_state = weights.config, list[Float32Array]()
    values: list[NamedValues] = []
    attention: list[Float32Array] = []
    count = len(state_specs(config.cell, config.width))
    for layer in range(config.decoder_layers):
        name = f"decoder.blocks.{layer}"
        inputs = weights.layer_norm(x, f"{name}.recurrent_norm")
        found = _run_module(weights, f"{name}.recurrent", inputs, state[layer * count : (layer + 1) * count])
        x = x + found.outputs
        values += found.values
        new_state += found.state
        if memory is not None and memory.keys_and_values:
            query, keys_and_values = weights.layer_norm(x, f"{name}.attention_norm"), memory.keys_and_values[layer]
            context, shares = attend(weights, f"{name}.attention", query, keys_and_values, memory.mask)
            x = x + context
            attention.append(shares)
        x = weights.feed_forward_sublayer(x, name)
    return DecoderPass(weights.layer_norm(x, "decoder.norm"), tuple(new_state), values, attention)


def _run_steps(weights: NetworkWeights, x: Float32Array, memory: Memory | None, state: LayerState) -> DecoderPass:
    """Run the classic decoder with input feeding over embeddings x [B, T, D], one step at a time."""
    steps: list[DecoderPass] = []
    for step in np.split(x, x.shape[1], axis=1):
        inputs = np.concatenate((step, state[-1][:, None]), axis=-1)
        found = _run_classic_layers(weights, inputs, memory, state[:-1])
        state = (*found.state, found.outputs[:, 0])
        steps.append(found)
    values = [
        {name: np.concatenate([layer[name] for layer in layers], axis=1) for name in layers[0]}
        for layers in zip(*(step.values for step in steps), strict=True)
    ]
    attention = [np.concatenate(shares, axis=2) for shares in zip(*(step.attention for step in steps), strict=True)]
    return DecoderPass(np.concatenate([step.outputs for step in steps], axis=1), state, values, attention)


def _run_classic_layers(
    weights: NetworkWeights, x: Float32Array, memory: Memory | None, state: LayerState
) -> DecoderPass:
    """Run all layers and the attention of the classic decoder over inputs x [B, T, I]."""
    config, new_state = weights.config, list[Float32Array]()
    values: list[NamedValues] = []
    stacked = CELL_TRAITS[config.cell].stacked
    count = len(state) if stacked else len(state_specs(config.cell, config.width))
    y = x
    for layer in range(1 if stacked else config.decoder_layers):
        layer_state = state[layer * count : (layer + 1) * count]
        found = _run_module(weights, f"decoder.layers.{layer}", y, layer_state)
        y = y + found.outputs if config.residual and layer else found.outputs
        values += found.values
        new_state += found.state
    if memory is None or not memory.keys_and_values:
        return DecoderPass(y, tuple(new_state), values, [])
    context, shares = attend(weights, "decoder.attention", y, memory.keys_and_values[0], memory.mask)
    output = np.tanh(weights.linear(np.concatenate((context, y), axis=-1), "decoder.combine"))
    return DecoderPass(output, tuple(new_state), values, [shares])


def _run_module(weights: NetworkWeights, name: str, x: Float32Array, state: LayerState) -> RecurrentPass:
    """Run a recurrent layer, or a stack, over inputs x [B, T, I]."""
    config = weights.config
    if config.cell == "lstm":
        return run_lstm(weights, f"{name}.lstm", x, state)
    return run_cell(weights, f"{name}.cell", x, state, config.decoder_layers if CELL_TRAITS[config.cell].stacked else 1)
