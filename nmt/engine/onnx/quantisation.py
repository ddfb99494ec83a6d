"""Quantisation of weights to int8, with one scale per output channel.

Levels range from -63 to 63 (seven bits): processors without VNNI add products of two rows in pairs in 16 bits, which
255 × 127 × 2 would overflow and 255 × 63 × 2 does not.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float32]]
Levels = np.ndarray[Any, np.dtype[np.int8]]

MAX_LEVEL = 63


def quantise(weight: Floats) -> tuple[Levels, Floats]:
    """Quantise a matrix [rows, columns].

    Returns:
        Levels [rows, columns] and scales [rows], whose product approximates ``weight``.
    """
    peaks = np.abs(weight).max(axis=1)
    scales = np.where(peaks > 0, peaks / MAX_LEVEL, 1.0).astype(np.float32)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales
