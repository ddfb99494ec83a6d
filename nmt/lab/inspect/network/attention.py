"""Attention of the decoder over the source sentence; see `nmt.model.attention`.

Shapes: B sentences, Q queries per sentence, S source length, H heads, D width.
"""

from __future__ import annotations

import math

import numpy as np

from nmt.lab.inspect.network.weights import NetworkWeights
from nmt.utils.arrays import BoolArray, Float32Array

KeysAndValues = tuple[Float32Array, Float32Array]
"""Projected memory of the encoder: keys to score queries against, and values to average. The first dimension is B."""


def project_memory(weights: NetworkWeights, name: str, memory: Float32Array) -> KeysAndValues:
    """Project the encoder's memory [B, S, D] to the keys and values of the attention layer with a name."""
    match weights.config.attention:
        case "dot":
            return weights.linear(memory, f"{name}.project"), memory
        case "additive":
            return weights.linear(memory, f"{name}.of_memory"), memory
    key, value = np.split(weights.linear(memory, f"{name}.key_value"), 2, axis=-1)
    return _split_heads(key, weights.config.heads), _split_heads(value, weights.config.heads)


def attend(
    weights: NetworkWeights, name: str, query: Float32Array, keys_and_values: KeysAndValues, mask: BoolArray
) -> tuple[Float32Array, Float32Array]:
    """Attend to the source with queries [B, Q, D]; return contexts [B, Q, D] and attention weights [B, H, Q, S].

    ``mask`` [B, S] is true at tokens and false in the padding.
    """
    key, value = keys_and_values
    match weights.config.attention:
        case "dot":
            shares = _masked_softmax(query @ key.swapaxes(1, 2), mask[:, None])
            return shares @ value, shares[:, None]
        case "additive":
            pairs = np.tanh(weights.linear(query, f"{name}.of_query")[:, :, None] + key[:, None])
            shares = _masked_softmax(weights.linear(pairs, f"{name}.score")[..., 0], mask[:, None])
            return shares @ value, shares[:, None]
    query = _split_heads(weights.linear(query, f"{name}.query"), weights.config.heads)
    query = query / np.float32(math.sqrt(key.shape[-1]))
    shares = _masked_softmax(query @ key.swapaxes(2, 3), mask[:, None, None])
    context = (shares @ value).swapaxes(1, 2)  # [B, Q, H, D/H]
    return weights.linear(context.reshape(*context.shape[:2], -1), f"{name}.output"), shares


def _split_heads(x: Float32Array, heads: int) -> Float32Array:
    """Reshape x [B, Q, D] to [B, H, Q, D/H]."""
    return x.reshape(*x.shape[:2], heads, -1).swapaxes(1, 2)


def _masked_softmax(scores: Float32Array, mask: BoolArray) -> Float32Array:
    """Return the softmax over the last dimension, with zero probability where ``mask`` is false."""
    scores = np.where(mask, scores, np.float32(-np.inf))
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares: Float32Array = powers / powers.sum(axis=-1, keepdims=True)
    return shares
