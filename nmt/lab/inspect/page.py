"""HTML page of an inspection, which is self-contained: a script draws it from data that the page embeds."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from nmt.evaluation import charts
from nmt.evaluation.charts import LineSeries
from nmt.evaluation.templating import template_environment
from nmt.lab.inspect import neuron_table
from nmt.lab.inspect.inspection import Inspection
from nmt.lab.inspect.neuron_search import NeuronMatch
from nmt.lab.inspect.packing import pack_inspection
from nmt.lab.inspect.text import TextInspection

_SCRIPTS = (
    "elements.js", "activations.js", "pieces.js", "time_plot.js", "heat_map.js", "attention_matrix.js", "beam_tree.js",
    "words.js", "inspection.js",
)  # fmt: skip
"""Modules in ``static``, which the web page of the service uses too; each one imports only earlier ones."""


def render_page(inspection: Inspection, matches: Sequence[NeuronMatch] = ()) -> str:
    """Return the HTML page of an inspection and of the matches of a neuron search.

    Raises CarouselError if Jinja is not installed.
    """
    pages = template_environment("nmt.lab.inspect", "the page")
    pages.filters |= {
        "visible": neuron_table.make_whitespace_visible,
        "mean_states": neuron_table.format_mean_states,
        "extreme_examples": neuron_table.format_extreme_examples,
    }
    packed, script = pack_inspection(inspection), _join_scripts()
    template = "text.html.j2" if isinstance(inspection, TextInspection) else "translation.html.j2"
    page: str = pages.get_template(template).render(
        inspection=inspection,
        precision=packed["steps"],
        matches=[_build_match_row(match, inspection) for match in matches],
        pictures=_draw_signal_charts(matches),
        style=_read("templates/page.css") + _read("static/inspection.css"),
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        packed=json.dumps(packed, ensure_ascii=False).replace("<", "\\u003c"),
    )
    return page


def _join_scripts() -> str:
    """Return all modules as one, without the statements that import one from another, each of which is one line."""
    lines = "".join(_read(f"static/{name}") for name in _SCRIPTS) + _read("templates/page.js")
    return "".join(line for line in lines.splitlines(keepends=True) if not line.startswith("import "))


def _read(path: str) -> str:
    """Return the text of a file of this package."""
    return (files("nmt.lab.inspect") / path).read_text(encoding="utf-8")


def _build_match_row(match: NeuronMatch, inspection: Inspection) -> dict[str, Any]:
    """Return the template's data of a table row; "layer" is the index of the unit's layer in the page."""
    names = [layer.name for layer in inspection.layers]
    half_life = neuron_table.format_half_life(match.half_life)
    return {"match": match, "layer": names.index(match.layer), "half_life": half_life}


def _draw_signal_charts(matches: Sequence[NeuronMatch]) -> list[tuple[str, str]]:
    """Return a caption and a chart for each numeric signal with more than two values.

    The chart shows the mean state of the best unit by signal value.
    """
    best: dict[str, NeuronMatch] = {}
    for match in matches:
        best.setdefault(match.signal, match)
    pictures = []
    for signal, match in best.items():
        points = [(level.signal, level.state) for level in match.levels if not isinstance(level.signal, str)]
        if len(points) > 2:
            caption = f"{match.layer}, unit {match.unit}: R² {match.r2:.4f}"
            line = LineSeries(match.quantity, points)
            chart = charts.line_chart(caption, [line], f"mean {match.quantity}", from_zero=False, x_label=signal)
            pictures.append((caption, chart))
    return pictures
