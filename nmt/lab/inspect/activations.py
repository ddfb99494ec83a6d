"""Forward passes of a network over a batch of texts, which return the activations of all layers.

Shapes: B sentences, S source length, T target length or number of steps.
"""

from __future__ import annotations

import numpy as np

from nmt.lab.inspect.network.decoder import build_memory_and_state, run_decoder
from nmt.lab.inspect.network.encoder import run_encoder
from nmt.lab.inspect.network.trace import NetworkTrace
from nmt.lab.inspect.network.weights import NetworkWeights
from nmt.model.cells.registry import state_specs
from nmt.utils.arrays import Int64Array


def trace_translation(
    weights: NetworkWeights, source: Int64Array, lengths: Int64Array, target: Int64Array
) -> NetworkTrace:
    """Run a translation network with teacher forcing and return its activations.

    Args:
        weights: Weights of the network.
        source: Source ids [B, S].
        lengths: Source lengths [B].
        target: Target ids [B, T] that the decoder reads, beginning with begin of sentence.
    """
    encoded = run_encoder(weights, source, lengths)
    found, layers = run_decoder(weights, target, *build_memory_and_state(weights, encoded))
    return NetworkTrace(encoded.layers + layers, found.attention, found.outputs)


def trace_text(weights: NetworkWeights, ids: Int64Array) -> NetworkTrace:
    """Run a language model over ids [B, T] from its initial state and return its activations."""
    config = weights.config
    specs = state_specs(config.cell, config.width) * config.decoder_layers
    state = tuple(np.zeros((len(ids), spec.size), dtype=np.float32) for spec in specs)
    found, layers = run_decoder(weights, ids, None, state)
    return NetworkTrace(layers, [], found.outputs)
