"""An inspection as one page that needs no other file and no network, and draws itself from data within it.

Arrays are rounded to a byte a number and compressed, so that a long sentence in a large model still makes a page of a
few megabytes. S source length, T target length, D width of a direction, H heads.
"""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nmt.evaluation import charts
from nmt.evaluation.charts import Series
from nmt.evaluation.templating import templates
from nmt.lab.inspect.beam_tree import Tree
from nmt.lab.inspect.inspection import Inspection, Layer
from nmt.lab.inspect.neuron_search import Finding, evidence, means, steps, visible
from nmt.lab.inspect.sentence import TranslationInspection
from nmt.lab.inspect.text import TextInspection
from nmt.utils.arrays import Float32Array, Float64Array

_STATES = ("cell", "hidden")
_QUANTITIES = (*_STATES, "input", "forget", "output", "reset", "update", "depth")
"""What the page shows of a layer, as far as it has it; the rest is in the arrays alone."""

_WEIGHT_STEPS = 255
_LARGEST = 2_850_000  # bytes of all arrays, so that a page stays below 3 MB


class _Steps(NamedTuple):
    """To how many steps numbers are rounded."""

    state: int
    """From a unit's lowest to its highest."""
    gate: int
    """From 0 to 1."""


# Fewer than a byte has: deflated, the finest let 200 pieces in six layers of 512 units stay below 3 MB whatever the
# values are, the coarsest 2,000 pieces in two layers of 256.
_FINEST, *_COARSER = _Steps(127, 100), _Steps(63, 50), _Steps(31, 25), _Steps(15, 10)


def render(inspection: Inspection, findings: Sequence[Finding] = ()) -> str:
    """The page, with the units of a search. Raises CarouselError where Jinja is not installed."""
    pages = templates("nmt.lab.inspect", "the page")
    pages.filters |= {"visible": visible, "means": means, "evidence": evidence}
    assert pages.loader is not None
    style, script = (pages.loader.get_source(pages, name)[0] for name in ("page.css", "page.js"))
    facts, arrays, rounding = _rounded(inspection)
    page: str = pages.get_template(_template(inspection)).render(
        inspection=inspection,
        rounding=rounding,
        units=[_unit(each, inspection) for each in findings],
        pictures=_pictures(findings),
        style=style,
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        facts=json.dumps(facts, ensure_ascii=False).replace("<", "\\u003c"),
        arrays=arrays,
    )
    return page


def _template(inspection: Inspection) -> str:
    return "text.html.j2" if isinstance(inspection, TextInspection) else "translation.html.j2"


def _rounded(inspection: Inspection) -> tuple[dict[str, Any], str, _Steps]:
    """The facts, and the arrays as finely as a page of 3 MB can hold them."""
    rounding, coarser = _FINEST, iter(_COARSER)
    while True:
        planes = _Planes(rounding)
        facts, arrays = _facts(inspection, planes), planes.packed()
        following = next(coarser, None)
        if len(arrays) <= _LARGEST or following is None:
            return {**facts, "steps": rounding._asdict()}, arrays, rounding
        rounding = following


class _Planes:
    """Arrays as bytes behind one another."""

    def __init__(self, rounding: _Steps) -> None:
        self._rounding = rounding
        self._planes: list[bytes] = []
        self._length = 0

    def add(self, values: Float32Array, steps: int) -> int:
        """Round numbers from 0 to 1 to so many steps; gives where they start."""
        return self._append(np.round(values * steps).astype(np.uint8).tobytes())

    def add_gates(self, values: Float32Array) -> dict[str, int]:
        """Round values [D, T] from 0 to 1; gives where the steps start."""
        return {"start": self.add(values, self._rounding.gate)}

    def add_states(self, values: Float32Array) -> dict[str, int]:
        """Round values [D, T] to steps from each unit's lowest to its highest.

        Gives where the steps start, and where those two [D, 2]; see `add_numbers`.
        """
        low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
        ends = np.concatenate((low, high), axis=1)
        shares = (values - low) / np.maximum(high - low, 1e-12)
        return {"ends": self.add_numbers(ends), "start": self.add(shares, self._rounding.state)}

    def add_numbers(self, values: Float32Array | Float64Array) -> int:
        """Numbers of four bytes, the least of them first; gives where they start."""
        return self._append(values.astype("<f4").tobytes())

    def packed(self) -> str:
        """All of them, deflated, in base 64."""
        return base64.b64encode(zlib.compress(b"".join(self._planes), 9)).decode()

    def _append(self, plane: bytes) -> int:
        self._planes.append(plane)
        start, self._length = self._length, self._length + len(plane)
        return start


