"""Storage for the arrays of sentences of different lengths that are added and removed one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from nmt.utils.arrays import AnyArray

BLOCK_SIZE = 16
"""Number of source positions that attention processes together."""


class PaddedArraySpec(NamedTuple):
    """Layout of one array in `SlotStorage`."""

    axis: int
    """Axis whose length is that of the sentence; axis 0 is the sentences."""
    fill_value: float = 0.0
    """Value beyond the end of a sentence."""


class SlotStorage:
    """Arrays [capacity, ...] of several sentences, each with one axis padded to the longest sentence.

    The padded length is a multiple of ``block_size``. Sentences are stored at the indices 0 to n - 1. The arrays are
    reallocated only when a sentence needs more space, or when the longest one needs less than half of it.
    """

    def __init__(self, specs: Mapping[str, PaddedArraySpec], capacity: int, block_size: int) -> None:
        """``capacity`` is the largest number of sentences."""
        self._specs, self._block_size = specs, block_size
        self._arrays: dict[str, AnyArray] = {}
        self._lengths = np.zeros(capacity, dtype=np.int64)
        self._padded_length = 0

    def store(self, first: int, arrays: Mapping[str, AnyArray], lengths: AnyArray) -> None:
        """Store new sentences from index ``first`` on, and forget all sentences that were stored there or after.

        Args:
            first: index of the first new sentence, which is the number of sentences to keep.
            arrays: arrays of the new sentences by name, padded with any values.
            lengths: length of each new sentence.
        """
        end = first + len(lengths)
        self._lengths[first:end] = lengths
        longest = int(self._lengths[:end].max())
        needed = -(-longest // self._block_size) * self._block_size
        if needed > self._padded_length or 2 * needed < self._padded_length or not self._arrays:
            self._resize(needed, first, arrays)
        for name, (axis, fill_value) in self._specs.items():
            new = np.moveaxis(arrays[name], axis, -1)[..., : self._padded_length]
            stored = np.moveaxis(self._arrays[name][first:end], axis, -1)
            stored[..., : new.shape[-1]] = new
            stored[..., new.shape[-1] :] = fill_value

    def move(self, from_index: int, to_index: int) -> None:
        """Overwrite the sentence at one index with the sentence at another."""
        self._lengths[to_index] = self._lengths[from_index]
        for array in self._arrays.values():
            array[to_index] = array[from_index]

    def views(self, count: int) -> dict[str, AnyArray]:
        """Return views of the first ``count`` sentences of each array, by name."""
        return {name: array[:count] for name, array in self._arrays.items()}

    def _resize(self, length: int, count: int, like: Mapping[str, AnyArray]) -> None:
        """Reallocate the arrays with a new padded length, keeping the first ``count`` sentences."""
        kept = min(length, self._padded_length)
        for name, (axis, _) in self._specs.items():
            shape = [len(self._lengths), *like[name].shape[1:]]
            shape[axis] = length
            array = np.empty(shape, dtype=like[name].dtype)
            if count:
                old = self._arrays[name]
                np.moveaxis(array[:count], axis, -1)[..., :kept] = np.moveaxis(old[:count], axis, -1)[..., :kept]
                np.moveaxis(array[:count], axis, -1)[..., kept:] = self._specs[name].fill_value
            self._arrays[name] = array
        self._padded_length = length
