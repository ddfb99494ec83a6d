"""Neuron search, which ranks the units of a network by how closely their states follow a signal over a corpus.

The measure is Pearson's correlation r between the signal and a unit's memory cell, or its hidden state in cells without
a memory cell. For a signal of 0 and 1 this is the point-biserial correlation. For a nominal signal the measure is the
correlation ratio η (Pearson 1905). r² is the share of the state's variance that the signal explains.

Shapes: B texts, T pieces per text, n pieces, U units of a layer, L signal values.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nmt.corpus.tokenizer import TokenizedText
from nmt.lab.inspect.half_life import half_life
from nmt.lab.inspect.probes import ProbeSignal
from nmt.utils.arrays import Float32Array, Float64Array

if TYPE_CHECKING:
    from nmt.lab.inspect.corpus_activations import LayerBatch

EXAMPLES_PER_END = 3
"""Number of examples of the highest states of a unit, and also of its lowest states."""

_EXAMPLE_PIECES = 3000  # examples come from the first texts with this many pieces in total
_CONTEXT = 24  # characters shown before the piece of an example
_MAX_LEVELS = 40  # maximum number of signal values for which statistics are reported
_MIN_VARIANCE = 1e-9  # below this, a state or signal counts as constant


class ActivationExample(NamedTuple):
    """A piece at which a unit's state is among its highest or lowest."""

    before: str
    """Text just before the piece."""
    piece: str
    """Text of the piece."""
    state: float
    """State of the unit after the piece."""
    signal: float | str
    """Value of the signal after the piece; a character if the signal is nominal."""


class SignalValueStatistics(NamedTuple):
    """Statistics of a unit's state over the pieces at which a signal has one value."""

    signal: float | str
    """Value of the signal; a character if the signal is nominal."""
    state: float
    """Mean state of the unit."""
    low: float
    """Lowest state of the unit."""
    high: float
    """Highest state of the unit."""
    pieces: int
    """Number of pieces."""


@dataclass(frozen=True)
class NeuronMatch:
    """A unit whose state follows a signal."""

    signal: str
    """Name of the signal."""
    layer: str
    """Name of the layer, for example "encoder 1 forward"."""
    unit: int
    """Index of the unit in the layer, counted from 0."""
    quantity: str
    """State that was compared with the signal: "cell" or "hidden"."""
    r: float
    """Correlation with the signal; the correlation ratio η if the signal is nominal."""
    forget: float | None
    """Mean forget gate over the pieces at which the signal is defined, or None for cells without a forget gate.

    The first step of a text is left out because there is no earlier state to forget.
    """
    levels: list[SignalValueStatistics]
    """Statistics of at most 40 signal values, in ascending order of the values.

    These are the lowest values of a numeric signal, or the most frequent values of a nominal signal.
    """
    examples: list[ActivationExample]
    """Examples of the highest states, then of the lowest, from the first few thousand pieces of the corpus.

    The texts are ordered by length, so that these are the pieces of the shortest texts.
    """

    @property
    def is_nominal(self) -> bool:
        """True if the values of the signal are characters rather than numbers."""
        return any(isinstance(level.signal, str) for level in self.levels)

    @property
    def r2(self) -> float:
        """Share of the variance of the state that the signal explains: the square of r."""
        return self.r**2

    @property
    def half_life(self) -> float | None:
        """Half-life of the memory cell in steps, or None for cells without a forget gate."""
        return None if self.forget is None else float(half_life(self.forget))

    def as_dict(self) -> dict[str, Any]:
        """Return all fields and properties as a dictionary for JSON; an infinite half-life becomes None."""
        life = self.half_life
        return {
            "signal": self.signal, "layer": self.layer, "unit": self.unit, "quantity": self.quantity, "r": self.r,
            "r2": self.r2, "forget": self.forget, "half_life": life if life is not None and life < math.inf else None,
            "levels": [level._asdict() for level in self.levels],
            "examples": [example._asdict() for example in self.examples],
        }  # fmt: skip


