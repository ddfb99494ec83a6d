"""Tables of lists in Arrow files: written a chunk at a time, read memory-mapped.

N lists, L numbers in all of them together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import pyarrow as pa

Ids = np.ndarray[Any, np.dtype[np.int32]]
Lengths = np.ndarray[Any, np.dtype[np.int32]]
Rows = np.ndarray[Any, np.dtype[np.signedinteger[Any]]]

Lists = Sequence[Sequence[int]] | Sequence[Ids]

_COLUMNS = ("source", "target")


class RaggedArray(NamedTuple):
    """Some lists of numbers, one after the other."""

    values: Ids
    """[L]"""
    lengths: Lengths
    """[N]"""

    @staticmethod
    def of(lists: Lists) -> RaggedArray:
        """The lists, joined."""
        lengths = np.array([len(numbers) for numbers in lists], dtype=np.int32)
        return RaggedArray(np.concatenate([np.zeros(0, np.int32), *map(np.asarray, lists)]).astype(np.int32), lengths)

    def lists(self) -> list[Ids]:
        """Each list by itself."""
        return np.split(self.values, np.cumsum(self.lengths)[:-1]) if len(self.lengths) else []


class PairTable:
    """A source and a target list for each pair, in a mapped file."""

    def __init__(self, path: Path) -> None:
        mapped = pa.memory_map(str(path))
        table = pa.ipc.open_file(mapped).read_all()
        self.source, self.target = (ListColumn(table.column(name)) for name in _COLUMNS)


class ListColumn:
    """A column of such a table."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        # A chunk's array views are made once: making them costs more than reading a batch does.
        self._values = [_view(chunk.values) for chunk in column.chunks]
        self._offsets = [_view(chunk.offsets) for chunk in column.chunks]
        self._starts = np.cumsum([0] + [len(chunk) for chunk in column.chunks])

    def take(self, rows: Rows) -> RaggedArray:
        """The lists of some rows."""
        chunks = np.searchsorted(self._starts, rows, side="right") - 1
        lists, places = [], (rows - self._starts[chunks]).tolist()
        for chunk, place in zip(chunks.tolist(), places, strict=True):
            start, end = self._offsets[chunk][place : place + 2].tolist()
            lists.append(self._values[chunk][start:end])
        return RaggedArray.of(lists)

    def lengths(self) -> Lengths:
        """Of all lists."""
        return np.concatenate([np.zeros(0, np.int32), *(np.diff(offsets) for offsets in self._offsets)])


def _view(numbers: pa.Int32Array) -> Ids:
    # Arrow's own to_numpy would import pandas, which takes longer than all else here.
    return cast(Ids, np.from_dlpack(numbers))


def write(path: Path, chunks: Iterable[tuple[RaggedArray, RaggedArray]]) -> None:
    """Write the source and target lists of some pairs, then of some more: the file may be larger than memory."""
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in _COLUMNS])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for chunk in chunks:
            writer.write_batch(pa.record_batch([_column(part) for part in chunk], schema))


def _column(lists: RaggedArray) -> pa.ListArray:
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lists.lengths, dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(lists.values))
