"""Units by what they do: those whose state follows a signal, over all pieces of a corpus.

The measure is Pearson's correlation r of a unit's memory cell, or output where it has no cell, with the signal; for a
signal that is 0 or 1 that is the point-biserial one, and for one whose numbers are mere names the correlation ratio η
(Pearson 1905). r² is the share of the state's variance that the signal tells: by a straight line, or by its name.

B texts, T pieces of each, n pieces, U units of a layer.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nmt.corpus.tokenizer import TokenizedText
from nmt.lab.inspect.half_life import half_life
from nmt.lab.inspect.probes import Signal
from nmt.lab.inspect.readings import Reading
from nmt.utils.arrays import Float32Array, Float64Array

_REMEMBERED = 3000  # pieces that examples are taken from
_EXAMPLES = 3  # of the highest states, and of the lowest
_CONTEXT = 24  # characters before the piece of an example
_LEVELS = 40  # values of a signal whose mean states are kept
_NUMBERS, _NAMES = 6, 12  # of them that a table tells
_WIDTH = 200  # of a table that goes to no terminal
_LEAST = 1e-9  # variance of what varies


class Example(NamedTuple):
    """A piece at which a unit is high or low."""

    before: str
    """The text that leads to it."""
    piece: str
    state: float
    signal: float | str


class Level(NamedTuple):
    """The pieces at which a signal has a value."""

    signal: float | str
    """A character where numbers are names."""
    state: float
    """The mean of the unit there."""
    low: float
    """Its lowest state there."""
    high: float
    pieces: int


@dataclass(frozen=True)
class Finding:
    """A unit that follows a signal."""

    signal: str
    layer: str
    """Such as "encoder 1 forward"."""
    unit: int
    quantity: str
    """What of it: cell or hidden."""
    r: float
    forget: float | None
    """The mean of its forget gate where the signal is defined; a layer's first step, before which there is nothing to
    forget, is left out. None for cells without one."""
    levels: list[Level]
    """By the signal's value: the lowest ones, of names the commonest."""
    examples: list[Example]
    """The highest states, then the lowest, of the first few thousand pieces: those of the shortest texts."""

    @property
    def is_by_name(self) -> bool:
        """Whether the signal's values are names."""
        return any(isinstance(level.signal, str) for level in self.levels)

    @property
    def r2(self) -> float:
        """The square of r."""
        return self.r**2

    @property
    def half_life(self) -> float | None:
        """See the function."""
        return None if self.forget is None else float(half_life(self.forget))

    def record(self) -> dict[str, Any]:
        """For JSON; a half-life without end is null."""
        life = self.half_life
        return {
            "signal": self.signal, "layer": self.layer, "unit": self.unit, "quantity": self.quantity, "r": self.r,
            "r2": self.r2, "forget": self.forget, "half_life": life if life is not None and life < math.inf else None,
            "levels": [level._asdict() for level in self.levels],
            "examples": [example._asdict() for example in self.examples],
        }  # fmt: skip


def arrays(findings: Sequence[Finding]) -> dict[str, np.ndarray[Any, Any]]:
    """The findings as named arrays: ``units.signal`` [N]… of all N, ``units.1.state`` [L]… of the levels of the first.

    Examples are left out; nothing at all where there are no findings.
    """
    if not findings:
        return {}
    found: dict[str, np.ndarray[Any, Any]] = {}
    for name in ("signal", "layer", "unit", "quantity", "r"):
        found[f"units.{name}"] = np.array([getattr(each, name) for each in findings])
    forget = np.array([each.forget for each in findings], dtype=np.float64)  # NaN for None
    found |= {"units.forget": forget, "units.half_life": half_life(forget)}
    for number, each in enumerate(findings, start=1):
        for name in Level._fields:
            found[f"units.{number}.{name}"] = np.array([getattr(level, name) for level in each.levels])
    return found


