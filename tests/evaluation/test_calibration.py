"""Confidence is a curve that never falls, and says what is to be expected."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.calibration import fit_calibration, pooled


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3)), min_size=1, max_size=5))
def test_pooling_finds_the_closest_curve_that_never_falls(points: list[tuple[int, int]]) -> None:
    """Against all ways to cut the points into blocks of equal value."""
    values, weights = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    best = np.inf
    for cuts in itertools.product([False, True], repeat=len(points) - 1):
        blocks = np.cumsum([False, *cuts])
        means = np.array([np.average(values[blocks == b], weights=weights[blocks == b]) for b in blocks])
        if (np.diff(means) >= 0).all():
            best = min(best, float((weights * (values - means) ** 2).sum()))
    found = pooled(values, weights)
    assert (np.diff(found) >= 0).all()
    assert (weights * (values - found) ** 2).sum() == pytest.approx(best)


def test_confidence_is_the_quality_to_be_expected() -> None:
    random = np.random.default_rng(2)
    scores = -random.gamma(2.0, 0.4, size=4000)
    qualities = np.clip(np.exp(scores) + random.normal(scale=0.15, size=len(scores)), 0, 1)
    calibration = fit_calibration(scores[:2000].tolist(), qualities[:2000].tolist())
    assert calibration is not None
    confidences = np.array([calibration.confidence(score) for score in scores[2000:]])
    assert ((confidences >= 0) & (confidences <= 1)).all()
    for group in np.array_split(np.argsort(confidences, kind="stable"), 8):
        assert qualities[2000:][group].mean() == pytest.approx(confidences[group].mean(), abs=0.04)
    assert calibration.confidence(-99) == calibration.values[0]


def test_a_handful_of_sentences_calibrates_nothing() -> None:
    assert fit_calibration([-1.0] * 49, [0.5] * 49) is None
