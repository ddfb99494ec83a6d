"""A small builder of ONNX graphs whose large weights lie in one file that several graphs share."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = np.ndarray[Any, np.dtype[Any]]

WEIGHT_FILE = "weights.bin"
_OPSET, _IR = 18, 8  # what ONNX Runtime has read since 1.14
_MICROSOFT = "com.microsoft"  # the domain of ONNX Runtime's own operators
_INLINE = 4096  # bytes; smaller weights are part of the graph
_PAGE = 4096  # the runtime maps weights into memory, and maps begin at pages


class WeightFile:
    """Named arrays, one after the other; a name that comes twice is the same array and is stored once."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._places: dict[str, tuple[int, int]] = {}

    def place(self, name: str, array: Array) -> tuple[int, int]:
        """Offset and length in bytes of an array, which is stored if it is new."""
        if name not in self._places:
            self._content.extend(bytes(-len(self._content) % _PAGE))
            self._places[name] = len(self._content), array.nbytes
            self._content.extend(np.ascontiguousarray(array).tobytes())
        return self._places[name]

    def content(self) -> bytes:
        """The file."""
        return bytes(self._content)


class Graph:
    """A graph in the making. Values are known by their names."""

    def __init__(self, name: str, weights: WeightFile) -> None:
        self._name, self._weights, self._prefix, self._bodies = name, weights, "", 0
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def input(self, name: str, kind: type[np.generic], *shape: int | str) -> str:
        """Declare an input; a dimension that is a word may have any size."""
        name = f"{self._prefix}{name}"
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(kind), shape))
        return name

    def output(self, value: str, name: str, kind: type[np.generic], *shape: int | str) -> None:
        """Declare a value to be the output of that name."""
        name = f"{self._prefix}{name}"
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _onnx_type(kind), shape))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one output; an input that is '' is left out."""
        return self.ops(kind, *inputs, outputs=1, **attributes)[0]

    def ops(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add an operator with several outputs."""
        names = [f"{self._prefix}{kind}_{len(self._nodes)}_{n}" for n in range(outputs)]
        domain = _MICROSOFT if kind in {"MatMulIntegerToFloat"} else ""
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def body(self) -> Graph:
        """The body of a loop in this graph: it may use all values of it, and weights and constants are in common."""
        body = Graph(f"{self._name}_body_{self._bodies}", self._weights)
        body._prefix, body._constants = f"{self._prefix}body_{self._bodies}_", self._constants
        self._bodies += 1
        return body

    def scan(self, body: Graph, states: list[str], sequences: list[str], outputs: int, backwards: bool) -> list[str]:
        """Run a body along the first dimension of ``sequences``, perhaps from its end.

        Its inputs are the states and one place of each sequence, its outputs the next states and ``outputs`` values.
        Gives the last states, and the values of all places.
        """
        return self.ops(
            "Scan",
            *states,
            *sequences,
            outputs=len(states) + outputs,
            body=body._proto(),
            num_scan_inputs=len(sequences),
            scan_input_directions=[int(backwards)] * len(sequences),
            scan_output_directions=[int(backwards)] * outputs,
        )

    def constant(self, value: Any, kind: type[np.generic] = np.float32) -> str:
        """A number, or a few, written into the graph."""
        array = np.asarray(value, dtype=kind)
        name = f"constant_{array.dtype}_{array.shape}_{array.tobytes().hex()}"
        self._constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def whole(self, *numbers: int) -> str:
        """Constant whole numbers: axes, parts, or a shape with Reshape's meaning of 0 (as it was) and -1 (the rest)."""
        return self.constant(numbers, np.int64)

    def weight(self, name: str, array: Array) -> str:
        """A trained array, in the shared file unless it is small."""
        if name not in self._constants:
            small = array.nbytes <= _INLINE
            tensor = numpy_helper.from_array(np.ascontiguousarray(array), name) if small else self._refer(name, array)
            self._constants[name] = tensor
        return name

    def serialise(self) -> bytes:
        """The finished graph."""
        graph = self._proto()
        graph.initializer.extend(self._constants.values())
        domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=domains, ir_version=_IR, producer_name="carousel")
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _proto(self) -> onnx.GraphProto:
        return helper.make_graph(self._nodes, self._name, self._inputs, self._outputs)

    def _refer(self, name: str, array: Array) -> onnx.TensorProto:
        offset, length = self._weights.place(name, array)
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHT_FILE), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def _onnx_type(kind: type[np.generic]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))
