"""Weights of a network in the form that the native engine packs, from the tensors of its ONNX graphs.

Shapes: D width, V vocabulary, H attention heads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nmt.config.model import ModelConfig
from nmt.engine.onnx.quantisation import LSTM_INPUT_GAIN, MAX_LEVEL
from nmt.utils.arrays import AnyArray, Float32Array

_ONNX_GATES = [0, 2, 1, 3]  # positions of the input, forget and output gate and the candidate in ONNX's LSTM
_OUTPUT = "output"


@dataclass(frozen=True)
class MatrixWeights:
    """A matrix [outputs, inputs] and the bias that is added to its product."""

    values: AnyArray
    """Floats, or int8 levels."""
    scales: Float32Array | None
    """Scale of each output of int8 levels."""
    bias: Float32Array | None = None
    output_parts: int = 1
    """Number of equal parts of the outputs, each of which the engine pads for itself."""
    input_parts: int = 1
    is_lstm: bool = False
    """True for four output parts that are the input, forget and output gate and the candidate."""


@dataclass(frozen=True)
class NetworkWeights:
    """All weights of a network, by the names that ``src/model.cpp`` uses."""

    matrices: dict[str, MatrixWeights]
    vectors: dict[str, Float32Array]
    tables: dict[str, MatrixWeights]
    shared_tables: dict[str, str]
    """Tables that are the same as another one, by name."""


def supports(model: ModelConfig) -> bool:
    """Return whether the native engine can compute a network."""
    return model.cell == "lstm"


def convert_weights(
    tensors: Mapping[str, AnyArray], model: ModelConfig, source_vocabulary: int, target_vocabulary: int
) -> NetworkWeights:
    """Return the weights in the tensors of a model's graphs.

    Raises:
        ValueError: A tensor is missing, has another shape or type than the network needs, or is not finite.
    """
    return _Converter(tensors, model, source_vocabulary, target_vocabulary).convert()


class _Converter:
    """Converter of the tensors of one model, which are fp32 or int8."""

    def __init__(
        self, tensors: Mapping[str, AnyArray], model: ModelConfig, source_vocabulary: int, target_vocabulary: int
    ) -> None:
        self._tensors, self._model = tensors, model
        self._vocabularies = source_vocabulary, target_vocabulary
        self._int8 = f"{_OUTPUT}.levels" in tensors
        self._matrices: dict[str, MatrixWeights] = {}
        self._vectors: dict[str, Float32Array] = {}

    def convert(self) -> NetworkWeights:
        """Return the weights of all layers."""
        model = self._model
        for layer in range(model.encoder_layers):
            self._add_encoder_layer(layer)
        for layer in range(model.decoder_layers):
            self._add_decoder_layer(layer)
        if model.design == "blocks":
            self._add_layer_norm("encoder.norm", "encoder.norm")
        if model.has_decoder_blocks:
            self._add_layer_norm("decoder.norm", "decoder.norm")
        elif model.attention != "none":
            self._add_attention("decoder.attention", "decoder.attention")
            self._matrices["decoder.combine"] = self._linear(
                "decoder.combine", model.width, 2 * model.width, input_parts=2
            )
        tables, shared = self._tables()
        return NetworkWeights(self._matrices, self._vectors, tables, shared)

    def _tables(self) -> tuple[dict[str, MatrixWeights], dict[str, str]]:
        source_vocabulary, target_vocabulary = self._vocabularies
        tables = {"output": self._matrix(_OUTPUT, target_vocabulary, self._model.width)}
        shared = {}
        for name, side, size in (("source", "encoder", source_vocabulary), ("target", "decoder", target_vocabulary)):
            stored = f"{side}.embedding.weight"
            # Tied tables are stored once; whether the source shares one too depends on the tokenizer.
            is_stored = stored in self._tensors or f"{stored}.levels" in self._tensors
            if self._model.tie_embeddings and size == target_vocabulary and not is_stored:
                shared[name] = "output"
            else:
                tables[name] = self._table(stored, size)
        return tables, shared

    def _table(self, name: str, rows: int) -> MatrixWeights:
        """Return an embedding table, whose scales are stored times the factor of the embeddings."""
        if not self._int8:
            return self._matrix(name, rows, self._model.width)
        scales = self._tensor(f"{name}.input_scales", (rows, 1))[:, 0] / np.float32(math.sqrt(self._model.width))
        return MatrixWeights(self._levels(name, (rows, self._model.width)), scales.astype(np.float32))

    def _add_encoder_layer(self, layer: int) -> None:
        model, width = self._model, self._model.width
        directions = 1 + model.is_bidirectional(layer)
        units = width // directions
        name, stored = f"encoder.{layer}", f"encoder.blocks.{layer}"
        lstm = f"{stored}.recurrent.lstm"
        inputs = self._matrix(f"{lstm}.input", 4 * width, width, "scales_column")
        recurrent = self._matrix(f"{lstm}.recurrent", 4 * width, units, "scales_column")
        biases = self._tensor(f"{lstm}.bias", (directions, 8 * units))
        for direction in range(directions):
            gates = _onnx_gate_rows(direction, units)
            bias = biases.reshape(-1, units)[8 * direction :][_ONNX_GATES].ravel()
            self._matrices[f"{name}.input.{direction}"] = _lstm_rows(inputs, gates, bias)
            self._matrices[f"{name}.recurrent.{direction}"] = _lstm_rows(recurrent, gates, None)
        if model.design == "blocks":
            self._add_layer_norm(f"{name}.recurrent_norm", f"{stored}.recurrent_norm")
            self._add_feed_forward(name, stored)

    def _add_decoder_layer(self, layer: int) -> None:
        model, width = self._model, self._model.width
        name = f"decoder.{layer}"
        stored = f"decoder.blocks.{layer}" if model.has_decoder_blocks else f"decoder.layers.{layer}"
        lstm = f"{stored}.recurrent.lstm" if model.has_decoder_blocks else f"{stored}.lstm"
        parts = 2 + (layer == 0 and model.input_feeding)
        matrix = self._matrix(f"{lstm}.both", 4 * width, parts * width)
        bias = self._tensor(f"{lstm}.bias", (4 * width,))
        self._matrices[f"{name}.lstm"] = MatrixWeights(matrix.values, matrix.scales, bias, 4, parts, is_lstm=True)
        if model.has_decoder_blocks:
            # The factor of the inputs of an LSTM is part of the normalisation.
            self._add_layer_norm(f"{name}.recurrent_norm", f"{stored}.recurrent_norm", gain=LSTM_INPUT_GAIN)
            self._add_feed_forward(name, stored)
            if model.attention != "none":
                self._add_layer_norm(f"{name}.attention_norm", f"{stored}.attention_norm")
                self._add_attention(f"{name}.attention", f"{stored}.attention")
        if model.design == "blocks":
            for kind, part in (("hidden", "outputs"), ("cell", "cells")):
                self._matrices[f"bridge.{layer}.{kind}"] = self._linear(f"decoder.bridge.{part}.{layer}", width, width)

    def _add_attention(self, name: str, stored: str) -> None:
        width = self._model.width
        if self._model.attention == "dot":
            self._matrices[f"{name}.memory"] = self._matrix(f"{stored}.project.weight", width, width)
        elif self._model.attention == "additive":
            self._matrices[f"{name}.memory"] = self._matrix(f"{stored}.of_memory.weight", width, width)
            self._matrices[f"{name}.query"] = self._linear(f"{stored}.of_query", width, width)
            self._vectors[f"{name}.vector"] = self._tensor(f"{stored}.score.column", (width, 1))[:, 0]
        else:
            self._add_multihead_attention(name, stored)

    def _add_multihead_attention(self, name: str, stored: str) -> None:
        """Add multi-head attention. The query of the graphs includes the scaling of the scores."""
        width, heads = self._model.width, self._model.heads
        query = self._matrix(f"{stored}.query.scaled", width, width, "scales_column")
        offset = self._tensor(f"{stored}.query.offset", (heads, 1, width // heads)).ravel()
        self._matrices[f"{name}.query"] = MatrixWeights(query.values, query.scales, offset, output_parts=heads)
        memory = self._linear(f"{stored}.key_value", 2 * width, width)
        output = self._matrix(f"{stored}.output.transposed", width, width, "scales_column")
        output_scales = None
        if output.scales is not None and memory.scales is not None and memory.bias is not None:
            # The levels have a scale for each input, and the kernels need one for each output. Contexts are linear in
            # the values, so the scales are moved to the projection of the values.
            factors = np.concatenate((np.ones(width, dtype=np.float32), output.scales))
            memory = MatrixWeights(memory.values, memory.scales * factors, memory.bias * factors)
            output_scales = np.ones(width, dtype=np.float32)
        self._matrices[f"{name}.memory"] = MatrixWeights(
            memory.values, memory.scales, memory.bias, output_parts=2 * heads
        )
        bias = self._tensor(f"{stored}.output.bias", (width,))
        self._matrices[f"{name}.output"] = MatrixWeights(output.values.T, output_scales, bias, input_parts=heads)

    def _add_feed_forward(self, name: str, stored: str) -> None:
        width, inner = self._model.width, self._model.feed_forward_width
        self._add_layer_norm(f"{name}.feed_forward_norm", f"{stored}.feed_forward_norm")
        self._matrices[f"{name}.widen"] = self._linear(f"{stored}.feed_forward.widen", inner, width)
        self._matrices[f"{name}.narrow"] = self._linear(f"{stored}.feed_forward.narrow", width, inner)

    def _add_layer_norm(self, name: str, stored: str, gain: float = 1.0) -> None:
        for part in ("weight", "bias"):
            self._vectors[f"{name}.{part}"] = self._tensor(f"{stored}.{part}.times.{gain}", (self._model.width,))

    def _linear(self, name: str, outputs: int, inputs: int, input_parts: int = 1) -> MatrixWeights:
        matrix = self._matrix(f"{name}.weight", outputs, inputs)
        bias = self._tensor(f"{name}.bias", (outputs,))
        return MatrixWeights(matrix.values, matrix.scales, bias, input_parts=input_parts)

    def _matrix(self, name: str, rows: int, columns: int, scales: str = "scales") -> MatrixWeights:
        if not self._int8:
            return MatrixWeights(self._tensor(name, (rows, columns)), None)
        shape = (rows, 1) if scales == "scales_column" else (rows,)
        return MatrixWeights(self._levels(name, (rows, columns)), self._tensor(f"{name}.{scales}", shape).reshape(-1))

    def _levels(self, name: str, shape: tuple[int, ...]) -> AnyArray:
        levels = self._tensor(f"{name}.levels", shape, np.int8)
        # Larger levels would overflow on processors that add pairs of products in 16 bits.
        if levels.max(initial=0) > MAX_LEVEL or levels.min(initial=0) < -MAX_LEVEL:
            raise ValueError(f"{name} has levels outside of ±{MAX_LEVEL}")
        return levels

    def _tensor(self, name: str, shape: tuple[int, ...], dtype: type[np.generic] = np.float32) -> AnyArray:
        if name not in self._tensors:
            raise ValueError(f"{name} is missing")
        tensor = self._tensors[name]
        if tensor.shape != shape or tensor.dtype != dtype:
            raise ValueError(
                f"{name} is {tensor.dtype} of shape {tensor.shape}, not {np.dtype(dtype)} of shape {shape}"
            )
        if dtype == np.float32 and not np.isfinite(tensor).all():
            raise ValueError(f"{name} is not finite")
        return tensor


def _onnx_gate_rows(direction: int, units: int) -> AnyArray:
    """Return the indices of a direction's rows, in the order of the gates that the engine uses."""
    rows = np.arange(4 * units).reshape(4, units)[_ONNX_GATES].ravel()
    return rows + direction * 4 * units


def _lstm_rows(matrix: MatrixWeights, rows: AnyArray, bias: Float32Array | None) -> MatrixWeights:
    scales = None if matrix.scales is None else matrix.scales[rows]
    return MatrixWeights(matrix.values[rows], scales, bias, output_parts=4, is_lstm=True)
