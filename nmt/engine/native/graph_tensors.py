"""Weights in ONNX graphs, read without ONNX Runtime.

A model directory stores its weights once, in the graphs (`nmt.engine.onnx.export`), and the native engine reads them
there. Of the graph files, which are protocol buffers, it needs only the initializers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt.utils.arrays import AnyArray

# Field numbers of onnx.proto
_MODEL_GRAPH, _GRAPH_INITIALIZER = 7, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW_DATA, _TENSOR_EXTERNAL = 1, 2, 8, 9, 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_DTYPES: dict[int, type[np.generic]] = {1: np.float32, 3: np.int8}
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


class _Field(NamedTuple):
    number: int
    value: int
    """Value of a number; 0 for bytes."""
    content: memoryview
    """Content of bytes, strings and messages."""


def read_graph_tensors(graph: bytes, weights: memoryview) -> dict[str, AnyArray]:
    """Return the float32 and int8 initializers of a graph by name, as views of the given bytes.

    Args:
        graph: content of the graph file.
        weights: content of the file of the large weights.

    Raises:
        ValueError: The graph is damaged, or refers to bytes beyond the end of ``weights``.
    """
    tensors = {}
    for model_field in _read_fields(memoryview(graph)):
        if model_field.number != _MODEL_GRAPH:
            continue
        for graph_field in _read_fields(model_field.content):
            if graph_field.number == _GRAPH_INITIALIZER:
                name, array = _read_tensor(graph_field.content, weights)
                if array is not None:
                    tensors[name] = array
    return tensors


def read_graph_files(folder: Path) -> dict[str, AnyArray]:
    """Return the weights in the graphs of a model directory; the large ones are mapped into memory.

    Raises:
        ValueError: A file is damaged.
        OSError: A file cannot be read.
    """
    file = folder / "weights.bin"
    # An empty file, which belongs to graphs of small weights only, cannot be mapped.
    weights = memoryview(np.memmap(file, mode="r") if file.stat().st_size else b"")
    tensors = {}
    for name in ("encoder.onnx", "step.onnx"):
        tensors |= read_graph_tensors((folder / name).read_bytes(), weights)
    return tensors


def _read_tensor(message: memoryview, weights: memoryview) -> tuple[str, AnyArray | None]:
    """Return the name of a tensor and, if its type is a type of weights, its array."""
    name, dtype, shape, content, entries = "", 0, list[int](), memoryview(b""), dict[str, str]()
    for field in _read_fields(message):
        if field.number == _TENSOR_NAME:
            name = _text(field.content)
        elif field.number == _TENSOR_TYPE:
            dtype = field.value
        elif field.number == _TENSOR_DIMS:
            # Repeated numbers are written one by one or packed together.
            shape += list(_read_varints(field.content)) if len(field.content) else [field.value]
        elif field.number == _TENSOR_RAW_DATA:
            content = field.content
        elif field.number == _TENSOR_EXTERNAL:
            pair = {part.number: _text(part.content) for part in _read_fields(field.content)}
            entries[pair.get(_ENTRY_KEY, "")] = pair.get(_ENTRY_VALUE, "")
    if dtype not in _DTYPES:
        return name, None
    if "offset" in entries:
        offset, length = int(entries["offset"]), int(entries.get("length", "0"))
        if offset < 0 or length < 0 or offset + length > len(weights):
            raise ValueError(f"{name} lies outside of the weight file")
        content = weights[offset : offset + length]
    if len(content) != math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize:
        raise ValueError(f"the size of {name} does not match its shape")
    return name, np.frombuffer(content, dtype=_DTYPES[dtype]).reshape(shape)


def _read_fields(message: memoryview) -> Iterator[_Field]:
    """Yield the fields of a protocol buffer. Raises ValueError if it ends within a field."""
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        number, wire_type = key >> 3, key & 7
        if wire_type == _VARINT:
            value, position = _read_varint(message, position)
            yield _Field(number, value, message[:0])
            continue
        if wire_type == _BYTES:
            size, position = _read_varint(message, position)
        elif wire_type in {_FIXED32, _FIXED64}:
            size = 4 if wire_type == _FIXED32 else 8
        else:
            raise ValueError(f"unknown wire type {wire_type}")
        if position + size > len(message):
            raise ValueError("the graph is incomplete")
        yield _Field(number, 0, message[position : position + size])
        position += size


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return the variable-length integer at a position, and the position after it."""
    value = shift = 0
    while position < len(message) and shift < 64:
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("the graph is incomplete")


def _read_varints(content: memoryview) -> Iterator[int]:
    position = 0
    while position < len(content):
        value, position = _read_varint(content, position)
        yield value


def _text(content: memoryview) -> str:
    return bytes(content).decode()
