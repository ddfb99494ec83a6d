"""The calibration curve is the best non-decreasing fit and predicts the expected quality."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.evaluation.calibration import fit_calibration
from nmt.model_directory.card import Calibration


@given(st.lists(st.integers(0, 4), min_size=2, max_size=5), st.integers(0, 24))
def test_the_curve_is_the_closest_one_that_never_falls(levels: list[int], more: int) -> None:
    """The reference tries all ways to cut the groups of sentences into blocks of equal value."""
    sizes = np.array([len(group) for group in np.array_split(np.arange(25 * len(levels) + more), len(levels))])
    values = np.array(levels) / 4
    best = np.inf
    for cuts in itertools.product([False, True], repeat=len(levels) - 1):
        blocks = np.cumsum([False, *cuts])
        means = np.array([np.average(values[blocks == b], weights=sizes[blocks == b]) for b in blocks])
        if (np.diff(means) >= 0).all():
            best = min(best, float((sizes * (values - means) ** 2).sum()))
    calibration = fit_calibration(np.arange(sizes.sum()).tolist(), np.repeat(values, sizes).tolist())
    assert calibration is not None
    found = np.array(calibration.values)
    assert (np.diff(found) >= 0).all()
    assert (sizes * (values - found) ** 2).sum() == pytest.approx(best, abs=1e-3)


def test_confidence_predicts_the_mean_quality() -> None:
    random = np.random.default_rng(2)
    scores = -random.gamma(2.0, 0.4, size=4000)
    qualities = np.clip(np.exp(scores) + random.normal(scale=0.15, size=len(scores)), 0, 1)
    calibration = fit_calibration(scores[:2000].tolist(), qualities[:2000].tolist())
    assert calibration is not None
    confidences = np.array([calibration.confidence(score) for score in scores[2000:]])
    assert ((confidences >= 0) & (confidences <= 1)).all()
    for group in np.array_split(np.argsort(confidences, kind="stable"), 8):
        assert qualities[2000:][group].mean() == pytest.approx(confidences[group].mean(), abs=0.04)


def test_confidence_falls_to_0_below_the_calibrated_scores() -> None:
    calibration = Calibration(scores=[-2.0, -1.0], values=[0.4, 0.8])
    assert calibration.confidence(-2.0) == 0.4
    assert calibration.confidence(-3.0) == pytest.approx(0.4 / math.e)
    assert calibration.confidence(-99) < 1e-9
    assert calibration.confidence(0.0) == 0.8


def test_too_few_sentences_give_no_calibration() -> None:
    assert fit_calibration([-1.0] * 49, [0.5] * 49) is None
