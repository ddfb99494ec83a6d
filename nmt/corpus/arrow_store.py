"""Storage of integer lists in Arrow files, which are written in chunks and read memory-mapped.

Shapes: N lists with L integers in total.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import pyarrow as pa

from nmt.utils.arrays import Int32Array, IntArray

_COLUMNS = ("source", "target")


class RaggedArray(NamedTuple):
    """Integer lists of different lengths, stored as one concatenated array."""

    values: Int32Array
    """All integers, [L]."""
    lengths: Int32Array
    """Length of each list, [N]."""

    @staticmethod
    def from_lists(lists: Sequence[Sequence[int]] | Sequence[Int32Array]) -> RaggedArray:
        """Create a ragged array from lists."""
        lengths = np.array([len(each) for each in lists], dtype=np.int32)
        return RaggedArray(np.concatenate([np.zeros(0, np.int32), *map(np.asarray, lists)]).astype(np.int32), lengths)

    def to_lists(self) -> list[Int32Array]:
        """Return one array per list."""
        return np.split(self.values, np.cumsum(self.lengths)[:-1]) if len(self.lengths) else []


class SentencePairTable:
    """Memory-mapped Arrow file, each row of which holds two integer lists: one of the source and one of the target."""

    def __init__(self, path: Path) -> None:
        mapped = pa.memory_map(str(path))
        table = pa.ipc.open_file(mapped).read_all()
        self.source, self.target = (ListColumn(table.column(name)) for name in _COLUMNS)


class ListColumn:
    """Column of a `SentencePairTable`, with one integer list per row."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        # Creating the array views of a chunk costs more than reading a batch, so they are created once.
        self._values = [_numpy_view(chunk.values) for chunk in column.chunks]
        self._offsets = [_numpy_view(chunk.offsets) for chunk in column.chunks]
        self._chunk_starts = np.cumsum([0] + [len(chunk) for chunk in column.chunks])

    def take(self, rows: IntArray) -> RaggedArray:
        """Return the lists of the given rows."""
        chunks = np.searchsorted(self._chunk_starts, rows, side="right") - 1
        lists, rows_in_chunk = [], (rows - self._chunk_starts[chunks]).tolist()
        for chunk, row in zip(chunks.tolist(), rows_in_chunk, strict=True):
            start, end = self._offsets[chunk][row : row + 2].tolist()
            lists.append(self._values[chunk][start:end])
        return RaggedArray.from_lists(lists)

    def lengths(self) -> Int32Array:
        """Return the length of each list, [N]."""
        return np.concatenate([np.zeros(0, np.int32), *(np.diff(offsets) for offsets in self._offsets)])


def _numpy_view(numbers: pa.Int32Array) -> Int32Array:
    # Arrow's to_numpy would import pandas, which is slow to import.
    return cast(Int32Array, np.from_dlpack(numbers))


def write_sentence_pairs(path: Path, chunks: Iterable[tuple[RaggedArray, RaggedArray]]) -> None:
    """Write source and target lists to an Arrow file, chunk by chunk, so that the file may be larger than memory."""
    schema = pa.schema([(name, pa.list_(pa.int32())) for name in _COLUMNS])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for chunk in chunks:
            writer.write_batch(pa.record_batch([_list_array(side) for side in chunk], schema))


def _list_array(lists: RaggedArray) -> pa.ListArray:
    offsets = np.concatenate([np.zeros(1, np.int32), np.cumsum(lists.lengths, dtype=np.int32)])
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(lists.values))
