"""Tick positions and tick labels of chart axes."""

from __future__ import annotations

import math


def axis_ticks(low: float, high: float, max_intervals: int = 6) -> list[float]:
    """Return at most ``max_intervals`` + 1 evenly spaced ticks that cover the range from ``low`` to ``high``.

    The spacing of the ticks is 1, 2 or 5 times a power of ten.
    """
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size:  # a single value, up to rounding
        low, high = low - (size or 1.0) / 2, low + (size or 1.0) / 2
    power = 10.0 ** math.floor(math.log10((high - low) / max_intervals))
    for step in (power, 2 * power, 5 * power, 10 * power, 20 * power):
        # A bound that equals a tick up to rounding is that tick.
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first <= max_intervals:
            break
    return [tick * step for tick in range(first, last + 1)]


def format_tick(value: float, step: float) -> str:
    """Format a tick label with as many decimals as a spacing of ``step`` needs, for example 12,000, 0.0005 or 2e-05."""
    if value == 0:
        return "0"
    if step < 1e-4:
        return f"{value:.{max(math.floor(math.log10(abs(value))) - math.floor(math.log10(step) + 1e-9), 0)}e}"
    return f"{value:,.{max(0, -math.floor(math.log10(step) + 1e-9))}f}"
