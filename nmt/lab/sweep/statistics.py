"""Whether settings differ by more than their seeds do."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np


def standard_deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample; None of one value."""
    return statistics.stdev(values) if len(values) > 1 else None


def welch_p_value(first: Sequence[float], second: Sequence[float]) -> float | None:
    """The two-sided p-value of Welch's t-test (1947) for equal means of two samples of unequal variance.

    None where a sample has a single value, or where neither varies: then nothing says how much chance does. Samples of
    one and the same value have 1.
    """
    if min(len(first), len(second)) < 2:
        return None
    errors = [statistics.variance(sample) / len(sample) for sample in (first, second)]
    difference = statistics.fmean(first) - statistics.fmean(second)
    if sum(errors) == 0:
        return 1.0 if difference == 0 else None
    parts = [error**2 / (len(sample) - 1) for error, sample in zip(errors, (first, second), strict=True)]
    return _two_tails(abs(difference) / math.sqrt(sum(errors)), sum(errors) ** 2 / sum(parts))


def holm_adjust(values: Sequence[float | None]) -> list[float | None]:
    """P-values of several tests, adjusted: by chance, any of them is below 0.05 one time in twenty (Holm 1979)."""
    order = sorted((value, n) for n, value in enumerate(values) if value is not None)
    adjusted: list[float | None] = [None] * len(values)
    highest = 0.0
    for place, (value, n) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * value))
        adjusted[n] = highest
    return adjusted


def _two_tails(t: float, freedom: float) -> float:
    """The probability beyond ±t under Student's distribution of so many degrees of freedom, at least 1.

    With x = √freedom · tan θ its density is proportional to cos θ ** (freedom - 1), which is smooth enough for a
    Gaussian quadrature.
    """
    nodes, weights = np.polynomial.legendre.leggauss(200)

    def mass(start: float) -> float:
        half = (math.pi / 2 - start) / 2
        return float(half * (weights * np.cos(start + half * (nodes + 1)) ** (freedom - 1)).sum())

    return mass(math.atan(t / math.sqrt(freedom))) / mass(0.0)
