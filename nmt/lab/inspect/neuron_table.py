"""Text formatting of neuron search results, for the terminal and for the HTML page."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nmt.lab.inspect.neuron_search import EXAMPLES_PER_END, NeuronMatch

_MAX_NUMBERS, _MAX_NAMES = 6, 12  # signal values shown in a table, numeric and nominal
_WIDTH = 200  # columns of a table that is not printed to a terminal


def print_matches(matches: Sequence[NeuronMatch]) -> None:
    """Print a table of the matches, each with an example of its highest and of its lowest state."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(_table(matches) if matches else "No unit follows a signal: every signal is constant in this corpus.")


def _table(matches: Sequence[NeuronMatch]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("signal", "layer"):
        table.add_column(name, no_wrap=True)
    for name in ("unit", "r", "R²", "forget gate", "half-life"):
        table.add_column(name, justify="right", no_wrap=True)
    mean_states = [format_mean_states(match) if match.is_nominal else "" for match in matches]
    if any(mean_states):
        table.add_column("mean state by value", overflow="fold")
    table.add_column("highest and lowest at (signal)", overflow="fold")
    for match, means in zip(matches, mean_states, strict=True):
        forget = "–" if match.forget is None else f"{match.forget:.4f}"
        cells = (str(match.unit), f"{match.r:+.3f}", f"{match.r2:.3f}", forget, format_half_life(match.half_life))
        optional = [Text(means)] * any(mean_states)
        examples = Text(format_extreme_examples(match))
        table.add_row(make_whitespace_visible(match.signal), match.layer, *cells, *optional, examples)
    return table


def format_mean_states(match: NeuronMatch, ranges: bool = False) -> str:
    """Format the unit's mean state for each signal value.

    Numeric values are listed from the lowest value up, and only the lowest are shown. Nominal values are listed by
    ascending mean state, and only the most frequent are shown: values that the unit hardly separates are neighbours.

    Args:
        match: The unit and the signal.
        ranges: Whether to add the lowest and highest state, which shows whether two values ever overlap.
    """
    levels = match.levels[:_MAX_NUMBERS]
    if match.is_nominal:
        most_frequent = sorted(match.levels, key=lambda level: -level.pieces)[:_MAX_NAMES]
        levels = sorted(most_frequent, key=lambda level: level.state)
    parts = [
        f"{_format_value(level.signal)}: {level.state:.2f}" + f" ({level.low:.2f} to {level.high:.2f})" * ranges
        for level in levels
    ]
    return ", ".join([*parts, *["…"] * (len(match.levels) > len(levels))])


def format_extreme_examples(match: NeuronMatch) -> str:
    """Format the examples of the highest and the lowest state: context, [piece], state and (signal value)."""
    extremes = [*match.examples[:1], *match.examples[EXAMPLES_PER_END : EXAMPLES_PER_END + 1]]
    return make_whitespace_visible(
        "; ".join(f"{e.before}[{e.piece}] {e.state:.2f} ({_format_value(e.signal)})" for e in extremes)
    )


def _format_value(signal: float | str) -> str:
    return make_whitespace_visible(signal) if isinstance(signal, str) else f"{signal:g}"


def make_whitespace_visible(text: str) -> str:
    """Replace line ends, which would break a table row, and a single space, which would be invisible, by symbols."""
    return text.replace("\n", "↵") if text != " " else "␣"


def format_half_life(steps: float | None) -> str:
    """Format a half-life in steps for a table; "–" if there is none, "∞" if it is infinite."""
    if steps is None:
        return "–"
    return "∞" if math.isinf(steps) else f"{steps:,.1f}" if steps < 100 else f"{steps:,.0f}"
