"""Builder of ONNX graphs that store their large weights in one shared file."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from nmt.utils.arrays import AnyArray

WEIGHT_FILE = "weights.bin"
_OPSET, _IR = 18, 8  # supported by ONNX Runtime since 1.14
_MICROSOFT = "com.microsoft"  # domain of ONNX Runtime's own operators
_INLINE_BYTES = 4096  # smaller weights are stored in the graph itself
_PAGE_BYTES = 4096  # the runtime maps weights into memory, and mappings begin at page boundaries


class WeightFile:
    """A file of named arrays that several graphs share. Arrays of the same name are stored once."""

    def __init__(self) -> None:
        self._content = bytearray()
        self._locations: dict[str, tuple[int, int]] = {}

    def add(self, name: str, array: AnyArray) -> tuple[int, int]:
        """Store an array unless one of that name is stored; return its offset and length in bytes."""
        if name not in self._locations:
            self._content.extend(bytes(-len(self._content) % _PAGE_BYTES))
            self._locations[name] = len(self._content), array.nbytes
            self._content.extend(np.ascontiguousarray(array).tobytes())
        return self._locations[name]

    def content(self) -> bytes:
        """Return the content of the file."""
        return bytes(self._content)


class GraphBuilder:
    """Builder of an ONNX graph, in which values are referred to by their names."""

    def __init__(self, name: str, weights: WeightFile) -> None:
        self._name, self._weights, self._prefix, self._subgraphs = name, weights, "", 0
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def add_input(self, name: str, dtype: type[np.generic], *shape: int | str) -> str:
        """Declare an input; dimensions given as strings have any size."""
        name = f"{self._prefix}{name}"
        self._inputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))
        return name

    def add_output(self, value: str, name: str, dtype: type[np.generic], *shape: int | str) -> None:
        """Declare ``value`` to be the output called ``name``."""
        name = f"{self._prefix}{name}"
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _onnx_type(dtype), shape))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add an operator with one output, and return its name; an empty string omits an optional input."""
        return self.multi_output_op(kind, *inputs, outputs=1, **attributes)[0]

    def multi_output_op(self, kind: str, *inputs: str, outputs: int, **attributes: Any) -> list[str]:
        """Add an operator with several outputs, and return their names."""
        names = [f"{self._prefix}{kind}_{len(self._nodes)}_{n}" for n in range(outputs)]
        domain = _MICROSOFT if kind in {"MatMulIntegerToFloat"} else ""
        self._nodes.append(helper.make_node(kind, list(inputs), names, domain=domain, **attributes))
        return names

    def loop_body(self) -> GraphBuilder:
        """Return a builder for a loop body, which can use all values and constants of this graph."""
        body = GraphBuilder(f"{self._name}_body_{self._subgraphs}", self._weights)
        body._prefix, body._constants = f"{self._prefix}body_{self._subgraphs}_", self._constants
        self._subgraphs += 1
        return body

    def scan(
        self, body: GraphBuilder, states: list[str], sequences: list[str], outputs: int, backward: bool
    ) -> list[str]:
        """Add a loop over the first dimension of ``sequences``, from the last element to the first if ``backward``.

        The inputs of the body are the states and one element of each sequence; its outputs are the new states and
        ``outputs`` further values. Returns the final states, then the further values of all iterations.
        """
        return self.multi_output_op(
            "Scan", *states, *sequences, outputs=len(states) + outputs, body=body._proto(),
            num_scan_inputs=len(sequences), scan_input_directions=[int(backward)] * len(sequences),
            scan_output_directions=[int(backward)] * outputs,
        )  # fmt: skip

    def constant(self, value: Any, dtype: type[np.generic] = np.float32) -> str:
        """Add a small constant, a number or an array."""
        array = np.asarray(value, dtype=dtype)
        name = f"constant_{array.dtype}_{array.shape}_{array.tobytes().hex()}"
        self._constants.setdefault(name, numpy_helper.from_array(array, name))
        return name

    def int64_vector(self, *numbers: int) -> str:
        """Add a constant vector: axes, sizes, or a shape, in which Reshape reads 0 as unchanged and -1 as inferred."""
        return self.constant(numbers, np.int64)

    def weight(self, name: str, array: AnyArray) -> str:
        """Add a trained array; a large array is stored in the shared file."""
        if name not in self._constants:
            if array.nbytes <= _INLINE_BYTES:
                self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
            else:
                self._constants[name] = self._external_tensor(name, array)
        return name

    def serialise(self) -> bytes:
        """Return the finished graph as the content of an ONNX file."""
        graph = self._proto()
        graph.initializer.extend(self._constants.values())
        domains = [helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=domains, ir_version=_IR, producer_name="carousel")
        content: bytes = model.SerializeToString(deterministic=True)
        return content

    def _proto(self) -> onnx.GraphProto:
        return helper.make_graph(self._nodes, self._name, self._inputs, self._outputs)

    def _external_tensor(self, name: str, array: AnyArray) -> onnx.TensorProto:
        offset, length = self._weights.add(name, array)
        tensor = TensorProto(name=name, data_type=helper.np_dtype_to_tensor_dtype(array.dtype), dims=array.shape)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHT_FILE), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def _onnx_type(dtype: type[np.generic]) -> int:
    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