def _facts(inspection: Inspection, planes: _Planes) -> dict[str, Any]:
    """What the script reads; its arrays are in the planes."""
    facts: dict[str, Any] = {
        "read": inspection.read,
        "written": inspection.written,
        "scores": np.round(inspection.scores.astype(float), 2).tolist(),
        "layers": [_layer(each, planes) for each in inspection.layers],
    }
    if isinstance(inspection, TextInspection):
        facts["read"] = ["<s>\n", *(inspection.text[start:end] for start, end in inspection.spans[1:])]
    if isinstance(inspection, TranslationInspection):
        facts["source"] = inspection.source
        facts["attention"] = [
            {"heads": len(weights), "start": planes.add(weights, _WEIGHT_STEPS)} for weights in inspection.attention
        ]
        if inspection.tree is not None:
            facts["tree"] = _tree(inspection.tree, inspection.tree_pieces)
    return facts


def _layer(layer: Layer, planes: _Planes) -> dict[str, Any]:
    """A layer's maps [D, T], unit by unit: what belongs together lies together, and is compressed better."""
    values = layer.values
    names = [name for name in _QUANTITIES if name in values]
    stored = [name for name in names if name != "hidden" or not _is_told_by_gate(values)]
    maps = [
        {"name": name} | (planes.add_states if name in _STATES else planes.add_gates)(values[name].T) for name in stored
    ]
    places, units = values["hidden"].shape
    facts = {"part": layer.part, "title": layer.name, "places": places, "units": units, "names": names, "stored": maps}
    return facts | {name: planes.add_numbers(each) for name, each in layer.forgetting.items()}


def _is_told_by_gate(values: dict[str, Float32Array]) -> bool:
    """Whether the hidden state is the output gate times tanh of the memory cell, as in most LSTMs."""
    if not {"cell", "output"} <= values.keys():
        return False
    return np.allclose(values["hidden"], values["output"] * np.tanh(values["cell"]), atol=1e-5)


def _unit(finding: Finding, inspection: Inspection) -> dict[str, Any]:
    """A row of the table of units; ``layer`` is the number of the unit's layer in the page."""
    names = [each.name for each in inspection.layers]
    return {"finding": finding, "layer": names.index(finding.layer), "half_life": steps(finding.half_life)}


def _pictures(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Of each signal with several values, the best unit's state by value: caption and chart."""
    best: dict[str, Finding] = {}
    for each in findings:
        best.setdefault(each.signal, each)
    pictures = []
    for signal, each in best.items():
        points = [(level.signal, level.state) for level in each.levels if not isinstance(level.signal, str)]
        if len(points) > 2:
            caption = f"{each.layer}, unit {each.unit}: R² {each.r2:.4f}"
            line = Series(each.quantity, points)
            pictures.append(
                (caption, charts.line_chart(caption, [line], f"mean {each.quantity}", False, across=signal))
            )
    return pictures


def _tree(tree: Tree, pieces: list[str]) -> dict[str, Any]:
    return {
        "pieces": pieces,
        "parents": tree.parents.tolist(),
        "steps": tree.steps.tolist(),
        "scores": np.round(tree.scores, 4).tolist(),
        "ranks": [None if np.isnan(rank) else round(float(rank), 4) for rank in tree.ranks],
        "path": tree.path(tree.best),
    }
