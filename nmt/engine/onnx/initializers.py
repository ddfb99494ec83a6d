"""Reader of the constants in ONNX files, which works without the onnx package.

An ONNX file is a protocol buffer. Only the fields that `nmt.engine.onnx.graph_builder` writes are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nmt.utils.arrays import AnyArray

# Field numbers of the messages ModelProto, GraphProto, TensorProto and StringStringEntryProto in onnx.proto.
_MODEL_GRAPH, _GRAPH_INITIALIZER = 7, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW_DATA, _TENSOR_EXTERNAL_DATA = 1, 2, 8, 9, 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 7: np.int64, 9: np.bool_}
"""NumPy types by their numbers in TensorProto.DataType."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types


def read_initializers(path: Path) -> dict[str, AnyArray]:
    """Return the constants and weights of an ONNX file by name; large ones are read from the file it refers to."""
    [graph] = _fields_numbered(_MODEL_GRAPH, memoryview(path.read_bytes()))
    return dict(_read_tensor(tensor, path.parent) for tensor in _fields_numbered(_GRAPH_INITIALIZER, graph))


def _read_tensor(message: memoryview, folder: Path) -> tuple[str, AnyArray]:
    """Return the name and the value of a TensorProto."""
    shape, name, content = [], "", b""
    dtype: type[np.generic] = np.float32
    external: dict[str, str] = {}
    for number, value in _read_fields(message):
        if number == _TENSOR_DIMS:
            shape.append(value if isinstance(value, int) else _read_varint(value, 0)[0])
        elif number == _TENSOR_TYPE and isinstance(value, int):
            dtype = _DTYPES[value]
        elif not isinstance(value, int):
            if number == _TENSOR_NAME:
                name = str(value, "utf-8")
            elif number == _TENSOR_RAW_DATA:
                content = bytes(value)
            elif number == _TENSOR_EXTERNAL_DATA:
                entry = {key: str(part, "utf-8") for key, part in _read_fields(value) if not isinstance(part, int)}
                external[entry[_ENTRY_KEY]] = entry[_ENTRY_VALUE]
    if external:
        array = np.fromfile(
            folder / Path(external["location"]).name,
            dtype=dtype,
            count=int(external["length"]) // np.dtype(dtype).itemsize,
            offset=int(external["offset"]),
        )
    else:
        array = np.frombuffer(content, dtype=dtype)
    return name, array.reshape(shape)


def _fields_numbered(number: int, message: memoryview) -> list[memoryview]:
    """Return all fields of a message that have a number and consist of bytes."""
    return [value for each, value in _read_fields(message) if each == number and not isinstance(value, int)]


def _read_fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield the number and the value of each field of a message; numbers of fixed size are skipped."""
    position = 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        number, wire_type = tag >> 3, tag & 7
        if wire_type == _VARINT:
            value, position = _read_varint(message, position)
            yield number, value
        elif wire_type == _BYTES:
            length, position = _read_varint(message, position)
            yield number, message[position : position + length]
            position += length
        else:
            position += {_FIXED64: 8, _FIXED32: 4}[wire_type]


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number of variable length and the position after it."""
    value, shift = 0, 0
    while True:
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
