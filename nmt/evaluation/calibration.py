"""From a model's own score of a translation to the quality to be expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nmt.model_directory.card import Calibration

_GROUP = 25  # sentences whose mean makes a point of the curve, at least
_POINTS = 20


def fit_calibration(scores: Sequence[float], qualities: Sequence[float]) -> Calibration | None:
    """A curve that never falls, from the mean qualities of groups of like scores; None for too few sentences.

    Isotonic regression: neighbours that fall are pooled (Barlow et al. 1972).
    """
    if len(scores) < 2 * _GROUP:
        return None
    order = np.argsort(scores, kind="stable")
    groups = np.array_split(order, min(_POINTS, len(order) // _GROUP))
    points = [float(np.mean(np.take(scores, group))) for group in groups]
    means = np.array([np.mean(np.take(qualities, group)) for group in groups])
    values = pooled(means, np.array([len(group) for group in groups]))
    return Calibration(scores=points, values=[round(float(value), 4) for value in values])


def pooled(values: Any, weights: Any) -> Any:
    """The values [n] that never fall and are closest to ``values`` [n] in weighted squares."""
    blocks: list[tuple[float, float, int]] = []  # value, weight, members
    for value, weight in zip(values, weights, strict=True):
        block = (float(value), float(weight), 1)
        while blocks and blocks[-1][0] > block[0]:
            before = blocks.pop()
            weight = before[1] + block[1]
            block = ((before[0] * before[1] + block[0] * block[1]) / weight, weight, before[2] + block[2])
        blocks.append(block)
    return np.repeat([value for value, _, _ in blocks], [members for _, _, members in blocks])
