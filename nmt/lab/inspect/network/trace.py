"""Activations of a network for a batch of texts: gates and states of every recurrent layer, and attention weights.

Shapes: B texts, S source length, T target length or number of steps, D width of one direction, H heads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from nmt.utils.arrays import Float32Array, Int64Array

NamedValues = dict[str, Float32Array]
"""Gates and states of a layer by name."""


@dataclass(frozen=True)
class LayerTrace:
    """Activations of one direction of one recurrent layer for a batch of texts."""

    part: Literal["encoder", "decoder"]
    """Part of the network that contains the layer."""
    layer: int
    """Number of the layer, counted from 1."""
    direction: Literal["forward", "backward"]
    """Reading direction; always "forward" in a decoder."""
    values: NamedValues
    """Gates and states [B, T, D] by name, after each position was read; undefined at padding.

    Positions are in text order, also in layers that read backward.

    An LSTM has "cell", "hidden", "input", "forget", "output" and "candidate".
    """
    first_read: Int64Array
    """Position [B] that the layer reads first in each text."""

    @property
    def name(self) -> str:
        """Name of the layer, for example "encoder 2 backward" or "decoder 1"."""
        return layer_name(self.part, self.layer, self.direction)


def layer_name(part: str, layer: int, direction: str) -> str:
    """Return the name of a layer, for example "encoder 2 backward" or "decoder 1"."""
    return f"{part} {layer}" + (f" {direction}" if part == "encoder" else "")


class NetworkTrace(NamedTuple):
    """Activations of all layers of a network in one forward pass."""

    layers: list[LayerTrace]
    """Traces of the recurrent layers; those of the encoder come first, the lowest layer first."""
    attention: list[Float32Array]
    """Attention weights [B, H, T, S] of each layer with attention."""
    decoder_outputs: Float32Array
    """Outputs of the decoder [B, T, D]."""
