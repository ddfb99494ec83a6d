"""Layers that the encoder graph and the step graph share, in fp32 and in int8.

Shapes: D width, V vocabulary. A row is a vector along the last dimension.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from nmt.config.model import ModelConfig
from nmt.engine.onnx.graph_builder import GraphBuilder, WeightFile
from nmt.engine.onnx.quantisation import quantise
from nmt.model.cells.registry import state_specs
from nmt.utils.arrays import AnyArray

Precision = Literal["fp32", "int8"]
Weights = Mapping[str, AnyArray]
"""Trained arrays by their names in the torch network."""

OUTPUT_LAYER = "output"
"""Name of the output layer [V, D], which is also the embedding table if the two are tied."""


class LayerBuilder:
    """Base class of graph builders, with methods that add the layers of `nmt.model`."""

    def __init__(
        self, name: str, model: ModelConfig, weights: Weights, precision: Precision, weight_file: WeightFile
    ) -> None:
        self.model, self.weights, self.int8 = model, weights, precision == "int8"
        self.graph = self.main_graph = GraphBuilder(name, weight_file)

    def copy_for_loop_body(self, body: GraphBuilder) -> LayerBuilder:
        """Return a copy that adds layers to a loop body; weights are prepared outside of the loop."""
        layers = copy.copy(self)
        layers.graph = body
        return layers

    def weight_vector(self, name: str) -> str:
        """Add a trained vector; return its name."""
        return self.graph.weight(name, self.weights[name])

    def linear(self, x: str, name: str, bias: bool = True, non_negative: bool = False) -> str:
        """Add a `torch.nn.Linear` layer for x [..., in]; ``non_negative`` says that x has no negative values."""
        y = self.matmul(x, f"{name}.weight", self.weights[f"{name}.weight"], non_negative)
        return self.graph.op("Add", y, self.weight_vector(f"{name}.bias")) if bias else y

    def matmul(self, x: str, name: str, weight: AnyArray, non_negative: bool = False) -> str:
        """Multiply x [..., in] by a transposed weight matrix [out, in]; the runtime transposes it once, at loading."""
        graph, main_graph = self.graph, self.main_graph
        if not self.int8:
            return graph.op("MatMul", x, main_graph.op("Transpose", graph.weight(name, weight), perm=[1, 0]))
        levels, scales = quantise(weight)
        x_levels, peaks = self.quantise_rows(x, non_negative)
        weight_levels = main_graph.op("Transpose", graph.weight(f"{name}.levels", levels), perm=[1, 0])
        factors, zero = (graph.constant(1 / 127), graph.weight(f"{name}.scales", scales)), graph.constant(128, np.uint8)
        y = graph.op("MatMulIntegerToFloat", x_levels, weight_levels, *factors, zero)
        return graph.op("Mul", y, peaks)

    def quantise_rows(self, x: str, non_negative: bool = False) -> tuple[str, str]:
        """Quantise x [..., n] to levels 1 to 255, in which 128 is zero, and the largest magnitude of each row [..., 1].

        A scale per row keeps the result of a row independent of the other rows. A row of zeros is divided by 0, but its
        product is multiplied by its peak, which is 0.
        """
        graph = self.graph
        magnitudes = x if non_negative else graph.op("Abs", x)
        peaks = graph.op("ReduceMax", magnitudes, graph.int64_vector(-1), keepdims=1)
        ratio = graph.op("Div", x, peaks)
        return graph.op("QuantizeLinear", ratio, graph.constant(1 / 127), graph.constant(128, np.uint8)), peaks

    def fp32_matrix(self, name: str, matrix: AnyArray) -> str:
        """Add a matrix [rows, columns] for operators that compute in fp32; in int8 graphs it is stored quantised."""
        graph = self.graph
        if not self.int8:
            return graph.weight(name, matrix)
        levels, scales = quantise(matrix)
        as_float = graph.op("Cast", graph.weight(f"{name}.levels", levels), to=1)
        return graph.op("Mul", as_float, graph.weight(f"{name}.scales_column", scales[:, None]))

    def embed(self, ids: str, name: str) -> str:
        """Look up scaled embeddings [..., D] of ids [...]; see `nmt.model.layers.ScaledEmbedding`."""
        graph = self.graph
        name = name if name in self.weights else OUTPUT_LAYER  # tied tables are stored once
        table, scale = self.weights[name], math.sqrt(self.model.width)
        if not self.int8:
            return graph.op("Mul", graph.op("Gather", graph.weight(name, table), ids), graph.constant(scale))
        levels, scales = quantise(table)
        rows = graph.op("Cast", graph.op("Gather", graph.weight(f"{name}.levels", levels), ids), to=1)
        factors = graph.weight(f"{name}.input_scales", scales[:, None] * np.float32(scale))
        return graph.op("Mul", rows, graph.op("Gather", factors, ids))

    def layer_norm(self, x: str, name: str, gain: float = 1.0) -> str:
        """Add a `torch.nn.LayerNorm` over the last dimension, times ``gain``."""
        vectors = [
            self.graph.weight(f"{name}.{part}.times.{gain}", np.float32(gain) * self.weights[f"{name}.{part}"])
            for part in ("weight", "bias")
        ]
        return self.graph.op("LayerNormalization", x, *vectors, epsilon=1e-5)

    def feed_forward_sublayer(self, x: str, block: str) -> str:
        """Add layer normalisation, a `nmt.model.layers.FeedForward` network and the residual connection of a block."""
        y = self.linear(self.layer_norm(x, f"{block}.feed_forward_norm"), f"{block}.feed_forward.widen")
        y = self.linear(self.graph.op("Relu", y), f"{block}.feed_forward.narrow", non_negative=True)
        return self.graph.op("Add", x, y)


def attention_layer_names(model: ModelConfig) -> list[str]:
    """Return the names of the decoder's attention layers in the torch network."""
    if model.attention == "none":
        return []
    if not model.has_decoder_blocks:
        return ["decoder.attention"]
    return [f"decoder.blocks.{layer}.attention" for layer in range(model.decoder_layers)]


def num_attention_heads(model: ModelConfig) -> int:
    """Return the number of attention heads, which is 1 except for multi-head attention."""
    return model.heads if model.attention == "multihead" else 1


def decoder_state_sizes(model: ModelConfig) -> list[int]:
    """Return the sizes of all tensors of the decoder state; with input feeding, the last is the attentional vector."""
    layer_sizes = [spec.size for spec in state_specs(model.cell, model.width)]
    return layer_sizes * model.decoder_layers + [model.width] * model.input_feeding