def show(findings: Sequence[Finding]) -> None:
    """Print the findings, with an example of the highest and of the lowest state of each."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(_table(findings) if findings else "No unit follows a signal here: none varies in this corpus.")


def _table(findings: Sequence[Finding]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("signal", "layer"):
        shown.add_column(name, no_wrap=True)
    for name in ("unit", "r", "R²", "forget gate", "half-life"):
        shown.add_column(name, justify="right", no_wrap=True)
    by_name = [means(each) if each.is_by_name else "" for each in findings]
    if any(by_name):
        shown.add_column("mean state by value", overflow="fold")
    shown.add_column("highest and lowest at (signal)", overflow="fold")
    for each, told in zip(findings, by_name, strict=True):
        forget = "–" if each.forget is None else f"{each.forget:.4f}"
        cells = (str(each.unit), f"{each.r:+.3f}", f"{each.r2:.3f}", forget, steps(each.half_life))
        shown.add_row(visible(each.signal), each.layer, *cells, *[Text(told)] * any(by_name), Text(evidence(each)))
    return shown


def means(finding: Finding, ranges: bool = False) -> str:
    """The mean states by the signal's value: of numbers the lowest, of names the commonest, from the lowest state up.

    So those names lie side by side that the unit tells least apart; with ``ranges``, whether it ever takes them for
    each other can be seen.
    """
    levels = finding.levels[:_NUMBERS]
    if finding.is_by_name:
        commonest = sorted(finding.levels, key=lambda level: -level.pieces)[:_NAMES]
        levels = sorted(commonest, key=lambda level: level.state)
    told = [
        f"{_value(level.signal)}: {level.state:.2f}" + f" ({level.low:.2f} to {level.high:.2f})" * ranges
        for level in levels
    ]
    return ", ".join([*told, *["…"] * (len(finding.levels) > len(levels))])


def evidence(finding: Finding) -> str:
    """Where the state is highest and lowest: what leads there, the piece, the state, and the signal's value."""
    ends = [*finding.examples[:1], *finding.examples[_EXAMPLES : _EXAMPLES + 1]]
    return visible("; ".join(f"{e.before}[{e.piece}] {e.state:.2f} ({_value(e.signal)})" for e in ends))


def _value(signal: float | str) -> str:
    return visible(signal) if isinstance(signal, str) else f"{signal:g}"


def visible(text: str) -> str:
    """In a table, where a line end would begin another row, and a space alone be nothing."""
    return text.replace("\n", "↵") if text != " " else "␣"


def steps(life: float | None) -> str:
    """A half-life in words of a table."""
    if life is None:
        return "–"
    return "∞" if math.isinf(life) else f"{life:,.1f}" if life < 100 else f"{life:,.0f}"


def search(readings: Iterable[Reading], signals: Sequence[Signal], top: int) -> list[Finding]:
    """For each signal the ``top`` units that follow it best over what their layers have read.

    A signal that is the same everywhere in the corpus finds nothing.
    """
    layers: dict[str, _Layer] = {}
    for each in readings:
        layers.setdefault(each.trace.name, _Layer(each, signals)).add(each)
    findings = []
    for number, signal in enumerate(signals):
        ranked = [
            (abs(r), layer, unit, r)
            for layer in layers.values()
            for unit, r in enumerate(layer.correlations(number).tolist())
            if not math.isnan(r)
        ]
        ranked.sort(key=lambda each: -each[0])
        findings += [layer.finding(number, signal, unit, r) for _, layer, unit, r in ranked[:top]]
    return findings


class _Sums:
    """The states [U] of a layer where a signal has one value."""

    def __init__(self, units: int) -> None:
        self.count, self.total = 0, np.zeros(units)
        self._low, self._high = np.full((2, units), [[np.inf], [-np.inf]])

    def add(self, states: Float64Array) -> None:
        """Count states [n, U]."""
        self.count += len(states)
        self.total += states.sum(axis=0)
        self._low = np.minimum(self._low, states.min(axis=0))
        self._high = np.maximum(self._high, states.max(axis=0))

    def level(self, signal: float | str, unit: int) -> Level:
        """What is told of a unit."""
        mean, low, high = (float(each[unit]) for each in (self.total / self.count, self._low, self._high))
        return Level(signal, mean, low, high, self.count)


