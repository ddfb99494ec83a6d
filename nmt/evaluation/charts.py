"""Charts as inline SVG: lines, bars, intervals and heat maps. See `nmt.evaluation.svg` for colours and units."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element

from nmt.evaluation.axis import axis_ticks, format_tick
from nmt.evaluation.svg import add_element, add_text, create_svg, format_length, render_svg, text_width

_WIDTH, _HEIGHT = 440.0, 250.0
_SMALL_WIDTH, _SMALL_HEIGHT = 300.0, 190.0
_TOP, _RIGHT, _BOTTOM = 26.0, 16.0, 42.0
_MAX_TOOLTIPS = 120  # of a line chart
_MAX_POINT_GROUPS = 250  # of a line; more do not fit the width
_CELL = 22.0

Point = tuple[float, float]


@dataclass(frozen=True)
class LineSeries:
    """A line of a line chart."""

    name: str
    points: Sequence[Point]
    """Points by ascending x."""


@dataclass(frozen=True)
class ChartBar:
    """A bar of a bar chart, or a dot of an interval chart."""

    label: str
    note: str
    """Text below the label."""
    value: float | None
    """Value; None leaves the place empty."""
    margin: float | None = None
    """Half-width of the confidence interval."""


# --- charts --------------------------------------------------------------------------------------------------


def line_chart(
    title: str,
    series: Sequence[LineSeries],
    unit: str,
    from_zero: bool,
    best: float | None = None,
    small: bool = False,
    across: str = "update",
) -> str:
    """Draw lines, with tooltips that show the values.

    Args:
        title: Label for screen readers.
        series: The lines, each with at least one point.
        unit: Unit of the vertical axis.
        from_zero: Whether the vertical axis starts at zero.
        best: Position on the horizontal axis to mark.
        small: Whether to draw a small chart.
        across: Quantity of the horizontal axis.
    """
    values = [value for line in series for _, value in line.points]
    last = max(x for line in series for x, _ in line.points)
    size = (_SMALL_WIDTH, _SMALL_HEIGHT) if small else (_WIDTH, _HEIGHT)
    low, high = (0.0, max(values) or 1.0) if from_zero else (min(values), max(values))
    most = 4 if small else 6
    plot = _Plot(size, axis_ticks(low, high, most), (0.0, last), unit)
    svg = plot.draw_frame(title, across)
    x_ticks = axis_ticks(0, max(last, most), most)
    for x in x_ticks:
        if x <= last:
            add_text(svg, plot.x(x), plot.bottom + 16, format_tick(x, x_ticks[1]), "middle")
    if best is not None:
        add_element(svg, "line", x1=plot.x(best), x2=plot.x(best), y1=plot.top, y2=plot.bottom, class_="best")
    for n, line in enumerate(series):
        _draw_line(svg, plot, line, n, best)
    if len(series) > 1:
        _draw_legend(svg, plot, [line.name for line in series])
    _add_tooltips(svg, plot, series, across)
    return render_svg(svg)


def bar_chart(title: str, bars: Sequence[ChartBar], unit: str, across: str, ceiling: float, decimals: int) -> str:
    """Draw bars from zero, each with its value above it, label and note below it, and a whisker for its interval.

    Args:
        title: Label for screen readers.
        bars: The bars.
        unit: Unit of the vertical axis.
        across: Quantity of the horizontal axis.
        ceiling: Highest possible value; intervals are cut off there.
        decimals: Number of decimals of the values.
    """
    tops = [min(bar.value + (bar.margin or 0.0), ceiling) for bar in bars if bar.value is not None]
    levels = axis_ticks(0.0, max(tops, default=0.0) or ceiling)
    plot = _Plot((_WIDTH, _HEIGHT + 14), levels, (0.0, float(len(bars))), unit, bottom=_BOTTOM + 14)
    svg = plot.draw_frame(title, across)
    for n, bar in enumerate(bars):
        middle = plot.x(n + 0.5)
        add_text(svg, middle, plot.bottom + 15, bar.label, "middle", "label")
        add_text(svg, middle, plot.bottom + 29, bar.note, "middle")
        if bar.value is None:
            add_text(svg, middle, plot.bottom - 5, "–", "middle")
        else:
            half_width = 0.36 * (plot.x(1) - plot.x(0))
            _draw_bar(svg, plot, bar, middle, half_width, f"{bar.value:.{decimals}f}", ceiling)
    return render_svg(svg)


def interval_chart(title: str, bars: Sequence[ChartBar], unit: str, decimals: int) -> str:
    """Draw a row per bar: label, a dot at its value and a whisker for its interval; the axis may not start at zero."""
    intervals = [(bar.value, bar.margin or 0.0) for bar in bars if bar.value is not None]
    levels = axis_ticks(
        min(value - margin for value, margin in intervals), max(value + margin for value, margin in intervals)
    )
    left, height = max(text_width(bar.label) for bar in bars) + 12, _TOP + _CELL * len(bars)
    svg = create_svg(title, left + _SMALL_WIDTH, height + _BOTTOM)

    def x(value: float) -> float:
        return left + (value - levels[0]) / (levels[-1] - levels[0]) * (_SMALL_WIDTH - 4 * _RIGHT)

    for level in levels:
        add_element(svg, "line", x1=x(level), x2=x(level), y1=_TOP, y2=height, class_="grid")
        add_text(svg, x(level), height + 16, format_tick(level, levels[1] - levels[0]), "middle")
    add_text(svg, x((levels[0] + levels[-1]) / 2), height + 34, unit, "middle")
    for n, bar in enumerate(bars):
        y = _TOP + _CELL * (n + 0.5)
        add_text(svg, left - 8, y + 4, bar.label, "end", "label")
        if bar.value is None:
            continue
        if bar.margin:
            ends = {"x1": x(bar.value - bar.margin), "x2": x(bar.value + bar.margin)}
            add_element(svg, "line", **ends, y1=y, y2=y, class_="whisker")
        dot = add_element(svg, "circle", cx=x(bar.value), cy=y, r=4, class_="dot s0")
        shown = f"{bar.value:.{decimals}f}"
        interval = f" ± {bar.margin:.{decimals}f}" if bar.margin else ""
        add_element(dot, "title").text = f"{bar.label}: {shown}{interval} ({bar.note})"
        add_text(svg, left + _SMALL_WIDTH - 2, y + 4, shown, "end", "label")
    return render_svg(svg)


def heat_map(title: str, rows: Sequence[str], columns: Sequence[str], weights: Any) -> str:
    """Draw weights [rows, columns] between 0 and 1 as cells; column labels are rotated."""
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


class _Plot:
    """The rectangle between the axes, which maps values to coordinates."""

    def __init__(self, size: Point, levels: list[float], across: Point, unit: str, bottom: float = _BOTTOM) -> None:
        """``levels`` are the ticks of the vertical axis, ``across`` the ends of the horizontal axis."""
        self.size, self.levels, self.across, self.unit = size, levels, across, unit
        self.labels = [format_tick(level, levels[1] - levels[0]) for level in levels]
        self.left = max(map(text_width, self.labels)) + 12
        self.right, self.top, self.bottom = size[0] - _RIGHT, _TOP, size[1] - bottom

    def x(self, value: float) -> float:
        low, high = self.across
        share = (value - low) / (high - low) if high > low else 0.5
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        low, high = self.levels[0], self.levels[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def draw_frame(self, title: str, across: str) -> Element:
        """Return a picture with the grid, its labels and the names of the axes."""
        svg = create_svg(title, *self.size)
        for level, label in zip(self.levels, self.labels, strict=True):
            class_ = "axis" if level == self.levels[0] else "grid"
            add_element(svg, "line", x1=self.left, x2=self.right, y1=self.y(level), y2=self.y(level), class_=class_)
            add_text(svg, self.left - 6, self.y(level) + 4, label, "end")
        add_text(svg, 0, 12, self.unit)
        add_text(svg, (self.left + self.right) / 2, self.size[1] - 6, across, "middle")
        return svg


def thin_points(points: Sequence[Point], groups: int = _MAX_POINT_GROUPS) -> list[Point]:
    """Reduce a long line to the lowest and the highest point of each group of neighbours, which keeps spikes."""
    if len(points) <= 2 * groups:
        return list(points)
    kept: list[Point] = []
    for n in range(groups):
        group = points[n * len(points) // groups : (n + 1) * len(points) // groups]
        extremes = {group.index(min(group, key=_y)), group.index(max(group, key=_y))}
        kept += [group[index] for index in sorted(extremes)]
    return kept


def _y(point: Point) -> float:
    return point[1]


def _draw_line(svg: Element, plot: _Plot, line: LineSeries, n: int, best: float | None) -> None:
    points = thin_points(line.points)
    if len(points) > 1:
        path = " ".join(f"{format_length(plot.x(x))},{format_length(plot.y(y))}" for x, y in points)
        add_element(svg, "polyline", points=path, class_=f"line s{n}")
    dots = line.points if len(line.points) == 1 else [point for point in line.points if point[0] == best]
    for x, y in dots:
        add_element(svg, "circle", cx=plot.x(x), cy=plot.y(y), r=3.5, class_=f"dot s{n}")


def _draw_bar(
    svg: Element, plot: _Plot, bar: ChartBar, middle: float, half_width: float, shown: str, ceiling: float
) -> None:
    assert bar.value is not None
    top, margin = plot.y(bar.value), bar.margin or 0.0
    size = {"width": 2 * half_width, "height": max(plot.bottom - top, 0.5)}
    rect = add_element(svg, "rect", x=middle - half_width, y=top, **size, class_="bar")
    interval = f" ± {margin:.1f}" if margin else ""
    add_element(rect, "title").text = f"{bar.label}: {shown}{interval} ({bar.note})"
    if margin:
        top, foot = plot.y(min(bar.value + margin, ceiling)), plot.y(max(bar.value - margin, 0.0))
        add_element(svg, "line", x1=middle, x2=middle, y1=top, y2=foot, class_="whisker")
    add_text(svg, middle, top - 5, shown, "middle", "label")


def _add_tooltips(svg: Element, plot: _Plot, series: Sequence[LineSeries], across: str) -> None:
    """Add invisible bands whose tooltips show the values at a position; a band extends halfway to its neighbours."""
    values: dict[float, list[str]] = {}
    for line in series:
        for x, y in line.points:
            values.setdefault(x, []).append(f"{line.name} {y:.4g}")
    positions: list[float] = []
    for line in sorted(series, key=lambda each: len(each.points)):  # lines with few points, such as validations, first
        positions += _spread([x for x, _ in line.points if x not in positions], _MAX_TOOLTIPS - len(positions))
    positions.sort()
    places = [plot.x(x) for x in positions]
    edges = [plot.left, *((a + b) / 2 for a, b in itertools.pairwise(places)), plot.right]
    for x, left, right in zip(positions, edges[:-1], edges[1:], strict=True):
        size = {"width": right - left, "height": plot.bottom - plot.top}
        band = add_element(svg, "rect", x=left, y=plot.top, **size, class_="band")
        add_element(band, "title").text = f"{across} {x:,.0f}: {', '.join(values[x])}"


def _spread(values: Sequence[float], most: int) -> list[float]:
    """Return at most ``most`` evenly spread values, always including the last."""
    count = min(len(values), most)
    return [values[((n + 1) * len(values) - 1) // count] for n in range(count)]


def _draw_legend(svg: Element, plot: _Plot, names: Sequence[str]) -> None:
    """Draw the names of the lines above the plot, aligned to the right."""
    x = plot.right
    for n, name in reversed(list(enumerate(names))):
        x -= text_width(name)
        add_text(svg, x, 12, name, class_="label")
        add_element(svg, "line", x1=x - 21, x2=x - 5, y1=8, y2=8, class_=f"line s{n}")
        x -= 34
