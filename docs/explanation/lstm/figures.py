"""Draw the figures of docs/explanation/lstm.md from the models that its commands train.

python docs/explanation/lstm/figures.py
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
from nmt.lab.inspect.sentence import InspectableTranslator, inspect_translation, load_translator
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
"""Styles with fixed colours on a light background, so that figures are legible on light and dark pages."""


def main() -> None:
    """Write all figures; the models are read from runs/ in the working directory."""
    parser = argparse.ArgumentParser(description="Draw the figures of docs/explanation/lstm.md.")
    parser.add_argument("--out", type=Path, default=HERE, help="output directory")
    parser.add_argument(
        "--distance", type=int, action="append", help="distance for the vanishing gradients; may be repeated"
    )
    arguments = parser.parse_args()
    figures = {
        **vanishing(sorted(set(arguments.distance or (10, 20, 40, 80, 160)))),
        **counting(load_translator(Path("runs/counting"))),
        "remembering": remembering(load_translator(Path("runs/remembering"))),
        "attention": attention(load_translator(Path("runs/reversing"))),
    }
    for name, chart in figures.items():
        write_figure(arguments.out / f"{name}.svg", chart)
        print(arguments.out / f"{name}.svg")


def vanishing(distances: Sequence[int]) -> dict[str, str]:
    """Return the charts of `nmt lab gradients` by name."""
    return {
        f"gradients-{name}": chart
        for name, chart in gradients.draw_charts(gradients.compare_cells(distances, 1)).items()
    }


def counting(model: InspectableTranslator) -> dict[str, str]:
    """Return charts of the best counting units while ten a are read and ten b are written: cells and gates."""
    pairs = list(tasks.generate_pairs("counting", 20, 1, 20, seed=1))
    up, down = best_unit(model, pairs, "count:a"), best_unit(model, pairs, "remaining")
    inspection = inspect_translation(model, pairs[9][0])
    cells = [
        unit_over_time(name, layer_of(inspection.layers, found), "cell", found.unit)
        for name, found in (("encoder, reading a", up), ("decoder, writing b", down))
    ]
    counter = layer_of(inspection.layers, up)
    gates = [unit_over_time(name, counter, name, up.unit) for name in ("input", "forget", "output")]
    return {
        "counting-cells": charts.line_chart("Cells that count", cells, "memory cell", False, x_label="step"),
        "counting-gates": charts.line_chart("Gates of the unit that counts", gates, "gate", True, x_label="step"),
    }


def remembering(model: InspectableTranslator) -> str:
    """Return a chart of the best remembering unit's cell while the same noise follows each first symbol."""
    pairs = list(tasks.generate_pairs("remembering", 400, 1, 50, seed=9))
    found = best_unit(model, pairs, "first")
    [(question, _)] = tasks.generate_pairs("remembering", 1, 50, 50, seed=10)
    lines = [
        unit_over_time(
            first, layer_of(inspect_translation(model, first + question[1:]).layers, found), "cell", found.unit
        )
        for first in tasks.MEMORY_SYMBOLS
    ]
    return charts.line_chart("A cell that remembers", lines, "memory cell", False, x_label="step")


def attention(model: InspectableTranslator) -> str:
    """Return a heat map of the first attention head of the last layer while a text is reversed."""
    inspection = inspect_translation(model, "abcdefgh")
    return charts.heat_map("Attention", inspection.output_pieces, inspection.source_pieces, inspection.attention[-1][0])


def best_unit(model: InspectableTranslator, pairs: Sequence[tuple[str, str]], signal: str) -> NeuronMatch:
    """Return the unit that follows a signal most closely over the pairs of a task."""
    tokenizer = model.directory.tokenizer
    encoded = [(tokenizer.source.encode(question), tokenizer.target.encode(answer)) for question, answer in pairs]
    wanted = parse_signals([signal], (model.directory.card.source_language,))
    [found] = find_neurons(trace_pairs(model, encoded), wanted, top_k=1)
    return found


def layer_of(layers: Sequence[LayerActivations], found: NeuronMatch) -> LayerActivations:
    """Return the layer of a unit."""
    return next(layer for layer in layers if layer.name == found.layer)


def unit_over_time(name: str, layer: LayerActivations, quantity: str, unit: int) -> LineSeries:
    """Return one of a unit's values over time, from step 1, as a line."""
    return LineSeries(name, list(enumerate(layer.values[quantity][:, unit].tolist(), start=1)))


def write_figure(path: Path, chart: str) -> None:
    """Write a chart as a stand-alone file, with style and background and without tooltips."""
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
    background = {"x": -_MARGIN, "y": -_MARGIN, "width": width, "height": height, "rx": 8}
    svg.insert(
        0, ElementTree.Element("rect", {key: f"{value:g}" for key, value in background.items()} | {"fill": "#fdfdfc"})
    )
    with atomic_file(path) as temporary:
        temporary.write_text(ElementTree.tostring(svg, encoding="unicode") + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
