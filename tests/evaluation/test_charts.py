"""Charts: ticks, labels, and the values that the pictures show."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.axis import axis_ticks, format_tick
from nmt.evaluation.charts import (
    ChartBar,
    LineSeries,
    bar_chart,
    heat_map,
    interval_chart,
    line_chart,
    thin_points,
)

VALUES = st.floats(-1e6, 1e6).map(lambda x: round(x, 9))


@given(VALUES, VALUES, st.integers(2, 8))
def test_ticks_are_few_round_evenly_spaced_and_include_the_values(a: float, b: float, most: int) -> None:
    low, high = min(a, b), max(a, b)
    found = axis_ticks(low, high, most)
    step = found[1] - found[0]
    assert 2 <= len(found) <= most + 1
    assert found[0] <= low + 1e-6 * step
    assert found[-1] >= high - 1e-6 * step
    assert np.diff(found) == pytest.approx(step, rel=1e-6)
    leading = step / 10 ** math.floor(math.log10(step) + 1e-9)
    assert min(abs(leading - round_) for round_ in (1, 2, 5)) < 1e-3


def test_ticks_of_known_ranges() -> None:
    assert axis_ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert axis_ticks(0, 3000) == [0, 500, 1000, 1500, 2000, 2500, 3000]
    assert axis_ticks(1.32, 4.9) == [1, 2, 3, 4, 5]
    assert axis_ticks(0, 0.3) == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
    assert axis_ticks(7, 7)[0] < 7 < axis_ticks(7, 7)[-1]


@pytest.mark.parametrize(
    ("value", "step", "expected"),
    [(12000, 2000, "12,000"), (0.0005, 0.0005, "0.0005"), (0.15, 0.05, "0.15"), (0, 1e-5, "0"), (2e-5, 1e-5, "2e-05"),
     (1.2e-4, 2e-5, "1.2e-04"), (3, 1, "3"), (0.3, 0.1, "0.3"), (-40, 20, "-40")],
)  # fmt: skip
def test_numbers_have_the_decimals_that_their_step_needs(value: float, step: float, expected: str) -> None:
    assert format_tick(value, step) == expected


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=300), st.integers(1, 20))
def test_a_thinned_line_keeps_the_order_and_the_extremes(values: list[float], groups: int) -> None:
    points = [(float(n), value) for n, value in enumerate(values)]
    kept = thin_points(points, groups)
    assert len(kept) <= 2 * groups or kept == points
    assert kept == sorted(set(kept))
    assert set(kept) <= set(points)
    assert {min(values), max(values)} <= {y for _, y in kept}


def texts(svg: str, tag: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(tag)]


def test_a_line_chart_shows_its_values_and_marks_the_best_update() -> None:
    train = LineSeries("training", [(50.0, 4.0), (100.0, 3.0)])
    dev = LineSeries("dev", [(100.0, 3.5)])
    svg = line_chart("Loss", [train, dev], "nats", from_zero=False, marked_x=100.0)
    root = ElementTree.fromstring(svg)
    assert root.get("aria-label") == "Loss"
    assert {"nats", "update", "training", "dev", "0", "100", "3.0", "4.0"} <= set(texts(svg, "text"))
    assert texts(svg, "title") == ["update 50: training 4", "update 100: training 3, dev 3.5"]
    lines = [element.get("points", "") for element in root.iter("polyline")]
    assert len(lines) == 1  # a single point is drawn as a dot
    (x1, y1), (x2, y2) = (map(float, point.split(",")) for point in lines[0].split())
    assert x1 < x2
    assert y1 < y2  # loss falls; y grows downwards
    [best] = [element for element in root.iter("line") if element.get("class") == "best"]
    assert best.get("x1") == best.get("x2") == f"{x2:.1f}".removesuffix(".0")
    assert {circle.get("class") for circle in root.iter("circle")} == {"dot s0", "dot s1"}


def test_a_long_line_has_adjacent_tooltip_bands_up_to_its_end() -> None:
    points = [(float(n), 1.0 / n) for n in range(1, 1001)]
    root = ElementTree.fromstring(line_chart("Loss", [LineSeries("loss", points)], "nats", from_zero=True))
    bands = [rect for rect in root.iter("rect") if rect.get("class") == "band"]
    assert len(bands) == 120
    assert bands[-1][0].text == "update 1,000: loss 0.001"
    ends = [float(b.get("x", "0")) + float(b.get("width", "0")) for b in bands]
    assert ends[:-1] == pytest.approx([float(b.get("x", "0")) for b in bands[1:]], abs=0.11)
    [line] = root.iter("polyline")
    assert len(line.get("points", "").split()) <= 500


def test_each_validation_of_a_long_run_has_a_tooltip() -> None:
    train = LineSeries("train", [(float(n), 1.0 / n) for n in range(50, 12001, 50)])
    dev = LineSeries(
        "dev", [(float(n), 2.0 / n) for n in range(490, 12001, 500)]
    )  # never at the updates of the other line
    root = ElementTree.fromstring(line_chart("Loss", [train, dev], "nats", from_zero=True))
    tooltips = [rect[0].text or "" for rect in root.iter("rect") if rect.get("class") == "band"]
    assert len([text for text in tooltips if "dev" in text]) == len(dev.points)
    assert len([text for text in tooltips if "train" in text]) > 90


def test_a_very_short_run_has_ticks_at_whole_updates() -> None:
    shown = texts(line_chart("BLEU", [LineSeries("dev", [(3.0, 50.0)])], "BLEU", from_zero=True, small=True), "text")
    assert [text for text in shown if text in set("0123456")] == ["0", "0", "1", "2", "3"]


def test_a_flat_line_of_zeros_has_an_axis_from_zero() -> None:
    shown = texts(line_chart("BLEU", [LineSeries("dev", [(1.0, 0.0), (2.0, 0.0)])], "BLEU", from_zero=True), "text")
    assert "0" in shown
    assert not [text for text in shown if text.startswith("-")]


def test_bars_are_proportional_and_end_at_the_ceiling() -> None:
    bars = [ChartBar("1–5", "12", 80.0, 30.0), ChartBar("6", "3", 40.0), ChartBar("7", "0", None)]
    svg = bar_chart("BLEU", bars, "BLEU", "words", max_value=100, decimals=1)
    root = ElementTree.fromstring(svg)
    heights = [float(rect.get("height", "0")) for rect in root.iter("rect")]
    assert heights[0] == pytest.approx(2 * heights[1], abs=0.11)
    assert {"1–5", "12", "80.0", "6", "3", "40.0", "7", "0", "–", "100"} <= set(texts(svg, "text"))
    assert texts(svg, "title") == ["1–5: 80.0 ± 30.0 (12)", "6: 40.0 (3)"]
    [whisker] = [line for line in root.iter("line") if line.get("class") == "whisker"]
    top = min(float(line.get("y1", "0")) for line in root.iter("line") if line.get("class") == "grid")
    assert float(whisker.get("y1", "0")) == top  # the y of 100


def test_a_heat_map_has_a_cell_for_each_pair() -> None:
    svg = heat_map("Attention", ["▁le", "猫"], ["<script>", "ال", "</s>"], np.array([[1, 0, 0], [0.25, 0.5, 0.25]]))
    assert "<script" not in svg
    root = ElementTree.fromstring(svg)
    cells = [rect for rect in root.iter("rect") if rect.get("class") == "cell"]
    assert [float(cell.get("fill-opacity", "nan")) for cell in cells] == [1, 0, 0, 0.25, 0.5, 0.25]
    assert [cell[0].text for cell in cells][3:5] == ["猫 ← <script>: 0.25", "猫 ← ال: 0.50"]
    assert len({(cell.get("x"), cell.get("y")) for cell in cells}) == 6


def test_intervals_are_drawn_at_their_values() -> None:
    """Larger values are further right, and whiskers are symmetric."""
    bars = [
        ChartBar("lstm", "3 seeds", 2.0, 0.1),
        ChartBar("no_forget_gate", "3 seeds", 2.5),
        ChartBar("gru", "0 seeds", None),
    ]
    svg = ElementTree.fromstring(interval_chart("Loss", bars, "nats", 2))
    first, second = (float(dot.get("cx", "")) for dot in svg.iter("circle"))
    [whisker] = [line for line in svg.iter("line") if line.get("class") == "whisker"]
    low, high = float(whisker.get("x1", "")), float(whisker.get("x2", ""))
    assert low < first < high < second
    assert first - low == pytest.approx(high - first, abs=0.11)
    assert (high - first) / (second - first) == pytest.approx(0.2, abs=0.01)
    assert [title.text for title in svg.iter("title")] == [
        "lstm: 2.00 ± 0.10 (3 seeds)",
        "no_forget_gate: 2.50 (3 seeds)",
    ]