def match_arrays(matches: Sequence[NeuronMatch]) -> dict[str, np.ndarray[Any, Any]]:
    """Return the matches, without their examples, as arrays by their keys in the output files.

    ``units.signal``, ``units.r``, … contain a value per match; ``units.1.state``, ``units.1.low``, … [L] contain the
    statistics of the first match by signal value. The result is empty if there are no matches.
    """
    if not matches:
        return {}
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name in ("signal", "layer", "unit", "quantity", "r"):
        arrays[f"units.{name}"] = np.array([getattr(match, name) for match in matches])
    forget = np.array([match.forget for match in matches], dtype=np.float64)  # None becomes NaN
    arrays |= {"units.forget": forget, "units.half_life": half_life(forget)}
    for number, match in enumerate(matches, start=1):
        for name in SignalValueStatistics._fields:
            arrays[f"units.{number}.{name}"] = np.array([getattr(level, name) for level in match.levels])
    return arrays


def find_neurons(batches: Iterable[LayerBatch], signals: Sequence[ProbeSignal], top_k: int) -> list[NeuronMatch]:
    """Return, for each signal, the ``top_k`` units whose states follow it most closely, best first.

    There are no matches for a signal that is constant over the corpus.
    """
    layers: dict[str, _LayerStatistics] = {}
    for batch in batches:
        layers.setdefault(batch.trace.name, _LayerStatistics(batch, signals)).add(batch)
    matches = []
    for index in range(len(signals)):
        ranked = [
            (abs(r), layer, unit, r)
            for layer in layers.values()
            for unit, r in enumerate(layer.correlations(index).tolist())
            if not math.isnan(r)
        ]
        ranked.sort(key=lambda candidate: -candidate[0])
        matches += [layer.build_match(index, unit, r) for _, layer, unit, r in ranked[:top_k]]
    return matches


class _StateStatistics:
    """Running statistics of a layer's states [U] over the pieces at which a signal has one value."""

    def __init__(self, num_units: int) -> None:
        self.count, self.total = 0, np.zeros(num_units)
        self._low, self._high = np.full((2, num_units), [[np.inf], [-np.inf]])

    def add(self, states: Float64Array) -> None:
        """Add states [n, U]."""
        self.count += len(states)
        self.total += states.sum(axis=0)
        self._low = np.minimum(self._low, states.min(axis=0))
        self._high = np.maximum(self._high, states.max(axis=0))

    def describe_unit(self, signal: float | str, unit: int) -> SignalValueStatistics:
        """Return the statistics of one unit; ``signal`` is the value of the signal."""
        mean, low, high = (float(each[unit]) for each in (self.total / self.count, self._low, self._high))
        return SignalValueStatistics(signal, mean, low, high, self.count)


