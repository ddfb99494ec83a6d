"""P-values compared with Student's tables and with closed forms."""

import math

import pytest

from nmt.lab.sweep.statistics import holm_adjust, standard_deviation, welch_p_value


def test_a_single_value_has_no_standard_deviation() -> None:
    assert standard_deviation([2.0]) is None
    assert standard_deviation([1.0, 3.0]) == pytest.approx(math.sqrt(2))


@pytest.mark.parametrize(
    ("t", "p"),
    # Two samples of n = 3 with equal variance have four degrees of freedom: the 0.1, 0.05 and 0.01 quantiles.
    [(2.1318468, 0.1), (2.7764451, 0.05), (4.6040949, 0.01)],
)
def test_equal_variances_give_p_values_of_four_degrees_of_freedom(t: float, p: float) -> None:
    sample = [-1.0, 0.0, 1.0]  # variance 1, so the standard error of the difference is √(2/3)
    assert welch_p_value([x + t * math.sqrt(2 / 3) for x in sample], sample) == pytest.approx(p, abs=1e-6)


def test_a_constant_sample_gives_p_values_of_one_degree_of_freedom() -> None:
    """Student's distribution with one degree of freedom is the Cauchy distribution: p = 1 - 2/π · atan t."""
    shift = 3.0
    assert welch_p_value([shift - 1, shift + 1], [0.0, 0.0]) == pytest.approx(
        1 - 2 / math.pi * math.atan(shift), abs=1e-6
    )


def test_constant_and_single_samples() -> None:
    assert welch_p_value([1.0, 1.0], [1.0, 1.0]) == 1
    assert welch_p_value([1.0, 1.0], [2.0, 2.0]) is None
    assert welch_p_value([1.0], [2.0, 3.0]) is None


def test_holm_multiplies_by_the_number_of_remaining_tests() -> None:
    assert holm_adjust([0.04, None, 0.01, 0.02]) == pytest.approx([0.04, None, 0.03, 0.04])
    assert holm_adjust([0.9, 0.8]) == [1.0, 1.0]
