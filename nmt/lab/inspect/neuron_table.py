"""Text format of the results of a neuron search, for the terminal and for the HTML page."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nmt.lab.inspect.neuron_search import EXAMPLES_PER_END, NeuronMatch

_MAX_NUMERIC_VALUES, _MAX_NOMINAL_VALUES = 6, 12  # number of signal values shown in a table
_WIDTH = 200  # width, in characters, of a table that is not printed to a terminal


def print_matches(matches: Sequence[NeuronMatch]) -> None:
    """Print a table of the matches, each with an example of the highest and of the lowest state."""
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(
        _build_table(matches) if matches else "No unit follows a signal: every signal is constant in this corpus."
    )


def _build_table(matches: Sequence[NeuronMatch]) -> Table:
    """Return the table with a row per match."""
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


def format_mean_states(match: NeuronMatch, with_ranges: bool = False) -> str:
    """Format a list of signal values with the mean state of the unit for each.

    A numeric signal is listed by ascending value, up to six values. A nominal signal is listed by ascending mean state,
    up to its twelve most frequent values, so that values with similar states are neighbours.

    Args:
        match: Unit that follows a signal.
        with_ranges: Whether to add the lowest and the highest state of each value, which shows whether values overlap.
    """
    levels = match.levels[:_MAX_NUMERIC_VALUES]
    if match.is_nominal:
        most_frequent = sorted(match.levels, key=lambda level: -level.pieces)[:_MAX_NOMINAL_VALUES]
        levels = sorted(most_frequent, key=lambda level: level.state)
    parts = [
        f"{_format_value(level.signal)}: {level.state:.2f}" + f" ({level.low:.2f} to {level.high:.2f})" * with_ranges
        for level in levels
    ]
    return ", ".join([*parts, *["…"] * (len(match.levels) > len(levels))])


def format_extreme_examples(match: NeuronMatch) -> str:
    """Format the examples of the highest and the lowest state, for example "the [dog] 2.50 (3)".

    An example consists of the text before a piece, the piece in brackets, the state, and the value of the signal.
    """
    extremes = [*match.examples[:1], *match.examples[EXAMPLES_PER_END : EXAMPLES_PER_END + 1]]
    return make_whitespace_visible(
        "; ".join(f"{e.before}[{e.piece}] {e.state:.2f} ({_format_value(e.signal)})" for e in extremes)
    )


def _format_value(signal: float | str) -> str:
    """Format a value of a signal, which is a character if the signal is nominal."""
    return make_whitespace_visible(signal) if isinstance(signal, str) else f"{signal:g}"


def make_whitespace_visible(text: str) -> str:
    """Return a text with symbols in place of line ends and, if the text is a single space, of the space."""
    return text.replace("\n", "↵") if text != " " else "␣"


def format_half_life(steps: float | None) -> str:
    """Format a half-life in steps for a table. None is shown as "–" and infinity as "∞"."""
    if steps is None:
        return "–"
    return "∞" if math.isinf(steps) else f"{steps:,.1f}" if steps < 100 else f"{steps:,.0f}"
