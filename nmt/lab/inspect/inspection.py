"""Base class of inspections, each of one text with the activations of every recurrent layer that processed it.

Shapes: T decoder positions, S source length, D width of one direction.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from nmt.corpus.tokenizer import UNK, TokenizedText
from nmt.lab.inspect.half_life import half_life
from nmt.lab.inspect.network.trace import LayerTrace, layer_name
from nmt.utils.arrays import Float32Array, Float64Array

_MAX_NAMED_CHARACTERS = 5  # in a message


@dataclass(frozen=True)
class LayerActivations:
    """Activations of one direction of one recurrent layer for a single text."""

    part: Literal["encoder", "decoder"]
    """Part of the network that contains the layer."""
    layer: int
    """Number of the layer, counted from 1."""
    direction: Literal["forward", "backward"]
    """Reading direction; always "forward" in a decoder."""
    values: dict[str, Float32Array]
    """Gates and states by name after each piece, [S, D] in the encoder and [T, D] in the decoder.

    See `LayerTrace.values`.
    """
    first_positions: tuple[int, ...]
    """Positions that are read from the initial state, one for each passage of the text."""

    @property
    def name(self) -> str:
        """Name of the layer; see `LayerTrace.name`."""
        return layer_name(self.part, self.layer, self.direction)

    @cached_property
    def forget_statistics(self) -> dict[str, Float64Array]:
        """Arrays "mean_forget" and "half_life" [D], with a value per unit; empty for cells without a forget gate.

        The mean leaves out the first positions, where there is no earlier state to forget. It is NaN if there are no
        other positions.
        """
        if "forget" not in self.values:
            return {}
        gates = np.delete(self.values["forget"].astype(np.float64), self.first_positions, axis=0)
        mean = gates.mean(axis=0) if len(gates) else np.full(gates.shape[1], np.nan)
        return {"mean_forget": mean, "half_life": half_life(mean)}


@dataclass(frozen=True)
class Inspection:
    """Pieces that a decoder reads and predicts, their scores, and the activations of the network."""

    text: str
    """Normalised input text of the network."""
    input_pieces: list[str]
    """The T pieces that the decoder reads, in SentencePiece's notation; the first is begin of sentence."""
    output_pieces: list[str]
    """The T pieces that the decoder predicts; the last is end of sentence."""
    scores: Float32Array
    """Log-probability [T] of each output piece."""
    layers: list[LayerActivations]
    """Activations of every recurrent layer; those of the encoder come first."""

    @property
    def score(self) -> float:
        """Mean log-probability per output piece."""
        return float(self.scores.mean())

    @property
    def summary(self) -> str:
        """Score, for a message of one line."""
        return f"{self.score:.3f} per piece"

    @property
    def warning(self) -> str:
        """Warning for the user; empty if there is none."""
        return ""

    def texts(self) -> dict[str, str]:
        """Return the texts of the inspection by their keys in the output files."""
        return {"text": self.text}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the other data as arrays by their keys in the output files, such as ``decoder.1.forward.cell``."""
        arrays = {"read": np.array(self.input_pieces), "written": np.array(self.output_pieces), "scores": self.scores}
        for layer in self.layers:
            named: dict[str, np.ndarray[Any, Any]] = {**layer.values, **layer.forget_statistics}
            arrays |= {f"{layer.part}.{layer.layer}.{layer.direction}.{name}": value for name, value in named.items()}
        return arrays


def list_unknown_characters(pieces: TokenizedText) -> str:
    """Return a list of the characters of a text that are not in the vocabulary, for a message; may be empty."""
    encoded = zip(pieces.ids, pieces.spans, strict=True)
    unknown = sorted({character for id_, span in encoded if id_ == UNK for character in pieces.text[slice(*span)]})
    return ", ".join([*map(repr, unknown[:_MAX_NAMED_CHARACTERS]), *["…"] * (len(unknown) > _MAX_NAMED_CHARACTERS)])


def join_traces(passages: Sequence[Sequence[LayerTrace]]) -> list[LayerActivations]:
    """Join the traces of consecutive passages, each a batch of one, into the activations of the whole text."""
    return [_join_layer(traces) for traces in zip(*passages, strict=True)]


def _join_layer(traces: Sequence[LayerTrace]) -> LayerActivations:
    """Join the traces of one layer over consecutive passages."""
    layer = traces[0]
    starts = itertools.accumulate((trace.values["hidden"].shape[1] for trace in traces[:-1]), initial=0)
    return LayerActivations(
        part=layer.part,
        layer=layer.layer,
        direction=layer.direction,
        values={name: np.concatenate([trace.values[name][0] for trace in traces]) for name in layer.values},
        first_positions=tuple(start + int(trace.first_read[0]) for start, trace in zip(starts, traces, strict=True)),
    )
