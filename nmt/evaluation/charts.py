"""Line charts, bar charts, interval charts and heat maps as inline SVG.

Lengths are in the units of `nmt.evaluation.svg`, which also describes the colours.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from xml.etree.ElementTree import Element

from nmt.evaluation.axis import axis_ticks, format_tick
from nmt.evaluation.svg import add_element, add_text, create_svg, format_length, render_svg, text_width

_WIDTH, _HEIGHT = 440.0, 250.0
_SMALL_WIDTH, _SMALL_HEIGHT = 300.0, 190.0
_TOP, _RIGHT, _BOTTOM = 26.0, 16.0, 42.0
_MAX_TOOLTIPS = 120  # per line chart
_MAX_POINT_GROUPS = 250  # per line; more do not fit the width
_CELL = 22.0  # size of a heat map cell, and height of a row of an interval chart

Point = tuple[float, float]
"""Position (x, y)."""


@dataclass(frozen=True)
class LineSeries:
    """A line of a line chart."""

    name: str
    """Name in the legend and in tooltips."""
    points: Sequence[Point]
    """Points by ascending x."""


@dataclass(frozen=True)
class ChartBar:
    """A bar of a bar chart, or a dot of an interval chart."""

    label: str
    """Name of the bar."""
    note: str
    """Text below the label, or in the tooltip of an interval chart."""
    value: float | None
    """Value to draw; None for a label without a bar."""
    error_margin: float | None = None
    """Half-length of the error bar; None for no error bar."""


# --- charts --------------------------------------------------------------------------------------------------


def line_chart(
    title: str,
    series: Sequence[LineSeries],
    y_label: str,
    from_zero: bool,
    marked_x: float | None = None,
    small: bool = False,
    x_label: str = "update",
) -> str:
    """Draw a line chart with tooltips.

    Args:
        title: Label for screen readers.
        series: The lines, each with at least one point.
        y_label: Label of the vertical axis.
        from_zero: Whether the vertical axis starts at zero.
        marked_x: Position on the horizontal axis to mark with a vertical line.
        small: Whether to draw a small chart.
        x_label: Label of the horizontal axis.
    """
    values = [value for line in series for _, value in line.points]
    last = max(x for line in series for x, _ in line.points)
    size = (_SMALL_WIDTH, _SMALL_HEIGHT) if small else (_WIDTH, _HEIGHT)
    low, high = (0.0, max(values) or 1.0) if from_zero else (min(values), max(values))
    most = 4 if small else 6
    plot = _PlotArea(size, axis_ticks(low, high, most), (0.0, last), y_label)
    svg = plot.draw_frame(title, x_label)
    x_ticks = axis_ticks(0, max(last, most), most)
    for x in x_ticks:
        if x <= last:
            add_text(svg, plot.x(x), plot.bottom + 16, format_tick(x, x_ticks[1]), "middle")
    if marked_x is not None:
        add_element(svg, "line", x1=plot.x(marked_x), x2=plot.x(marked_x), y1=plot.top, y2=plot.bottom, class_="best")
    for n, line in enumerate(series):
        _draw_line(svg, plot, line, n, marked_x)
    if len(series) > 1:
        _draw_legend(svg, plot, [line.name for line in series])
    _add_tooltips(svg, plot, series, x_label)
    return render_svg(svg)


def bar_chart(title: str, bars: Sequence[ChartBar], y_label: str, x_label: str, max_value: float, decimals: int) -> str:
    """Draw a bar chart with error bars. Values are above the bars; labels and notes are below the horizontal axis.

    Args:
        title: Label for screen readers.
        bars: The bars.
        y_label: Label of the vertical axis, which starts at zero.
        x_label: Label of the horizontal axis.
        max_value: Highest possible value; longer error bars are cut off there.
        decimals: Number of decimals of the values.
    """
    tops = [min(bar.value + (bar.error_margin or 0.0), max_value) for bar in bars if bar.value is not None]
    y_ticks = axis_ticks(0.0, max(tops, default=0.0) or max_value)
    plot = _PlotArea((_WIDTH, _HEIGHT + 14), y_ticks, (0.0, float(len(bars))), y_label, bottom=_BOTTOM + 14)
    svg = plot.draw_frame(title, x_label)
    half_width = 0.36 * (plot.x(1) - plot.x(0))
    for n, bar in enumerate(bars):
        middle = plot.x(n + 0.5)
        add_text(svg, middle, plot.bottom + 15, bar.label, "middle", "label")
        add_text(svg, middle, plot.bottom + 29, bar.note, "middle")
        if bar.value is None:
            add_text(svg, middle, plot.bottom - 5, "–", "middle")
            continue
        top = plot.y(bar.value)
        size = {"width": 2 * half_width, "height": max(plot.bottom - top, 0.5)}
        rect = add_element(svg, "rect", x=middle - half_width, y=top, **size, class_="bar")
        _add_bar_tooltip(rect, bar, decimals)
        if bar.error_margin:
            top = plot.y(min(bar.value + bar.error_margin, max_value))
            foot = plot.y(max(bar.value - bar.error_margin, 0.0))
            add_element(svg, "line", x1=middle, x2=middle, y1=top, y2=foot, class_="whisker")
        add_text(svg, middle, top - 5, f"{bar.value:.{decimals}f}", "middle", "label")
    return render_svg(svg)


def interval_chart(title: str, bars: Sequence[ChartBar], x_label: str, decimals: int) -> str:
    """Draw an interval chart: rows with a label, a dot and an error bar, on an axis that may not start at zero.

    ``title`` is the label for screen readers, ``x_label`` that of the horizontal axis.
    """
    values = [(bar.value, bar.error_margin or 0.0) for bar in bars if bar.value is not None]
    ticks = axis_ticks(min(value - margin for value, margin in values), max(map(sum, values)))
    left, height = max(text_width(bar.label) for bar in bars) + 12, _TOP + _CELL * len(bars)
    svg = create_svg(title, left + _SMALL_WIDTH, height + _BOTTOM)

    def x(value: float) -> float:
        return left + (value - ticks[0]) / (ticks[-1] - ticks[0]) * (_SMALL_WIDTH - 4 * _RIGHT)

    for tick in ticks:
        add_element(svg, "line", x1=x(tick), x2=x(tick), y1=_TOP, y2=height, class_="grid")
        add_text(svg, x(tick), height + 16, format_tick(tick, ticks[1] - ticks[0]), "middle")
    add_text(svg, x((ticks[0] + ticks[-1]) / 2), height + 34, x_label, "middle")
    for n, bar in enumerate(bars):
        y = _TOP + _CELL * (n + 0.5)
        add_text(svg, left - 8, y + 4, bar.label, "end", "label")
        if bar.value is None:
            continue
        if bar.error_margin:
            ends = {"x1": x(bar.value - bar.error_margin), "x2": x(bar.value + bar.error_margin)}
            add_element(svg, "line", **ends, y1=y, y2=y, class_="whisker")
        dot = add_element(svg, "circle", cx=x(bar.value), cy=y, r=4, class_="dot s0")
        _add_bar_tooltip(dot, bar, decimals)
        add_text(svg, left + _SMALL_WIDTH - 2, y + 4, f"{bar.value:.{decimals}f}", "end", "label")
    return render_svg(svg)


def heat_map(title: str, rows: Sequence[str], columns: Sequence[str], weights: Any) -> str:
    """Draw weights [rows, columns] between 0 and 1 as a heat map; ``rows`` and ``columns`` are the labels."""
    left, top = max(map(text_width, rows)) + 10, max(map(text_width, columns)) + 10
    width, height = left + _CELL * len(columns) + 1, top + _CELL * len(rows) + 1
    svg = create_svg(title, width, height)
    svg.set("style", f"width:{width:.0f}px")  # cells have the same size in all maps; a wide map scrolls
    add_element(svg, "rect", x=left, y=top, width=width - left - 1, height=height - top - 1, class_="field")
    for n, column in enumerate(columns):
        x = left + _CELL * (n + 0.5) + 4
        label = add_text(svg, x, top - 6, column, class_="label")
        label.set("transform", f"rotate(-90 {format_length(x)} {format_length(top - 6)})")
    for m, row in enumerate(rows):
        add_text(svg, left - 6, top + _CELL * (m + 0.5) + 4, row, "end", "label")
        for n, column in enumerate(columns):
            weight = float(weights[m][n])
            x, y = left + _CELL * n, top + _CELL * m
            cell = add_element(svg, "rect", x=x + 0.5, y=y + 0.5, width=_CELL - 1, height=_CELL - 1, class_="cell")
            cell.set("fill-opacity", f"{weight:.2f}".rstrip("0").rstrip("."))
            add_element(cell, "title").text = f"{row} ← {column}: {weight:.2f}"
    return render_svg(svg)


# --- parts of charts -----------------------------------------------------------------------------------------


class _PlotArea:
    """Rectangle between the axes, which maps values to coordinates."""

    def __init__(
        self, size: Point, y_ticks: list[float], x_range: Point, y_label: str, bottom: float = _BOTTOM
    ) -> None:
        """Lay out a chart of a size; ``bottom`` is the height of the margin below the plot area."""
        self.size, self.y_ticks, self.x_range, self.y_label = size, y_ticks, x_range, y_label
        self.labels = [format_tick(tick, y_ticks[1] - y_ticks[0]) for tick in y_ticks]
        self.left = max(map(text_width, self.labels)) + 12
        self.right, self.top, self.bottom = size[0] - _RIGHT, _TOP, size[1] - bottom

    def x(self, value: float) -> float:
        """Return the horizontal coordinate of a value."""
        low, high = self.x_range
        share = (value - low) / (high - low) if high > low else 0.5
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        """Return the vertical coordinate of a value."""
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def draw_frame(self, title: str, x_label: str) -> Element:
        """Return an SVG image with the grid, its labels and the labels of the axes."""
        svg = create_svg(title, *self.size)
        for tick, label in zip(self.y_ticks, self.labels, strict=True):
            y, class_ = self.y(tick), "axis" if tick == self.y_ticks[0] else "grid"
            add_element(svg, "line", x1=self.left, x2=self.right, y1=y, y2=y, class_=class_)
            add_text(svg, self.left - 6, y + 4, label, "end")
        add_text(svg, 0, 12, self.y_label)
        add_text(svg, (self.left + self.right) / 2, self.size[1] - 6, x_label, "middle")
        return svg


def thin_points(points: Sequence[Point], max_groups: int = _MAX_POINT_GROUPS) -> list[Point]:
    """Reduce a long line to the lowest and the highest of each group of consecutive points, which keeps spikes.

    ``max_groups`` is the maximum number of groups.
    """
    if len(points) <= 2 * max_groups:
        return list(points)
    kept: list[Point] = []
    for n in range(max_groups):
        group = points[n * len(points) // max_groups : (n + 1) * len(points) // max_groups]
        extremes = {group.index(choose(group, key=itemgetter(1))) for choose in (min, max)}
        kept += [group[index] for index in sorted(extremes)]
    return kept


def _draw_line(svg: Element, plot: _PlotArea, line: LineSeries, n: int, marked_x: float | None) -> None:
    """Draw line number n, with a dot at ``marked_x`` or, if the line has a single point, at that point."""
    points = thin_points(line.points)
    if len(points) > 1:
        path = " ".join(f"{format_length(plot.x(x))},{format_length(plot.y(y))}" for x, y in points)
        add_element(svg, "polyline", points=path, class_=f"line s{n}")
    dots = line.points if len(line.points) == 1 else [point for point in line.points if point[0] == marked_x]
    for x, y in dots:
        add_element(svg, "circle", cx=plot.x(x), cy=plot.y(y), r=3.5, class_=f"dot s{n}")


def _add_bar_tooltip(element: Element, bar: ChartBar, decimals: int) -> None:
    """Add a tooltip with the label, value, error margin and note of a bar."""
    margin = f" ± {bar.error_margin:.{decimals}f}" if bar.error_margin else ""
    add_element(element, "title").text = f"{bar.label}: {bar.value:.{decimals}f}{margin} ({bar.note})"


def _add_tooltips(svg: Element, plot: _PlotArea, series: Sequence[LineSeries], x_label: str) -> None:
    """Add invisible bands whose tooltips show the values at a position; each extends halfway to its neighbours."""
    values: dict[float, list[str]] = {}
    for line in series:
        for x, y in line.points:
            values.setdefault(x, []).append(f"{line.name} {y:.4g}")
    positions: list[float] = []
    for line in sorted(series, key=lambda each: len(each.points)):  # lines with few points, such as validations, first
        positions += _select_evenly([x for x, _ in line.points if x not in positions], _MAX_TOOLTIPS - len(positions))
    positions.sort()
    places = [plot.x(x) for x in positions]
    edges = [plot.left, *((a + b) / 2 for a, b in itertools.pairwise(places)), plot.right]
    for x, left, right in zip(positions, edges[:-1], edges[1:], strict=True):
        size = {"width": right - left, "height": plot.bottom - plot.top}
        band = add_element(svg, "rect", x=left, y=plot.top, **size, class_="band")
        add_element(band, "title").text = f"{x_label} {x:,.0f}: {', '.join(values[x])}"


def _select_evenly(values: Sequence[float], max_values: int) -> list[float]:
    """Return at most ``max_values`` evenly spaced elements, always including the last."""
    count = min(len(values), max_values)
    return [values[((n + 1) * len(values) - 1) // count] for n in range(count)]


def _draw_legend(svg: Element, plot: _PlotArea, names: Sequence[str]) -> None:
    """Draw the names of the lines above the plot, right-aligned."""
    x = plot.right
    for n, name in reversed(list(enumerate(names))):
        x -= text_width(name)
        add_text(svg, x, 12, name, class_="label")
        add_element(svg, "line", x1=x - 21, x2=x - 5, y1=8, y2=8, class_=f"line s{n}")
        x -= 34
