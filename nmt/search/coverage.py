"""How much of the source each open hypothesis has attended to.

N slots, K rows a slot, R = N × K, S source length, F slots.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmt.search.hypotheses import Doubles
from nmt.search.protocol import Floats, Ints

_UNSEEN = 1e-6  # the coverage of what was never attended to, for a logarithm of 0 would outweigh everything


class Coverage:
    """The attention that each row has paid to each source token so far, and what is too little of it."""

    def __init__(self, slots: int, beam: int) -> None:
        self._paid: Doubles = np.zeros((slots, beam, 0))
        self._inside = np.zeros((slots, 1, 0), dtype=bool)  # the sentence's own tokens, without end of sentence
        self._weights: Doubles = np.zeros((slots, 1))

    def admit(self, slots: Sequence[int], lengths: Sequence[int], weight: float) -> None:
        """Begin with nothing covered in sources of some lengths; ``weight`` is beta."""
        missing = max(lengths) - self._paid.shape[2]
        if missing > 0:
            longer = ((0, 0), (0, 0), (0, missing))
            self._paid, self._inside = np.pad(self._paid, longer), np.pad(self._inside, longer)
        index = list(slots)
        self._paid[index] = 0.0
        self._inside[index, 0] = np.arange(self._inside.shape[2]) < np.array(lengths)[:, None]
        self._weights[index] = weight

    def add(self, attention: Floats) -> None:
        """Count what the rows have attended to [R, S] in this step."""
        width = min(attention.shape[1], self._paid.shape[2])
        self._paid[:, :, :width] += attention[:, :width].reshape(*self._paid.shape[:2], width)

    def follow(self, parents: Ints) -> None:
        """New rows [N, K] have covered what their parents have."""
        self._paid = self._paid.reshape(parents.size, -1)[parents]

    def penalties(self, slots: Ints) -> Doubles:
        """For each row [F, K], the penalty of GNMT (Wu et al. 2016, equation 14), weighted: 0 at the very best."""
        logarithms = np.log(self._paid[slots].clip(_UNSEEN, 1.0))
        weighted: Doubles = self._weights[slots] * logarithms.sum(axis=2, where=self._inside[slots])
        return weighted
