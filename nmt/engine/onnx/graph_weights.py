"""Weights of an exported model, recovered from its ONNX graphs.

The export (`nmt.engine.onnx.encoder_graph`, `nmt.engine.onnx.step_graph`) joins, scales and reorders weights. This
module undoes that and returns the weights under their names in the torch network. Weights of int8 graphs are
dequantised.

Shapes: D width.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np

from nmt.config.model import ModelConfig
from nmt.engine.onnx.initializers import read_initializers
from nmt.engine.onnx.quantisation import LSTM_INPUT_GAIN
from nmt.utils.arrays import AnyArray, Float32Array

Float32Arrays = dict[str, Float32Array]

_ENCODER_GATES = (0, 2, 3, 1)  # positions of torch's gates (input, forget, candidate, output) in the encoder graph
_STEP_GATES = (0, 1, 3, 2)  # and in the step graphs
_LAYER_NORM = re.compile(r"(?P<name>.+)\.times\.(?P<gain>[\d.]+)")


def read_graph_weights(folder: Path, model: ModelConfig) -> Float32Arrays:
    """Return the weights of a network by name, from the folder of its ONNX graphs.

    The two biases of an LSTM are returned as their sum and zeros.
    """
    weights: Float32Arrays = {}
    for name, value in _dequantise(read_initializers(folder / "encoder.onnx"), model.width).items():
        weights |= _restore_lstm_of_encoder(name, value, model) or _restore_weight(name, value, model)
    for name, value in _dequantise(read_initializers(folder / "scores.onnx"), model.width).items():
        weights |= _restore_lstm_of_decoder(name, value, model) or _restore_weight(name, value, model)
    return weights


def _dequantise(initializers: dict[str, AnyArray], width: int) -> Float32Arrays:
    """Return the weights in fp32; constants and scales are left out."""
    weights: Float32Arrays = {}
    for name, value in initializers.items():
        table = name.removesuffix(".levels")
        if table == name:
            if value.dtype == np.float32 and not re.search(r"^constant_|\.(scales|scales_column|input_scales)$", name):
                weights[name] = value
        elif f"{table}.input_scales" in initializers:  # embeddings are multiplied by √D
            scales = initializers[f"{table}.input_scales"] / np.float32(math.sqrt(width))
            weights[table] = (value * scales).astype(np.float32, copy=False)
        elif f"{table}.scales_column" in initializers:
            weights[table] = value * initializers[f"{table}.scales_column"]
        else:
            weights[table] = value * initializers[f"{table}.scales"][:, None]
    return weights


def _restore_lstm_of_encoder(name: str, value: Float32Array, model: ModelConfig) -> Float32Arrays:
    """Return torch's weights of an encoder LSTM from those of ONNX's operator; nothing for other weights."""
    match = re.fullmatch(r"encoder\.blocks\.(\d+)\.recurrent\.lstm\.(input|recurrent|bias)", name)
    if match is None:
        return {}
    lstm, kind = name.rpartition(".")[0], match[2]
    suffixes = ("", "_reverse") if model.is_bidirectional(int(match[1])) else ("",)
    directions = value[:, : value.shape[1] // 2] if kind == "bias" else np.split(value, len(suffixes))
    weights: Float32Arrays = {}
    for suffix, of_direction in zip(suffixes, directions, strict=True):
        weights |= _lstm_weights(lstm, kind, _reorder_gates(of_direction, _ENCODER_GATES), suffix)
    return weights


def _restore_lstm_of_decoder(name: str, value: Float32Array, model: ModelConfig) -> Float32Arrays:
    """Return torch's weights of a decoder LSTM from those of a step graph; nothing for other weights."""
    match = re.fullmatch(r"decoder\..+\.lstm\.(both|bias)", name)
    if match is None:
        return {}
    lstm, value = name.rpartition(".")[0], _reorder_gates(value, _STEP_GATES)
    if match[1] == "bias":
        return _lstm_weights(lstm, "bias", value)
    inputs, recurrent = value[:, : -model.width], value[:, -model.width :]
    if model.has_decoder_blocks or lstm == "decoder.layers.0.lstm":
        inputs = inputs.copy()
        inputs[:, : model.width] *= np.float32(LSTM_INPUT_GAIN)
    return _lstm_weights(lstm, "input", inputs) | _lstm_weights(lstm, "recurrent", recurrent)


def _lstm_weights(lstm: str, kind: str, value: Float32Array, suffix: str = "") -> Float32Arrays:
    """Return one weight of an LSTM under its name in torch; for the sum of the biases, two biases."""
    if kind == "bias":
        return {f"{lstm}.bias_ih_l0{suffix}": value, f"{lstm}.bias_hh_l0{suffix}": np.zeros_like(value)}
    return {f"{lstm}.weight_{'ih' if kind == 'input' else 'hh'}_l0{suffix}": value}


def _reorder_gates(value: Float32Array, order: tuple[int, ...]) -> Float32Array:
    """Return the gates of weights or biases [4 × D, ...] in another order."""
    gates = np.split(value, 4)
    return np.concatenate([gates[position] for position in order])


def _restore_weight(name: str, value: Float32Array, model: ModelConfig) -> Float32Arrays:
    """Return a weight other than those of LSTMs under its name in torch."""
    if name == "never_proposed":
        return {}
    if match := _LAYER_NORM.fullmatch(name):
        return {match["name"]: value / np.float32(match["gain"])}
    prefix, _, kind = name.rpartition(".")
    scale = np.float32(math.sqrt(model.width // model.heads))
    match kind:
        case "scaled":  # the query projection of multi-head attention
            return {f"{prefix}.weight": value * scale}
        case "offset":
            return {f"{prefix}.bias": value.reshape(-1) * scale}
        case "transposed":
            return {f"{prefix}.weight": value.T}
        case "column":
            return {f"{prefix}.weight": value.T}
    return {name: value}
