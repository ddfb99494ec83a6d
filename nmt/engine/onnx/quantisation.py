"""Eight-bit weights: one scale an output channel.

Weights have seven bits, from -63 to 63: on processors without VNNI the product of two rows is summed in pairs in
16 bits, which 255 × 127 × 2 would overflow and 255 × 63 × 2 does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]
Levels = np.ndarray[Any, np.dtype[np.int8]]

LARGEST = 63


def quantise(weight: Floats) -> tuple[Levels, Floats]:
    """Levels [rows, columns] and scales [rows] whose product is close to ``weight`` [rows, columns]."""
    peaks = np.abs(weight).max(axis=1)
    scales = np.where(peaks > 0, peaks / LARGEST, 1.0).astype(np.float32)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales
