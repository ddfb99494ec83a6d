"""Arrays of sentences of several lengths, side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


BLOCK = 16
"""Places of a source that attention works on together."""


class Column(NamedTuple):
    """How one array of `SlotStorage` is kept."""

    axis: int
    """Which of its axes, counted with the first, is as long as the sentence."""
    fill: float = 0.0
    """What lies beyond a sentence's end."""


class SlotStorage:
    """Arrays [places, ...] of which one axis is as long as the longest sentence, rounded up to a block.

    The places in use are the first ``count``. An array is moved only when a sentence needs more room, or the longest
    one needs less than half of it.
    """

    def __init__(self, columns: Mapping[str, Column], places: int, block: int) -> None:
        self._columns, self._block = columns, block
        self._arrays: dict[str, Array] = {}
        self._lengths = np.zeros(places, dtype=np.int64)
        self._room = 0

    def put(self, first: int, arrays: Mapping[str, Array], lengths: Array) -> None:
        """Store newcomers in the places from ``first`` on, which become the last in use."""
        end = first + len(lengths)
        self._lengths[first:end] = lengths
        longest = int(self._lengths[:end].max())
        room = -(-longest // self._block) * self._block
        if room > self._room or 2 * room < self._room or not self._arrays:
            self._resize(room, first, arrays)
        for name, (axis, fill) in self._columns.items():
            new = np.moveaxis(arrays[name], axis, -1)[..., : self._room]
            held = np.moveaxis(self._arrays[name][first:end], axis, -1)
            held[..., : new.shape[-1]] = new
            held[..., new.shape[-1] :] = fill

    def move(self, source: int, target: int) -> None:
        """Overwrite a place with another."""
        self._lengths[target] = self._lengths[source]
        for array in self._arrays.values():
            array[target] = array[source]

    def views(self, count: int) -> dict[str, Array]:
        """The first ``count`` places of each array, by name; no copies."""
        return {name: array[:count] for name, array in self._arrays.items()}

    def _resize(self, room: int, count: int, like: Mapping[str, Array]) -> None:
        kept = min(room, self._room)
        for name, (axis, _) in self._columns.items():
            shape = [len(self._lengths), *like[name].shape[1:]]
            shape[axis] = room
            array = np.empty(shape, dtype=like[name].dtype)
            if count:
                old = self._arrays[name]
                np.moveaxis(array[:count], axis, -1)[..., :kept] = np.moveaxis(old[:count], axis, -1)[..., :kept]
                np.moveaxis(array[:count], axis, -1)[..., kept:] = self._columns[name].fill
            self._arrays[name] = array
        self._room = room
