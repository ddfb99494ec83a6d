"""Recurrent layers that return their gates and states at every step.

Shapes: B texts, T steps, I input width, D width of one direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nmt.lab.inspect.network.gates import gate_names, split_gates
from nmt.lab.inspect.network.ops import ArrayOps, sigmoid
from nmt.lab.inspect.network.trace import NamedValues
from nmt.lab.inspect.network.weights import NetworkWeights
from nmt.model.cells.registry import build_cell
from nmt.utils.arrays import BoolArray, Float32Array

LayerState = tuple[Float32Array, ...]
"""State of a layer: arrays [B, ...]. For the LSTM, the hidden state and the cell state (h, c), both [B, D]."""


class RecurrentPass(NamedTuple):
    """Result of a recurrent layer, or of a stack of layers, for a batch of sequences."""

    outputs: Float32Array
    """Outputs [B, T, D] of the top layer; zero in the padding."""
    state: LayerState
    """State after the last step of each sequence."""
    values: list[NamedValues]
    """Gates and states [B, T, D] by name, for each layer of the stack."""


def run_lstm(
    weights: NetworkWeights,
    name: str,
    x: Float32Array,
    state: LayerState,
    mask: BoolArray | None = None,
    backwards: bool = False,
) -> RecurrentPass:
    """Run an LSTM layer with torch's weights.

    Args:
        weights: Weights of the network.
        name: Name of the layer's `torch.nn.LSTM`.
        x: Inputs [B, T, I].
        state: (h, c), each [B, D], before the first step.
        mask: [B, T, 1], false at padding, where states do not change.
        backwards: Whether to read from the last step to the first, with the weights of the backward direction.

    Returns:
        The result with the values "cell", "hidden", "input", "forget", "output" and "candidate".
    """
    suffix = "_l0_reverse" if backwards else "_l0"
    bias = weights[f"{name}.bias_ih{suffix}"] + weights[f"{name}.bias_hh{suffix}"]
    sums = x @ weights[f"{name}.weight_ih{suffix}"].T + bias
    recurrent = weights[f"{name}.weight_hh{suffix}"].T
    h, c = state
    width = h.shape[-1]
    # The gates are in torch's order, to which the states are appended.
    names = ("input", "forget", "candidate", "output", "cell", "hidden")
    recorded = np.zeros((len(names), *x.shape[:2], width), dtype=np.float32)
    for t in _steps(x.shape[1], backwards):
        input_, forget, candidate, output = np.split(sums[:, t] + h @ recurrent, 4, axis=-1)
        gates = sigmoid(input_), sigmoid(forget), np.tanh(candidate), sigmoid(output)
        new_c = gates[1] * c + gates[0] * gates[2]
        new_h = gates[3] * np.tanh(new_c)
        recorded[:, :, t] = (*gates, new_c, new_h)
        h, c = (new_h, new_c) if mask is None else _keep_state(mask[:, t], (new_h, new_c), (h, c))
    values = dict(zip(names, recorded, strict=True))
    outputs = values["hidden"] if mask is None else values["hidden"] * mask
    return RecurrentPass(outputs, (h, c), [values])


def run_cell(
    weights: NetworkWeights,
    name: str,
    x: Float32Array,
    state: LayerState,
    layers: int,
    mask: BoolArray | None = None,
    backwards: bool = False,
) -> RecurrentPass:
    """Run a layer of any cell but the LSTM, or all layers of a stacked cell.

    Args:
        weights: Weights of the network.
        name: Name of the layer's `nmt.model.unrolled_cell.UnrolledCell`.
        x: Inputs [B, T, I].
        state: State before the first step.
        layers: Number of layers, if the cell is stacked.
        mask: [B, T, 1], false at padding, where states do not change.
        backwards: Whether to read from the last step to the first.
    """
    config = weights.config
    width = state[0].shape[-1]
    cell = build_cell(config.cell, x.shape[-1], width, layers, config.forget_bias)
    ops = ArrayOps(weights, name)
    projected = cell.project_input(ops, x)
    # The update gate of mut1 depends on the input only, so `project_input` computes it, not `step`.
    updates = ops.results[-1] if config.cell == "mut1" else None
    outputs = np.zeros((*x.shape[:2], width), dtype=np.float32)
    parts, by_step = cell.state_specs(width), dict[int, list[NamedValues]]()
    for t in _steps(x.shape[1], backwards):
        ops.results.clear()
        y, new_state = cell.step(ops, projected[:, t], state)
        results = iter(ops.results)
        by_step[t] = []
        for layer in range(cell.layers):
            of_layer = zip(parts, new_state[layer * len(parts) : (layer + 1) * len(parts)], strict=True)
            values: NamedValues = {part.kind: value for part, value in of_layer if part.kind != "auxiliary"}
            values.setdefault("hidden", y)
            if updates is not None:
                values["update"] = updates[:, t]
            for names in gate_names(config.cell, layer, cell.layers):
                values |= split_gates(names, next(results), width)
            by_step[t].append(values)
        state = new_state if mask is None else _keep_state(mask[:, t], new_state, state)
        outputs[:, t] = y if mask is None else y * mask[:, t]
    by_layer = [[by_step[t][layer] for t in range(x.shape[1])] for layer in range(cell.layers)]
    stacked = [{name: np.stack([at[name] for at in times], axis=1) for name in times[0]} for times in by_layer]
    return RecurrentPass(outputs, state, stacked)


def _steps(count: int, backwards: bool) -> Iterator[int]:
    """Yield the positions in reading order."""
    yield from reversed(range(count)) if backwards else range(count)


def _keep_state(mask: BoolArray, new: LayerState, old: LayerState) -> LayerState:
    """Return the new state at tokens, where ``mask`` [B, 1] is true, and the old state at padding."""
    return tuple(np.where(mask, *pair) for pair in zip(new, old, strict=True))
