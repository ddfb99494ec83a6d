"""What is told of any text that a network has read, and what of it it has written.

T pieces; S source length; D width of a direction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from nmt.inspect.gates import LayerTrace, layer_name
from nmt.search.protocol import Floats


@dataclass(frozen=True)
class Layer:
    """One direction of one recurrent layer."""

    part: Literal["encoder", "decoder"]
    layer: int
    """From 1 up."""
    direction: Literal["forward", "backward"]
    """In which it reads."""
    values: dict[str, Floats]
    """[S, D] in the encoder, [T, D] in the decoder, after it has read each piece; see `LayerTrace.values`."""

    @property
    def name(self) -> str:
        """See `LayerTrace.name`."""
        return layer_name(self.part, self.layer, self.direction)


@dataclass(frozen=True)
class Inspection:
    """What a decoder has read and written, and everything inside the network meanwhile."""

    text: str
    """What the network was given to read, as it reads it."""
    read: list[str]
    """T pieces that the decoder reads, as SentencePiece writes them, begin of sentence first."""
    written: list[str]
    """T pieces that it writes, end of sentence last."""
    scores: Floats
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

    def texts(self) -> dict[str, str]:
        """The texts themselves, by name."""
        return {"text": self.text}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Everything else as named arrays: ``read``, ``scores``, ``decoder.1.forward.cell`` [T, D]…"""
        found = {"read": np.array(self.read), "written": np.array(self.written), "scores": self.scores}
        for each in self.layers:
            found |= {f"{each.part}.{each.layer}.{each.direction}.{name}": value for name, value in each.values.items()}
        return found


def layers_of(passages: list[list[LayerTrace]]) -> list[Layer]:
    """The layers of one text, traced [1, …] in passages of one after another."""
    return [
        Layer(each.part, each.layer, each.direction, {
            name: np.concatenate([traces[number].values[name][0].numpy() for traces in passages])
            for name in each.values
        })
        for number, each in enumerate(passages[0])
    ]  # fmt: skip
