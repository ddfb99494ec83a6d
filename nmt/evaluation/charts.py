"""Charts as inline SVG: text in, text out, nothing drawn from elsewhere.

Colours and type come from the page's style sheet, by class; lengths are in units of the view box, about a pixel each.
The trees are built by `xml.etree`, which escapes all text.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

_WIDTH, _HEIGHT = 440.0, 250.0
_SMALL_WIDTH, _SMALL_HEIGHT = 300.0, 190.0
_TOP, _RIGHT, _BOTTOM = 26.0, 16.0, 42.0
_MOST_BANDS = 120  # of a line chart, that tell values under the pointer
_MOST_GROUPS = 250  # of a line's points: more don't fit the width
_CELL = 22.0

Point = tuple[float, float]


@dataclass(frozen=True)
class LineSeries:
    """A line: a name, and points by ascending x."""

    name: str
    points: Sequence[Point]


@dataclass(frozen=True)
class ChartBar:
    """A bar, or an empty place where there is no value."""

    label: str
    note: str
    """Below the label."""
    value: float | None
    margin: float | None = None
    """Half-width of a confidence interval."""


# --- numbers -----------------------------------------------------------------------------------------------


def axis_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """At most ``most`` + 1 even values, from at or below ``low`` to at or above ``high``.

    Their step is 1, 2 or 5 times a power of ten.
    """
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size:  # one value, but for rounding
        low, high = low - (size or 1.0) / 2, low + (size or 1.0) / 2
    power = 10.0 ** math.floor(math.log10((high - low) / most))
    for step in (power, 2 * power, 5 * power, 10 * power, 20 * power):
        # A bound that is a tick but for rounding is one.
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= most:
            break
    return [tick * step for tick in range(first, last + 1)]


def number(value: float, step: float) -> str:
    """A value as exact as steps of that size need: 12,000 or 0.0005 or 2e-05."""
    if value == 0:
        return "0"
    if step < 1e-4:
        return f"{value:.{max(math.floor(math.log10(abs(value))) - math.floor(math.log10(step) + 1e-9), 0)}e}"
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"


def thin_points(points: Sequence[Point], groups: int = _MOST_GROUPS) -> list[Point]:
    """Long lines as the lowest and the highest point of each group of neighbours: spikes stay."""
    if len(points) <= 2 * groups:
        return list(points)
    kept: list[Point] = []
    for n in range(groups):
        group = points[n * len(points) // groups : (n + 1) * len(points) // groups]
        ends = {group.index(min(group, key=_y)), group.index(max(group, key=_y))}
        kept += [group[place] for place in sorted(ends)]
    return kept


def _y(point: Point) -> float:
    return point[1]


# --- charts ------------------------------------------------------------------------------------------------


def line_chart(
    title: str,
    series: Sequence[LineSeries],
    unit: str,
    from_zero: bool,
    best: float | None = None,
    small: bool = False,
    across: str = "update",
) -> str:
    """Lines over updates, or whatever ``across`` counts, each of a point or more; ``best`` is an update to mark.

    Values under the pointer are told by bands with titles.
    """
    values = [value for line in series for _, value in line.points]
    last = max(x for line in series for x, _ in line.points)
    size = (_SMALL_WIDTH, _SMALL_HEIGHT) if small else (_WIDTH, _HEIGHT)
    low, high = (0.0, max(values) or 1.0) if from_zero else (min(values), max(values))
    most = 4 if small else 6
    plot = _Plot(size, axis_ticks(low, high, most), (0.0, last), unit)
    svg = plot.frame(title, across)
    whole = axis_ticks(0, max(last, most), most)
    for x in whole:
        if x <= last:
            _text(svg, plot.x(x), plot.bottom + 16, number(x, whole[1]), "middle")
    if best is not None:
        _add(svg, "line", x1=plot.x(best), x2=plot.x(best), y1=plot.top, y2=plot.bottom, class_="best")
    for n, line in enumerate(series):
        _draw_line(svg, plot, line, n, best)
    if len(series) > 1:
        _legend(svg, plot, [line.name for line in series])
    _bands(svg, plot, series, across)
    return _render(svg)


def bar_chart(title: str, bars: Sequence[ChartBar], unit: str, across: str, ceiling: float, decimals: int) -> str:
    """Bars from zero, each with its value above it, its label and note below, and a whisker for its interval.

    No value is above ``ceiling``; an interval is cut there.
    """
    tops = [min(bar.value + (bar.margin or 0.0), ceiling) for bar in bars if bar.value is not None]
    levels = axis_ticks(0.0, max(tops, default=0.0) or ceiling)
    plot = _Plot((_WIDTH, _HEIGHT + 14), levels, (0.0, float(len(bars))), unit, bottom=_BOTTOM + 14)
    svg = plot.frame(title, across)
    for n, bar in enumerate(bars):
        middle = plot.x(n + 0.5)
        _text(svg, middle, plot.bottom + 15, bar.label, "middle", "label")
        _text(svg, middle, plot.bottom + 29, bar.note, "middle")
        if bar.value is None:
            _text(svg, middle, plot.bottom - 5, "–", "middle")
        else:
            half = 0.36 * (plot.x(1) - plot.x(0))
            _draw_bar(svg, plot, bar, middle, half, f"{bar.value:.{decimals}f}", ceiling)
    return _render(svg)


def interval_chart(title: str, bars: Sequence[ChartBar], unit: str, decimals: int) -> str:
    """A line a bar: its label, a dot at its value, a whisker for its interval; the axis need not begin at zero."""
    valued = [(bar.value, bar.margin or 0.0) for bar in bars if bar.value is not None]
    levels = axis_ticks(
        min(value - margin for value, margin in valued), max(value + margin for value, margin in valued)
    )
    left, height = max(text_width(bar.label) for bar in bars) + 12, _TOP + _CELL * len(bars)
    svg = _svg(title, left + _SMALL_WIDTH, height + _BOTTOM)

    def x(value: float) -> float:
        return left + (value - levels[0]) / (levels[-1] - levels[0]) * (_SMALL_WIDTH - 4 * _RIGHT)

    for level in levels:
        _add(svg, "line", x1=x(level), x2=x(level), y1=_TOP, y2=height, class_="grid")
        _text(svg, x(level), height + 16, number(level, levels[1] - levels[0]), "middle")
    _text(svg, x((levels[0] + levels[-1]) / 2), height + 34, unit, "middle")
    for n, bar in enumerate(bars):
        y = _TOP + _CELL * (n + 0.5)
        _text(svg, left - 8, y + 4, bar.label, "end", "label")
        if bar.value is None:
            continue
        if bar.margin:
            _add(svg, "line", x1=x(bar.value - bar.margin), x2=x(bar.value + bar.margin), y1=y, y2=y, class_="whisker")
        dot = _add(svg, "circle", cx=x(bar.value), cy=y, r=4, class_="dot s0")
        shown = f"{bar.value:.{decimals}f}"
        interval = f" ± {bar.margin:.{decimals}f}" if bar.margin else ""
        _add(dot, "title").text = f"{bar.label}: {shown}{interval} ({bar.note})"
        _text(svg, left + _SMALL_WIDTH - 2, y + 4, shown, "end", "label")
    return _render(svg)


def heat_map(title: str, rows: Sequence[str], columns: Sequence[str], weights: Any) -> str:
    """Weights [rows, columns], 0 to 1, as cells; column labels stand upright above them."""
    left, top = max(map(text_width, rows)) + 10, max(map(text_width, columns)) + 10
    width, height = left + _CELL * len(columns) + 1, top + _CELL * len(rows) + 1
    svg = _svg(title, width, height)
    svg.set("style", f"width:{width:.0f}px")  # cells of one size in all maps; a wide one scrolls
    _add(svg, "rect", x=left, y=top, width=width - left - 1, height=height - top - 1, class_="field")
    for n, column in enumerate(columns):
        x = left + _CELL * (n + 0.5) + 4
        label = _text(svg, x, top - 6, column, class_="label")
        label.set("transform", f"rotate(-90 {_round(x)} {_round(top - 6)})")
    for m, row in enumerate(rows):
        _text(svg, left - 6, top + _CELL * (m + 0.5) + 4, row, "end", "label")
        for n, column in enumerate(columns):
            weight = float(weights[m][n])
            x, y = left + _CELL * n, top + _CELL * m
            cell = _add(svg, "rect", x=x + 0.5, y=y + 0.5, width=_CELL - 1, height=_CELL - 1, class_="cell")
            cell.set("fill-opacity", f"{weight:.2f}".rstrip("0").rstrip("."))
            _add(cell, "title").text = f"{row} ← {column}: {weight:.2f}"
    return _render(svg)


# --- parts -------------------------------------------------------------------------------------------------


class _Plot:
    """The rectangle between the axes, and where values lie in it."""

    def __init__(self, size: Point, levels: list[float], across: Point, unit: str, bottom: float = _BOTTOM) -> None:
        """``levels`` are the ticks of the upright axis, ``across`` the ends of the other one."""
        self.size, self.levels, self.across, self.unit = size, levels, across, unit
        self.labels = [number(level, levels[1] - levels[0]) for level in levels]
        self.left = max(map(text_width, self.labels)) + 12
        self.right, self.top, self.bottom = size[0] - _RIGHT, _TOP, size[1] - bottom

    def x(self, value: float) -> float:
        low, high = self.across
        share = (value - low) / (high - low) if high > low else 0.5
        return self.left + share * (self.right - self.left)

    def y(self, value: float) -> float:
        low, high = self.levels[0], self.levels[-1]
        return self.bottom - (value - low) / (high - low) * (self.bottom - self.top)

    def frame(self, title: str, across: str) -> Element:
        """A picture with the grid, its labels and what the axes measure."""
        svg = _svg(title, *self.size)
        for level, label in zip(self.levels, self.labels, strict=True):
            kind = "axis" if level == self.levels[0] else "grid"
            _add(svg, "line", x1=self.left, x2=self.right, y1=self.y(level), y2=self.y(level), class_=kind)
            _text(svg, self.left - 6, self.y(level) + 4, label, "end")
        _text(svg, 0, 12, self.unit)
        _text(svg, (self.left + self.right) / 2, self.size[1] - 6, across, "middle")
        return svg


def _draw_line(svg: Element, plot: _Plot, line: LineSeries, n: int, best: float | None) -> None:
    points = thin_points(line.points)
    if len(points) > 1:
        path = " ".join(f"{_round(plot.x(x))},{_round(plot.y(y))}" for x, y in points)
        _add(svg, "polyline", points=path, class_=f"line s{n}")
    dotted = line.points if len(line.points) == 1 else [p for p in line.points if p[0] == best]
    for x, y in dotted:
        _add(svg, "circle", cx=plot.x(x), cy=plot.y(y), r=3.5, class_=f"dot s{n}")


def _draw_bar(svg: Element, plot: _Plot, bar: ChartBar, middle: float, half: float, shown: str, ceiling: float) -> None:
    assert bar.value is not None
    top, margin = plot.y(bar.value), bar.margin or 0.0
    rect = _add(svg, "rect", x=middle - half, y=top, width=2 * half, height=max(plot.bottom - top, 0.5), class_="bar")
    interval = f" ± {margin:.1f}" if margin else ""
    _add(rect, "title").text = f"{bar.label}: {shown}{interval} ({bar.note})"
    if margin:
        top, foot = plot.y(min(bar.value + margin, ceiling)), plot.y(max(bar.value - margin, 0.0))
        _add(svg, "line", x1=middle, x2=middle, y1=top, y2=foot, class_="whisker")
    _text(svg, middle, top - 5, shown, "middle", "label")


def _bands(svg: Element, plot: _Plot, series: Sequence[LineSeries], across: str) -> None:
    """Invisible stripes whose titles tell the values of an update, from midway to the next one to midway."""
    values: dict[float, list[str]] = {}
    for line in series:
        for x, y in line.points:
            values.setdefault(x, []).append(f"{line.name} {y:.4g}")
    told: list[float] = []
    for line in sorted(series, key=lambda each: len(each.points)):  # first what is rare, as validations are
        told += _spread([x for x, _ in line.points if x not in told], _MOST_BANDS - len(told))
    told.sort()
    places = [plot.x(x) for x in told]
    edges = [plot.left, *((a + b) / 2 for a, b in itertools.pairwise(places)), plot.right]
    for x, left, right in zip(told, edges[:-1], edges[1:], strict=True):
        band = _add(svg, "rect", x=left, y=plot.top, width=right - left, height=plot.bottom - plot.top, class_="band")
        _add(band, "title").text = f"{across} {x:,.0f}: {', '.join(values[x])}"


def _spread(updates: Sequence[float], most: int) -> list[float]:
    """At most so many of them, evenly among all; the last one always."""
    count = min(len(updates), most)
    return [updates[((n + 1) * len(updates) - 1) // count] for n in range(count)]


def _legend(svg: Element, plot: _Plot, names: Sequence[str]) -> None:
    """The lines' names, above the plot on the right."""
    x = plot.right
    for n, name in reversed(list(enumerate(names))):
        x -= text_width(name)
        _text(svg, x, 12, name, class_="label")
        _add(svg, "line", x1=x - 21, x2=x - 5, y1=8, y2=8, class_=f"line s{n}")
        x -= 34


def text_width(text: str) -> float:
    """About as wide as a text of 11 units is set: wide characters count for two."""
    return sum(11.5 if unicodedata.east_asian_width(character) in "WF" else 6.2 for character in text)


def _svg(title: str, width: float, height: float) -> Element:
    svg = Element("svg", {"class": "chart", "viewBox": f"0 0 {_round(width)} {_round(height)}", "role": "img"})
    svg.set("aria-label", title)
    return svg


def _text(svg: Element, x: float, y: float, text: str = "", anchor: str = "start", class_: str = "") -> Element:
    element = _add(svg, "text", x=x, y=y)
    if anchor != "start":
        element.set("text-anchor", anchor)
    if class_:
        element.set("class", class_)
    element.text = text
    return element


def _add(parent: Element, tag: str, class_: str = "", **attributes: float | str) -> Element:
    element = ElementTree.SubElement(parent, tag)
    for name, value in attributes.items():
        element.set(name, value if isinstance(value, str) else _round(value))
    if class_:
        element.set("class", class_)
    return element


def _round(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _render(svg: Element) -> str:
    return ElementTree.tostring(svg, encoding="unicode", short_empty_elements=False)
