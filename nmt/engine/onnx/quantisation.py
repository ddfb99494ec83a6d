"""Quantisation of weights to int8, with one scale per output channel.

Levels range from -63 to 63 (seven bits): processors without VNNI add products of two rows in pairs in 16 bits, which
255 × 127 × 2 would overflow and 255 × 63 × 2 does not.
"""

from __future__ import annotations

import numpy as np

from nmt.utils.arrays import Float32Array, Int8Array

MAX_LEVEL = 63
LSTM_INPUT_GAIN = 0.25
"""Factor by which step graphs multiply the first input of an LSTM.

Layer-normalised inputs reach a magnitude of about 4, outputs of an LSTM at most 1. Both share the quantisation scale of
a row, so the inputs are scaled down to the range of the outputs; a power of two costs no precision.
"""


def quantise(weight: Float32Array) -> tuple[Int8Array, Float32Array]:
    """Quantise a matrix [rows, columns] to levels [rows, columns] and scales [rows], whose product approximates it."""
    peaks = np.abs(weight).max(axis=1)
    scales = np.where(peaks > 0, peaks / MAX_LEVEL, 1.0).astype(np.float32)
    return np.rint(weight / scales[:, None]).astype(np.int8), scales