class _LayerStatistics:
    """Running sums over all pieces that a layer has read, from which the correlations are computed."""

    def __init__(self, batch: LayerBatch, signals: Sequence[ProbeSignal]) -> None:
        values = batch.trace.values
        self._name, self._language, self._signals = batch.trace.name, batch.language, signals
        self._quantity = "cell" if "cell" in values else "hidden"
        shape = len(signals), values[self._quantity].shape[-1]
        # Per signal (row): the number of pieces, and sums of the signal y, the states x and the forget gates over them.
        self._n, self._y, self._yy, self._steps = np.zeros((4, len(signals), 1))
        self._x, self._xx, self._xy, self._forget = np.zeros((4, *shape))
        self._has_forget = "forget" in values
        self._levels: list[dict[float, _StateStatistics]] = [{} for _ in signals]  # by signal value
        self._example_texts: list[tuple[TokenizedText, Float32Array]] = []  # texts with their states [n, U]

    def add(self, batch: LayerBatch) -> None:
        """Add the activations [B, T, U] of a batch."""
        values = batch.trace.values
        for row, pieces in enumerate(batch.texts):
            inside = slice(batch.first_piece_position, batch.first_piece_position + len(pieces.ids))
            states = values[self._quantity][row, inside]
            gates = values["forget"][row, inside].astype(np.float64) if self._has_forget else None
            first = int(batch.trace.first_read[row]) - batch.first_piece_position
            for index, signal in enumerate(self._signals):
                y = signal.values(pieces, self._language)
                self._accumulate(index, states.astype(np.float64), y, gates, first)
            if sum(len(kept) for _, kept in self._example_texts) < _EXAMPLE_PIECES:
                self._example_texts.append((pieces, states.copy()))

    def _accumulate(self, index: int, x: Float64Array, y: Float64Array, gates: Float64Array | None, first: int) -> None:
        """Add states x [n, U], signal values y [n] and forget gates [n, U] to the sums of one signal.

        ``first`` is the index of the piece that the layer reads first; it may lie outside [0, n).
        """
        defined = ~np.isnan(y)
        if gates is not None and len(y):
            later = defined.copy()
            if 0 <= first < len(y):
                later[first] = False
            self._forget[index] += gates[later].sum(axis=0)
            self._steps[index] += later.sum()
        x, y = x[defined], y[defined]
        self._n[index] += len(y)
        self._x[index] += x.sum(axis=0)
        self._xx[index] += (x**2).sum(axis=0)
        self._y[index] += y.sum()
        self._yy[index] += (y**2).sum()
        self._xy[index] += y @ x
        for value in np.unique(y).tolist():
            self._levels[index].setdefault(value, _StateStatistics(x.shape[1])).add(x[y == value])

    def correlations(self, index: int) -> Float64Array:
        """Return the correlation [U] of every unit with the signal at ``index``; NaN if one of them is constant."""
        n = np.maximum(self._n[index], 1)
        mean_x, mean_y = self._x[index] / n, self._y[index] / n
        variance_x, variance_y = self._xx[index] / n - mean_x**2, self._yy[index] / n - mean_y**2
        if self._signals[index].is_nominal:
            groups = self._levels[index].values()
            between = sum((group.total / group.count - mean_x) ** 2 * group.count / n for group in groups)
            covariance = np.sqrt(between * variance_y)
        else:
            covariance = self._xy[index] / n - mean_x * mean_y
        varies = (variance_x > _MIN_VARIANCE) & (variance_y > _MIN_VARIANCE)
        scale = np.sqrt(np.where(varies, variance_x * variance_y, 1.0))
        r: Float64Array = np.where(varies, covariance / scale, np.nan)
        return r.clip(-1.0, 1.0)

    def build_match(self, index: int, unit: int, r: float) -> NeuronMatch:
        """Describe how a unit follows the signal at ``index``, with which its correlation is r."""
        signal = self._signals[index]
        levels = sorted(self._levels[index].items(), key=itemgetter(0))
        if signal.is_nominal:
            levels.sort(key=lambda level: -level[1].count)
        return NeuronMatch(
            signal=signal.name,
            layer=self._name,
            unit=unit,
            quantity=self._quantity,
            r=r,
            forget=float(self._forget[index, unit] / max(self._steps[index, 0], 1)) if self._has_forget else None,
            levels=[
                statistics.describe_unit(_decode_value(signal, value), unit)
                for value, statistics in sorted(levels[:_MAX_LEVELS], key=itemgetter(0))
            ],
            examples=self._find_extreme_examples(signal, unit),
        )

    def _find_extreme_examples(self, signal: ProbeSignal, unit: int) -> list[ActivationExample]:
        """Return the pieces with the highest states of a unit, then those with the lowest states."""
        examples = []
        for pieces, states in self._example_texts:
            values = signal.values(pieces, self._language).tolist()
            for (start, end), value, state in zip(pieces.spans, values, states[:, unit].tolist(), strict=True):
                if not math.isnan(value) and end > start:
                    before = pieces.text[max(start - _CONTEXT, 0) : start]
                    value = _decode_value(signal, value)
                    examples.append(ActivationExample(before, pieces.text[start:end], state, value))
        examples.sort(key=lambda example: -example.state)
        lowest = examples[max(len(examples) - EXAMPLES_PER_END, EXAMPLES_PER_END) :]
        return examples[:EXAMPLES_PER_END] + lowest[::-1]


def _decode_value(signal: ProbeSignal, value: float) -> float | str:
    """Return the character of a code point if the signal is nominal, else the value itself."""
    return chr(int(value)) if signal.is_nominal else value
