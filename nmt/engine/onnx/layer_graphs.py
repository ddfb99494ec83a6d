"""What encoder and decoder have in common, in fp32 and in int8.

D width. Rows are over all dimensions but the last.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np

from nmt.config.model import ModelConfig
from nmt.engine.onnx.graph_builder import Array, Graph, WeightFile
from nmt.engine.onnx.quantisation import quantise
from nmt.model.cells.families import CELLS

Precision = Literal["fp32", "int8"]
Weights = Mapping[str, Array]
"""The trained arrays by their names in torch."""

EMBEDDING = "output"
"""The name of the output layer's rows [V, D], which are also the embeddings where the two are tied."""


class Layers:
    """A graph in the making, with the layers of `nmt.model` to make it of."""

    def __init__(
        self, name: str, model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile
    ) -> None:
        self.model, self.weights, self.int8 = model, weights, precision == "int8"
        self.graph = self.outside = Graph(name, shared)

    def inside(self, body: Graph) -> Layers:
        """The same layers for the body of a loop, which finds its matrices outside of it."""
        layers = copy.copy(self)
        layers.graph = body
        return layers

    def vector(self, name: str) -> str:
        """A trained vector as it is."""
        return self.graph.weight(name, self.weights[name])

    def linear(self, x: str, name: str, bias: bool = True, positive: bool = False) -> str:
        """A layer of torch's `Linear`: [..., in] to [..., out]; ``positive`` says that nothing in x is negative."""
        y = self.product(x, f"{name}.weight", self.weights[f"{name}.weight"], positive)
        return self.graph.op("Add", y, self.vector(f"{name}.bias")) if bias else y

    def product(self, x: str, name: str, weight: Array, positive: bool = False) -> str:
        """X [..., in] times a constant ``weight`` [out, in], transposed; the runtime transposes once, when it loads."""
        graph, outside = self.graph, self.outside
        if not self.int8:
            return graph.op("MatMul", x, outside.op("Transpose", graph.weight(name, weight), perm=[1, 0]))
        levels, scales = quantise(weight)
        x_levels, peaks = self.quantised_rows(x, positive)
        y = graph.op(
            "MatMulIntegerToFloat",
            x_levels,
            outside.op("Transpose", graph.weight(f"{name}.levels", levels), perm=[1, 0]),
            graph.constant(1 / 127),
            graph.weight(f"{name}.scales", scales),
            graph.constant(128, np.uint8),
        )
        return graph.op("Mul", y, peaks)

    def quantised_rows(self, x: str, positive: bool = False) -> tuple[str, str]:
        """Levels 1 to 255 of x over the largest magnitude of its row, 128 for zero; and that magnitude [..., 1].

        A scale for each row makes a row's result independent of the others. A row of zeros gives 0 / 0, some level
        and a magnitude of 0, whose product is 0 again.
        """
        graph = self.graph
        magnitudes = x if positive else graph.op("Abs", x)
        peaks = graph.op("ReduceMax", magnitudes, graph.whole(-1), keepdims=1)
        ratio = graph.op("Div", x, peaks)
        return graph.op("QuantizeLinear", ratio, graph.constant(1 / 127), graph.constant(128, np.uint8)), peaks

    def constant_matrix(self, name: str, matrix: Array) -> str:
        """A matrix [rows, columns] for operators that compute in fp32; int8 where it is stored."""
        graph = self.graph
        if not self.int8:
            return graph.weight(name, matrix)
        levels, scales = quantise(matrix)
        wide = graph.op("Cast", graph.weight(f"{name}.levels", levels), to=1)
        return graph.op("Mul", wide, graph.weight(f"{name}.scales_column", scales[:, None]))

    def embed(self, ids: str, name: str) -> str:
        """Scaled embeddings [..., D] of ids [...]."""
        graph = self.graph
        name = name if name in self.weights else EMBEDDING  # shared tables are stored once
        table, scale = self.weights[name], math.sqrt(self.model.width)
        if not self.int8:
            return graph.op("Mul", graph.op("Gather", graph.weight(name, table), ids), graph.constant(scale))
        levels, scales = quantise(table)
        rows = graph.op("Cast", graph.op("Gather", graph.weight(f"{name}.levels", levels), ids), to=1)
        factors = graph.weight(f"{name}.input_scales", scales[:, None] * np.float32(scale))
        return graph.op("Mul", rows, graph.op("Gather", factors, ids))

    def layer_norm(self, x: str, name: str, gain: float = 1.0) -> str:
        """Torch's `LayerNorm` over the last dimension, times a gain."""
        vectors = [
            self.graph.weight(f"{name}.{part}.times.{gain}", np.float32(gain) * self.weights[f"{name}.{part}"])
            for part in ("weight", "bias")
        ]
        return self.graph.op("LayerNormalization", x, *vectors, epsilon=1e-5)

    def feed_forward(self, x: str, name: str) -> str:
        """See `nmt.model.layers.FeedForward`."""
        inner = self.graph.op("Relu", self.linear(x, f"{name}.widen"))
        return self.linear(inner, f"{name}.narrow", positive=True)

    def add(self, x: str, y: str) -> str:
        """A residual connection."""
        return self.graph.op("Add", x, y)


def attending(model: ModelConfig) -> list[str]:
    """The names of the layers that attend."""
    if model.attention == "none":
        return []
    if not model.has_decoder_blocks:
        return ["decoder.attention"]
    return [f"decoder.blocks.{layer}.attention" for layer in range(model.decoder_layers)]


def attention_heads(model: ModelConfig) -> int:
    """H: one for all kinds of attention but multi-head."""
    return model.heads if model.attention == "multihead" else 1


def state_sizes(model: ModelConfig) -> list[int]:
    """Z in parts: the state of each layer of the decoder, and the attentional vector of input feeding."""
    of_layer = [part.size for part in CELLS[model.cell].parts(model.width)]
    return of_layer * model.decoder_layers + [model.width] * model.input_feeding
