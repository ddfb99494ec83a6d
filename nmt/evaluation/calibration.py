"""Calibration of model scores: a curve that maps the score of a translation to its expected quality."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmt.model_directory.card import Calibration

_MIN_GROUP_SIZE = 25  # number of sentences per point of the curve
_MAX_POINTS = 20


def fit_calibration(scores: Sequence[float], qualities: Sequence[float]) -> Calibration | None:
    """Fit a non-decreasing curve from scores to the mean quality of translations with similar scores.

    The curve is fitted by isotonic regression, by pooling adjacent violators (Barlow et al. 1972).

    Args:
        scores: Score of each translation by the model.
        qualities: Quality of each translation, for example its chrF over 100.

    Returns:
        The curve, or None if there are too few sentences.
    """
    from scipy.optimize import isotonic_regression

    if len(scores) < 2 * _MIN_GROUP_SIZE:
        return None
    order = np.argsort(scores, kind="stable")
    groups = np.array_split(order, min(_MAX_POINTS, len(order) // _MIN_GROUP_SIZE))
    points = [float(np.mean(np.take(scores, group))) for group in groups]
    means = [float(np.mean(np.take(qualities, group))) for group in groups]
    values = isotonic_regression(means, weights=[len(group) for group in groups]).x
    return Calibration(scores=points, values=[round(float(value), 4) for value in values])
