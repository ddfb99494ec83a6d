"""Tables of lists in Arrow files: written a chunk at a time, read memory-mapped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

Ids = np.ndarray[Any, np.dtype[np.int32]]
Lengths = np.ndarray[Any, np.dtype[np.int64]]

Lists = Sequence[Sequence[int]] | Sequence[Ids]

_COLUMNS = ("source", "target")


class RaggedTable:
    """A source and a target list for each pair, as NumPy views of the mapped file."""

    def __init__(self, path: Path) -> None:
        """Raises OSError or ValueError when the file is damaged: Arrow's errors are of these kinds too."""
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self.source, self.target = (RaggedColumn(table.column(name)) for name in _COLUMNS)


class RaggedColumn:
    """A column of such a table."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._values = [chunk.values.to_numpy() for chunk in column.chunks]
        self._offsets = [chunk.offsets.to_numpy() for chunk in column.chunks]
        self._starts = np.cumsum([0] + [len(chunk) for chunk in column.chunks])

    def __getitem__(self, row: int) -> Ids:
        chunk = int(np.searchsorted(self._starts, row, side="right")) - 1
        start, end = self._offsets[chunk][row - self._starts[chunk] :][:2]
        ids: Ids = self._values[chunk][start:end]
        return ids

    def lengths(self) -> Lengths:
        """Of all lists."""
        return np.concatenate([np.diff(offsets) for offsets in self._offsets] or [np.zeros(0)]).astype(np.int64)


def write(path: Path, chunks: Iterable[tuple[Lists, Lists]]) -> None:
    """Write the source and target lists of some pairs, then of some more: the file may be larger than memory."""
    kind = pa.list_(pa.int32())
    schema = pa.schema([(name, kind) for name in _COLUMNS])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for chunk in chunks:
            writer.write_batch(pa.record_batch([pa.array(column, kind) for column in chunk], schema))
