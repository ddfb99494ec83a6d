"""Half-life of a memory cell's content, computed from the forget gate."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from nmt.utils.arrays import Float64Array


def half_life(mean_forget_gates: ArrayLike) -> Float64Array:
    """Return the number of steps after which half of a memory cell's content is lost: ln ½ / ln f.

    ``mean_forget_gates`` contains the mean f of the forget gate of each unit, in any shape. The result is exact for
    gates that do not vary; other cells lose their content sooner, because the mean of ln f is below the logarithm of
    the mean. The half-life is infinite if f is 1 up to rounding, 0 if f is 0, and NaN if f is NaN.
    """
    with np.errstate(divide="ignore"):
        steps: Float64Array = np.abs(np.log(0.5) / np.log(np.asarray(mean_forget_gates, dtype=np.float64)))
    return steps
