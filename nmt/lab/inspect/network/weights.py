"""Weights of a network, and the layers that are functions of the weights alone.

Shapes: V vocabulary size, D width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from nmt.config.model import ModelConfig
from nmt.engine.onnx.graph_weights import read_graph_weights
from nmt.model_directory.directory import LanguageModelDirectory, ModelDirectory
from nmt.utils.arrays import Float32Array, Int64Array
from nmt.utils.errors import CarouselError

_OUTPUT = "output"  # name of the output layer, which is also the embedding table if the two are tied
_EPSILON = 1e-5  # of layer normalisation


@dataclass(frozen=True)
class NetworkWeights:
    """The configuration of a network and its weights by their names in the torch network."""

    config: ModelConfig
    arrays: Mapping[str, Float32Array]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def __getitem__(self, name: str) -> Float32Array:
        return self.arrays[name]

    def embed(self, ids: Int64Array, name: str) -> Float32Array:
        """Return the scaled embeddings [..., D] of ids [...]; see `nmt.model.layers.ScaledEmbedding`."""
        table = self.arrays[name if name in self.arrays else _OUTPUT]
        return table[ids] * np.float32(math.sqrt(table.shape[1]))

    def linear(self, x: Float32Array, name: str) -> Float32Array:
        """Apply a `torch.nn.Linear` layer, which may have no bias, to x [..., in]."""
        y = x @ self.arrays[f"{name}.weight"].T
        bias = self.arrays.get(f"{name}.bias")
        return y if bias is None else y + bias

    def layer_norm(self, x: Float32Array, name: str) -> Float32Array:
        """Apply a `torch.nn.LayerNorm` to the last dimension of x."""
        return normalise_rows(x) * self.arrays[f"{name}.weight"] + self.arrays[f"{name}.bias"]

    def feed_forward_sublayer(self, x: Float32Array, block: str) -> Float32Array:
        """Apply the feed-forward sublayer of a block, with layer normalisation before it and a residual connection."""
        y = self.linear(self.layer_norm(x, f"{block}.feed_forward_norm"), f"{block}.feed_forward.widen")
        return x + self.linear(np.maximum(y, 0.0), f"{block}.feed_forward.narrow")

    def log_probabilities(self, decoder_outputs: Float32Array) -> Float32Array:
        """Return the log-probabilities [..., V] of the next piece from decoder outputs [..., D]."""
        logits = decoder_outputs @ self.arrays[_OUTPUT].T
        shifted = logits - logits.max(axis=-1, keepdims=True)
        scores: Float32Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        return scores


def normalise_rows(x: Float32Array) -> Float32Array:
    """Normalise the last dimension of x to zero mean and unit variance."""
    centred = x - x.mean(axis=-1, keepdims=True)
    normalised: Float32Array = centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(_EPSILON))
    return normalised


def load_weights(directory: ModelDirectory | LanguageModelDirectory) -> NetworkWeights:
    """Load the weights of a model directory: the trained weights, or those of its graphs, which may be quantised.

    Raises CarouselError if the file of weights is damaged.
    """
    config = directory.card.model
    if directory.weights is not None:
        return NetworkWeights(config, _load_trained_weights(directory.weights))
    assert isinstance(directory, ModelDirectory)
    assert directory.graphs is not None  # a translator has weights or graphs
    return NetworkWeights(config, read_graph_weights(directory.graphs, config))


def _load_trained_weights(path: Path) -> Mapping[str, Float32Array]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CarouselError(f"{path}: is damaged ({error}); copy the model directory again") from None
