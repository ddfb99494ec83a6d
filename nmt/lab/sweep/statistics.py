"""Significance tests of the differences between settings, each of which is trained with several seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from scipy.stats import ttest_ind


def standard_deviation(values: Sequence[float]) -> float | None:
    """Return the sample standard deviation, or None for a single value."""
    return statistics.stdev(values) if len(values) > 1 else None


def welch_p_value(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Return the two-sided p-value of the null hypothesis that two samples have equal means (Welch 1947).

    The result is None if the variance can't be estimated, because a sample has a single value, or because both samples
    are constant but differ. It is 1 if all values of both samples are equal.
    """
    if min(len(first), len(second)) < 2:
        return None
    if len(set(first)) == len(set(second)) == 1:
        return 1.0 if first[0] == second[0] else None
    return float(ttest_ind(first, second, equal_var=False).pvalue)


def holm_adjust(values: Sequence[float | None]) -> list[float | None]:
    """Adjust the p-values of several tests for multiple testing (Holm 1979); None stays None.

    The probability that any adjusted p-value of a true null hypothesis is below 0.05 is at most 0.05.
    """
    order = sorted((value, index) for index, value in enumerate(values) if value is not None)
    adjusted: list[float | None] = [None] * len(values)
    highest = 0.0
    for rank, (value, index) in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * value))
        adjusted[index] = highest
    return adjusted
