"""Coverage penalty of GNMT (Wu et al. 2016, https://arxiv.org/abs/1609.08144, equation 14).

Array shapes: N slots, K rows per slot, R = N × K rows, S source length, F selected slots.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmt.utils.arrays import Float32Array, Float64Array, Int64Array

_MIN_COVERAGE = 1e-6  # keeps the logarithm of uncovered tokens finite


class CoverageTracker:
    """Tracker of the attention that each open hypothesis has paid to each source token, for the coverage penalty."""

    def __init__(self, num_slots: int, beam_size: int) -> None:
        self._attention_sums: Float64Array = np.zeros((num_slots, beam_size, 0))
        self._source_mask = np.zeros((num_slots, 1, 0), dtype=bool)  # excludes padding and end of sentence
        self._weights: Float64Array = np.zeros((num_slots, 1))

    def reset_slots(self, slots: Sequence[int], lengths: Sequence[int], weight: float) -> None:
        """Reset the coverage of slots to zero for new sentences.

        ``lengths`` are the source lengths without end of sentence, and ``weight`` is the factor beta of the penalty.
        """
        missing = max(lengths) - self._attention_sums.shape[2]
        if missing > 0:
            padding = ((0, 0), (0, 0), (0, missing))
            self._attention_sums = np.pad(self._attention_sums, padding)
            self._source_mask = np.pad(self._source_mask, padding)
        index = list(slots)
        self._attention_sums[index] = 0.0
        self._source_mask[index, 0] = np.arange(self._source_mask.shape[2]) < np.array(lengths)[:, None]
        self._weights[index] = weight

    def add_attention(self, attention: Float32Array) -> None:
        """Add the attention weights [R, S] of the current step."""
        width = min(attention.shape[1], self._attention_sums.shape[2])
        self._attention_sums[:, :, :width] += attention[:, :width].reshape(*self._attention_sums.shape[:2], width)

    def reorder_rows(self, parents: Int64Array) -> None:
        """Copy to each row the coverage of its parent row; ``parents`` is [N, K]."""
        self._attention_sums = self._attention_sums.reshape(parents.size, -1)[parents]

    def compute_penalties(self, slots: Int64Array) -> Float64Array:
        """Return the weighted penalty of each row of the given slots, [F, K]: 0 for full coverage, else negative."""
        logarithms = np.log(self._attention_sums[slots].clip(_MIN_COVERAGE, 1.0))
        weighted: Float64Array = self._weights[slots] * logarithms.sum(axis=2, where=self._source_mask[slots])
        return weighted
