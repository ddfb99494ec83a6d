"""Make the figures of docs/lstm.md anew, from the models that its commands train: ``python docs/lstm/figures.py``.

S source length, T target length, D width.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import torch

from nmt.corpus import synthetic_tasks as tasks
from nmt.evaluation import charts
from nmt.evaluation.charts import LineSeries
from nmt.lab import vanishing_gradients as gradients
from nmt.lab.inspect.corpus_activations import trace_pairs
from nmt.lab.inspect.inspection import LayerActivations
from nmt.lab.inspect.neuron_search import NeuronMatch, find_neurons
from nmt.lab.inspect.probes import parse_signals
from nmt.lab.inspect.sentence import TorchTranslator, inspect_translation, load_translator
from nmt.utils.files import atomic_file

HERE = Path(__file__).parent
_MARGIN = 14  # around a chart, in units of its view box
_STYLE = """
text { font: 11px system-ui, sans-serif; fill: #5c6168 }
.label { fill: #1d1f21 }
.axis { stroke: #686d73 } .grid { stroke: #e2e3e1 }
.line { fill: none; stroke-width: 1.8 }
.s0 { stroke: #2a6099 } .s1 { stroke: #b5562a } .s2 { stroke: #3d7a4a } .s3 { stroke: #7a4d96 }
.s1 { stroke-dasharray: 7 3 } .s2 { stroke-dasharray: 2 3 } .s3 { stroke-dasharray: 9 3 2 3 }
.field { fill: #fff } .cell { fill: #2a6099 }
"""
"""Ink on paper of its own, so that a figure reads alike on a white and on a dark page."""


def main() -> None:
    """Write every figure; the models are looked for in runs/ of the working directory."""
    parser = argparse.ArgumentParser(description="Make the figures of docs/lstm.md anew.")
    parser.add_argument("--out", type=Path, default=HERE, help="where they are written")
    parser.add_argument("--distance", type=int, action="append", help="of the vanishing gradients")
    arguments = parser.parse_args()
    figures = {
        **vanishing(sorted(set(arguments.distance or (10, 20, 40, 80, 160)))),
        **counting(load_translator(Path("runs/counting"))),
        "remembering": remembering(load_translator(Path("runs/remembering"))),
        "attention": attention(load_translator(Path("runs/reversing"))),
    }
    for name, chart in figures.items():
        write(arguments.out / f"{name}.svg", chart)
        print(arguments.out / f"{name}.svg")


def vanishing(distances: Sequence[int]) -> dict[str, str]:
    """The charts of `nmt lab gradients`, by name."""
    return {
        f"gradients-{name}": chart
        for name, chart in gradients.draw_charts(gradients.compare_cells(distances, 1)).items()
    }


def counting(model: TorchTranslator) -> dict[str, str]:
    """The units that count best while ten a are read and ten b written: their cells, and the gates of the first."""
    pairs = list(tasks.generate_pairs("counting", 20, 1, 20, seed=1))
    up, down = best(model, pairs, "count:a"), best(model, pairs, "remaining")
    inspection = inspect_translation(model, pairs[9][0])
    cells = [
        steps(name, named(inspection.layers, found), "cell", found.unit)
        for name, found in (("encoder, reading a", up), ("decoder, writing b", down))
    ]
    counter = named(inspection.layers, up)
    gates = [steps(name, counter, name, up.unit) for name in ("input", "forget", "output")]
    return {
        "counting-cells": charts.line_chart("Cells that count", cells, "memory cell", False, across="step"),
        "counting-gates": charts.line_chart("Gates of the unit that counts", gates, "gate", True, across="step"),
    }


def remembering(model: TorchTranslator) -> str:
    """The cell of the unit that remembers best, while the same noise is read after each first symbol."""
    pairs = list(tasks.generate_pairs("remembering", 400, 1, 50, seed=9))
    found = best(model, pairs, "first")
    [(question, _)] = tasks.generate_pairs("remembering", 1, 50, 50, seed=10)
    lines = [
        steps(first, named(inspect_translation(model, first + question[1:]).layers, found), "cell", found.unit)
        for first in tasks.MEMORY_SYMBOLS
    ]
    return charts.line_chart("A cell that remembers", lines, "memory cell", False, across="step")


def attention(model: TorchTranslator) -> str:
    """The first head of the last layer that attends, over a text that is written backwards."""
    inspection = inspect_translation(model, "abcdefgh")
    return charts.heat_map("Attention", inspection.output_pieces, inspection.source_pieces, inspection.attention[-1][0])


def best(model: TorchTranslator, pairs: Sequence[tuple[str, str]], signal: str) -> NeuronMatch:
    """The unit that follows a signal best over pairs of a task."""
    tokenizer = model.directory.tokenizer
    encoded = [(tokenizer.source.encode(question), tokenizer.target.encode(answer)) for question, answer in pairs]
    wanted = parse_signals([signal], (model.directory.card.source_language,))
    [found] = find_neurons(trace_pairs(model, encoded), wanted, top=1)
    return found


def named(layers: Sequence[LayerActivations], found: NeuronMatch) -> LayerActivations:
    """The layer in which a unit was found."""
    return next(layer for layer in layers if layer.name == found.layer)


def steps(name: str, layer: LayerActivations, quantity: str, unit: int) -> LineSeries:
    """One of a unit's values [S] or [T], from step 1."""
    return LineSeries(name, list(enumerate(layer.values[quantity][:, unit].tolist(), start=1)))


def write(path: Path, chart: str) -> None:
    """A chart as a picture that stands alone: with its style and a ground, and without what only a page can show."""
    svg = ElementTree.fromstring(chart)
    for parent in list(svg.iter()):
        for child in list(parent):
            if child.get("class") == "band" or child.tag == "title":
                parent.remove(child)
    width, height = (float(number) + 2 * _MARGIN for number in svg.attrib["viewBox"].split()[2:])
    svg.set("xmlns", "http://www.w3.org/2000/svg")
    svg.set("viewBox", f"{-_MARGIN} {-_MARGIN} {width:g} {height:g}")
    svg.attrib.pop("style", None)
    svg.set("width", f"{1.4 * width:.0f}")
    ElementTree.SubElement(svg, "style").text = _STYLE
    ground = {"x": -_MARGIN, "y": -_MARGIN, "width": width, "height": height, "rx": 8}
    svg.insert(
        0, ElementTree.Element("rect", {key: f"{value:g}" for key, value in ground.items()} | {"fill": "#fdfdfc"})
    )
    with atomic_file(path) as temporary:
        temporary.write_text(ElementTree.tostring(svg, encoding="unicode") + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
