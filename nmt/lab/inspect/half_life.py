"""How long memory cells hold what they were given, by their forget gates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nmt.utils.arrays import Float64Array


def half_life(forget: ArrayLike) -> Float64Array:
    """After how many steps half of what cells held is lost, by their mean forget gates f [...]: ln ½ / ln f.

    That is for gates which hardly vary: others lose it sooner, as the mean of ln f is below ln of the mean. Without end
    where f is 1 to the rounding of its numbers, 0 where it is 0, and NaN where it is.
    """
    with np.errstate(divide="ignore"):
        lives: Float64Array = np.abs(np.log(0.5) / np.log(np.asarray(forget, dtype=np.float64)))
    return lives
