"""What is told of any text that a network has read, and what of it it has written.

T pieces; S source length; D width of a direction.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from nmt.corpus.tokenizer import UNK, TokenizedText
from nmt.lab.inspect.activations import LayerTrace, layer_name
from nmt.lab.inspect.half_life import half_life
from nmt.utils.arrays import Float32Array, Float64Array

_NAMED = 5  # characters that a message names


@dataclass(frozen=True)
class Layer:
    """One direction of one recurrent layer."""

    part: Literal["encoder", "decoder"]
    layer: int
    """From 1 up."""
    direction: Literal["forward", "backward"]
    """In which it reads."""
    values: dict[str, Float32Array]
    """[S, D] in the encoder, [T, D] in the decoder, after it has read each piece; see `LayerTrace.values`."""
    begins: tuple[int, ...]
    """The places that are read first: of the whole, or of each passage where a new one begins anew."""

    @property
    def name(self) -> str:
        """See `LayerTrace.name`."""
        return layer_name(self.part, self.layer, self.direction)

    @cached_property
    def forgetting(self) -> dict[str, Float64Array]:
        """Of each unit ``mean_forget`` over what was read and ``half_life`` [D]; empty for cells without the gate.

        What was read first is left out: before it there was nothing to forget. NaN where nothing else was read.
        """
        if "forget" not in self.values:
            return {}
        gates = np.delete(self.values["forget"].astype(np.float64), self.begins, axis=0)
        mean = gates.mean(axis=0) if len(gates) else np.full(gates.shape[1], np.nan)
        return {"mean_forget": mean, "half_life": half_life(mean)}


@dataclass(frozen=True)
class Inspection:
    """What a decoder has read and written, and everything inside the network meanwhile."""

    text: str
    """What the network was given to read, as it reads it."""
    read: list[str]
    """T pieces that the decoder reads, as SentencePiece writes them, begin of sentence first."""
    written: list[str]
    """T pieces that it writes, end of sentence last."""
    scores: Float32Array
    """[T]: the log-probability of each written piece."""
    layers: list[Layer]

    @property
    def score(self) -> float:
        """The mean log-probability of the written pieces."""
        return float(self.scores.mean())

    @property
    def summary(self) -> str:
        """In a line."""
        return f"{self.score:.3f} a piece"

    @property
    def note(self) -> str:
        """What the user should know of it; mostly nothing."""
        return ""

    def texts(self) -> dict[str, str]:
        """The texts themselves, by name."""
        return {"text": self.text}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """All else as named arrays: ``read``, ``scores``, ``decoder.1.forward.cell`` [T, D], ``….half_life`` [D]…"""
        found = {"read": np.array(self.read), "written": np.array(self.written), "scores": self.scores}
        for each in self.layers:
            named: dict[str, np.ndarray[Any, Any]] = {**each.values, **each.forgetting}
            found |= {f"{each.part}.{each.layer}.{each.direction}.{name}": value for name, value in named.items()}
        return found


def without_piece(pieces: TokenizedText) -> str:
    """The characters that a vocabulary has no piece for, as a message names them; empty if it has one for each."""
    found = zip(pieces.ids, pieces.spans, strict=True)
    unknown = sorted({character for number, span in found if number == UNK for character in pieces.text[slice(*span)]})
    return ", ".join([*map(repr, unknown[:_NAMED]), *["…"] * (len(unknown) > _NAMED)])


def layers_of(passages: Sequence[Sequence[LayerTrace]]) -> list[Layer]:
    """The layers of one text, traced [1, …] in passages of one after another."""
    return [_joined(traces) for traces in zip(*passages, strict=True)]


def _joined(traces: Sequence[LayerTrace]) -> Layer:
    """One layer, of its passages."""
    like = traces[0]
    starts = itertools.accumulate((each.values["hidden"].shape[1] for each in traces[:-1]), initial=0)
    return Layer(
        part=like.part,
        layer=like.layer,
        direction=like.direction,
        values={name: np.concatenate([each.values[name][0].numpy() for each in traces]) for name in like.values},
        begins=tuple(start + int(each.first[0]) for start, each in zip(starts, traces, strict=True)),
    )
