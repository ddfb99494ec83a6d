"""Reader of the constants in ONNX files, which works without the onnx package.

An ONNX file is a protocol buffer. Only the fields that `nmt.engine.onnx.graph_builder` writes are read.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nmt.utils.arrays import AnyArray

# Field numbers of the messages ModelProto, GraphProto, TensorProto and StringStringEntryProto in onnx.proto.
_MODEL_GRAPH, _GRAPH_INITIALIZER = 7, 5
_TENSOR_DIMS, _TENSOR_TYPE, _TENSOR_NAME, _TENSOR_RAW_DATA, _TENSOR_EXTERNAL_DATA = 1, 2, 8, 9, 13
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_DTYPES: dict[int, type[np.generic]] = {1: np.float32, 2: np.uint8, 3: np.int8, 7: np.int64, 9: np.bool_}
"""NumPy types by their numbers in TensorProto.DataType."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # wire types
_VARINT_BITS = 64


def read_initializers(path: Path) -> dict[str, AnyArray]:
    """Return the constants and weights of an ONNX file by name; large ones are read from the file it refers to.

    Raises:
        ValueError: The file is damaged, or refers to bytes that the other file does not have.
        OSError: A file cannot be read.
    """
    graphs = _fields_numbered(_MODEL_GRAPH, memoryview(path.read_bytes()))
    tensors = [tensor for graph in graphs for tensor in _fields_numbered(_GRAPH_INITIALIZER, graph)]
    return dict(_read_tensor(tensor, path.parent) for tensor in tensors)


def _read_tensor(message: memoryview, folder: Path) -> tuple[str, AnyArray]:
    """Return the name and the value of a TensorProto."""
    shape, type_number, name, content = list[int](), 0, "", b""
    external: dict[str, str] = {}
    for number, value in _read_fields(message):
        if number == _TENSOR_DIMS:
            shape.append(value if isinstance(value, int) else _read_varint(value, 0)[0])
        elif number == _TENSOR_TYPE and isinstance(value, int):
            type_number = value
        elif not isinstance(value, int):
            if number == _TENSOR_NAME:
                name = str(value, "utf-8")
            elif number == _TENSOR_RAW_DATA:
                content = bytes(value)
            elif number == _TENSOR_EXTERNAL_DATA:
                entry = {key: str(part, "utf-8") for key, part in _read_fields(value) if not isinstance(part, int)}
                external[entry.get(_ENTRY_KEY, "")] = entry.get(_ENTRY_VALUE, "")
    if type_number not in _DTYPES:
        raise ValueError(f"{name} has the unknown type {type_number}")
    dtype = np.dtype(_DTYPES[type_number])
    if external:
        content = _read_external(folder, name, external)
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} has {len(content)} bytes, which do not match its shape {tuple(shape)}")
    return name, np.frombuffer(content, dtype=dtype).reshape(shape)


def _read_external(folder: Path, name: str, entries: dict[str, str]) -> bytes:
    """Return the content of a tensor in another file."""
    # Without its directories, the name cannot lead out of the folder.
    location = Path(entries.get("location", "")).name
    offset, length = int(entries.get("offset", "0")), int(entries.get("length", "-1"))
    file = folder / location
    if not location or not 0 <= offset <= offset + length <= file.stat().st_size:
        raise ValueError(f"{name} lies outside of the file {location!r}")
    with file.open("rb") as stream:
        stream.seek(offset)
        return stream.read(length)


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
            continue
        if wire_type == _BYTES:
            length, position = _read_varint(message, position)
        elif wire_type in {_FIXED64, _FIXED32}:
            length = 8 if wire_type == _FIXED64 else 4
        else:
            raise ValueError(f"unknown wire type {wire_type}")
        if position + length > len(message):
            raise ValueError("the file ends within a field")
        if wire_type == _BYTES:
            yield number, message[position : position + length]
        position += length


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    """Return a number of variable length and the position after it."""
    value = 0
    for shift in range(0, _VARINT_BITS, 7):
        if position >= len(message):
            raise ValueError("the file ends within a number")
        byte = message[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
    raise ValueError("a number is too long")
