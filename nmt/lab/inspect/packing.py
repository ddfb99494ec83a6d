"""Data of an inspection for the scripts that draw it, as JSON with compressed arrays.

Arrays are rounded to a byte per number, so that the data of a long sentence in a large model have at most a few
megabytes. The scripts are in ``static``; ``activations.js`` unpacks the data.

Shapes: S source length, T target length, D width of one direction, H heads.
"""

from __future__ import annotations

import base64
import zlib
from typing import Any, NamedTuple

import numpy as np

from nmt.lab.inspect.beam_tree import BeamTree
from nmt.lab.inspect.inspection import Inspection, LayerActivations
from nmt.lab.inspect.sentence import TranslationInspection
from nmt.lab.inspect.text import TextInspection
from nmt.utils.arrays import Float32Array, Float64Array

_STATES = ("cell", "hidden")
_QUANTITIES = (*_STATES, "input", "forget", "output", "reset", "update", "depth")
"""States and gates that the page shows if a layer has them; array files also contain the others."""

_ATTENTION_STEPS = 255
_MAX_ARRAY_BYTES = 2_850_000  # keeps a page below 3 MB


class Precision(NamedTuple):
    """Number of quantisation steps of states and of gates."""

    state: int
    """Steps between the lowest and the highest state of a unit."""
    gate: int
    """Steps between 0 and 1."""


# The number of steps is small enough that the compressed arrays stay below 3 MB for any values: at the finest precision
# for 200 pieces in six layers of 512 units, at the coarsest for 2,000 pieces in two layers of 256 units.
_PRECISIONS = (Precision(127, 100), Precision(63, 50), Precision(31, 25), Precision(15, 10))


def pack_inspection(inspection: Inspection) -> dict[str, Any]:
    """Return the data of an inspection for JSON, with the finest precision at which the arrays are small enough.

    "steps" is the precision; "arrays" are all arrays in zlib format, encoded as base64.
    """
    for precision in _PRECISIONS:
        buffer = _ArrayBuffer(precision)
        facts, arrays = _build_facts(inspection, buffer), buffer.compress()
        if len(arrays) <= _MAX_ARRAY_BYTES:
            break
    return {**facts, "steps": precision._asdict(), "arrays": arrays}


class _ArrayBuffer:
    """Buffer of consecutive arrays; methods that add an array return its offset in bytes."""

    def __init__(self, precision: Precision) -> None:
        self._precision = precision
        self._chunks: list[bytes] = []
        self._length = 0

    def add_steps(self, values: Float32Array, steps: int) -> int:
        """Append values between 0 and 1, rounded to ``steps`` steps."""
        return self._append(np.round(values * steps).astype(np.uint8).tobytes())

    def add_gates(self, values: Float32Array) -> dict[str, int]:
        """Append gate activations [D, T] and return a dictionary with their offset."""
        return {"start": self.add_steps(values, self._precision.gate)}

    def add_states(self, values: Float32Array) -> dict[str, int]:
        """Append states [D, T], rounded to steps between the lowest and the highest state of each unit.

        Returns the offset of the states as "start", and that of the lowest and highest states [D, 2] as "ends".
        """
        low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
        ends = np.concatenate((low, high), axis=1)
        shares = (values - low) / np.maximum(high - low, 1e-12)
        return {"ends": self.add_floats(ends), "start": self.add_steps(shares, self._precision.state)}

    def add_floats(self, values: Float32Array | Float64Array) -> int:
        """Append numbers as little-endian 32-bit floats and return their offset."""
        return self._append(values.astype("<f4").tobytes())

    def compress(self) -> str:
        """Return all arrays in zlib format, encoded as base64."""
        return base64.b64encode(zlib.compress(b"".join(self._chunks), 9)).decode()

    def _append(self, chunk: bytes) -> int:
        """Append bytes and return their offset."""
        self._chunks.append(chunk)
        start, self._length = self._length, self._length + len(chunk)
        return start


def _build_facts(inspection: Inspection, buffer: _ArrayBuffer) -> dict[str, Any]:
    """Return the data of an inspection; arrays are added to the buffer and represented by their offsets."""
    facts: dict[str, Any] = {
        "read": inspection.input_pieces,
        "written": inspection.output_pieces,
        "scores": np.round(inspection.scores.astype(float), 2).tolist(),
        "layers": [_build_layer_facts(layer, buffer) for layer in inspection.layers],
    }
    if isinstance(inspection, TextInspection):
        card = inspection.directory.card
        facts["languages"], facts["verbatim"] = [card.language], card.verbatim
        facts["read"] = ["<s>\n", *(inspection.text[start:end] for start, end in inspection.spans[1:])]
    if isinstance(inspection, TranslationInspection):
        direction = inspection.direction
        facts["languages"], facts["given"] = [direction.source, direction.target], inspection.is_given
        facts["source"] = inspection.source_pieces
        facts["attention"] = [
            {"heads": len(weights), "start": buffer.add_steps(weights, _ATTENTION_STEPS)}
            for weights in inspection.attention
        ]
        if inspection.tree is not None:
            facts["tree"] = _build_tree_facts(inspection.tree, inspection.tree_pieces)
    return facts


def _build_layer_facts(layer: LayerActivations, buffer: _ArrayBuffer) -> dict[str, Any]:
    """Return the JSON data of a layer; arrays are stored as [D, T] because that compresses better than [T, D]."""
    values = layer.values
    names = [name for name in _QUANTITIES if name in values]
    stored = [name for name in names if name != "hidden" or not _is_gated_cell(values)]
    maps = [
        {"name": name} | (buffer.add_states if name in _STATES else buffer.add_gates)(values[name].T) for name in stored
    ]
    positions, units = values["hidden"].shape
    facts = {
        "part": layer.part,
        "title": layer.name,
        "places": positions,
        "units": units,
        "names": names,
        "stored": maps,
    }
    return facts | {name: buffer.add_floats(each) for name, each in layer.forget_statistics.items()}


def _is_gated_cell(values: dict[str, Float32Array]) -> bool:
    """Return True if the hidden state is the output gate times tanh of the memory cell, as in most LSTMs."""
    if not {"cell", "output"} <= values.keys():
        return False
    return np.allclose(values["hidden"], values["output"] * np.tanh(values["cell"]), atol=1e-5)


def _build_tree_facts(tree: BeamTree, pieces: list[str]) -> dict[str, Any]:
    """Return the JSON data of the search tree; "path" contains the nodes of the best hypothesis."""
    return {
        "pieces": pieces,
        "parents": tree.parents.tolist(),
        "steps": tree.steps.tolist(),
        "scores": np.round(tree.scores, 4).tolist(),
        "ranks": [None if np.isnan(rank) else round(float(rank), 4) for rank in tree.ranks],
        "path": tree.path_to(tree.best_node),
    }