class _Layer:
    """Running sums over the pieces that a layer has read."""

    def __init__(self, like: Reading, signals: Sequence[Signal]) -> None:
        values = like.trace.values
        self._name, self._language, self._signals = like.trace.name, like.language, signals
        self._quantity = "cell" if "cell" in values else "hidden"
        shape = len(signals), values[self._quantity].shape[-1]
        # Of each signal: pieces, and sums over them; of states and gates those of each unit.
        self._n, self._y, self._yy, self._steps = np.zeros((4, len(signals), 1))
        self._x, self._xx, self._xy, self._forget = np.zeros((4, *shape))
        self._has_forget = "forget" in values
        self._levels: list[dict[float, _Sums]] = [{} for _ in signals]  # by value
        self._kept: list[tuple[TokenizedText, Float32Array]] = []  # texts, and states [n, U]

    def add(self, read: Reading) -> None:
        """Count what a batch brought: traced values [B, T, U]."""
        values = read.trace.values
        for number, pieces in enumerate(read.texts):
            inside = slice(read.begin, read.begin + len(pieces.ids))
            states = values[self._quantity][number, inside].numpy()
            gates = values["forget"][number, inside].double().numpy() if self._has_forget else None
            first = int(read.trace.first[number]) - read.begin
            for place, signal in enumerate(self._signals):
                y = signal.values(pieces, self._language)
                self._count(place, states.astype(np.float64), y, gates, first)
            if sum(len(each) for _, each in self._kept) < _REMEMBERED:
                self._kept.append((pieces, states.copy()))

    def _count(self, place: int, x: Float64Array, y: Float64Array, gates: Float64Array | None, first: int) -> None:
        """Count states [n, U] and gates [n, U] for a signal [n]; ``first`` was read first, if it is one of the n."""
        counts = ~np.isnan(y)
        if gates is not None and len(y):
            later = counts.copy()
            if 0 <= first < len(y):
                later[first] = False
            self._forget[place] += gates[later].sum(axis=0)
            self._steps[place] += later.sum()
        x, y = x[counts], y[counts]
        self._n[place] += len(y)
        self._x[place] += x.sum(axis=0)
        self._xx[place] += (x**2).sum(axis=0)
        self._y[place] += y.sum()
        self._yy[place] += (y**2).sum()
        self._xy[place] += y @ x
        for value in np.unique(y).tolist():
            self._levels[place].setdefault(value, _Sums(x.shape[1])).add(x[y == value])

    def correlations(self, number: int) -> Float64Array:
        """[U]: r of each unit with a signal; NaN where either never varies."""
        n = np.maximum(self._n[number], 1)
        mean_x, mean_y = self._x[number] / n, self._y[number] / n
        spread_x, spread_y = self._xx[number] / n - mean_x**2, self._yy[number] / n - mean_y**2
        if self._signals[number].nominal:
            groups = self._levels[number].values()
            between = sum((each.total / each.count - mean_x) ** 2 * each.count / n for each in groups)
            together = np.sqrt(between * spread_y)
        else:
            together = self._xy[number] / n - mean_x * mean_y
        varies = (spread_x > _LEAST) & (spread_y > _LEAST)
        r: Float64Array = np.where(varies, together / np.sqrt(np.where(varies, spread_x * spread_y, 1.0)), np.nan)
        return r.clip(-1.0, 1.0)

    def finding(self, number: int, signal: Signal, unit: int, r: float) -> Finding:
        """What is told of a unit."""
        levels = sorted(self._levels[number].items(), key=itemgetter(0))
        if signal.nominal:
            levels.sort(key=lambda each: -each[1].count)
        return Finding(
            signal=signal.name,
            layer=self._name,
            unit=unit,
            quantity=self._quantity,
            r=r,
            forget=float(self._forget[number, unit] / max(self._steps[number, 0], 1)) if self._has_forget else None,
            levels=[each.level(_named(signal, y), unit) for y, each in sorted(levels[:_LEVELS], key=itemgetter(0))],
            examples=self._examples(signal, unit),
        )

    def _examples(self, signal: Signal, unit: int) -> list[Example]:
        found = []
        for pieces, states in self._kept:
            values = signal.values(pieces, self._language).tolist()
            for (start, end), value, state in zip(pieces.spans, values, states[:, unit].tolist(), strict=True):
                if not math.isnan(value) and end > start:
                    before = pieces.text[max(start - _CONTEXT, 0) : start]
                    found.append(Example(before, pieces.text[start:end], state, _named(signal, value)))
        found.sort(key=lambda example: -example.state)
        return found[:_EXAMPLES] + found[max(len(found) - _EXAMPLES, _EXAMPLES) :][::-1]


def _named(signal: Signal, value: float) -> float | str:
    return chr(int(value)) if signal.nominal else value
