"""Builders for the parts of ONNX graphs that are recurrent cells of `nmt.model.cells`.

Shapes: N sentences, S source length, I input size, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.engine.onnx.graph_builder import GraphBuilder
from nmt.engine.onnx.layer_graphs import LayerBuilder
from nmt.model.cells.base import RecurrentCell


class GraphValue(NamedTuple):
    """A value of a graph that supports the operators +, - and *, each of which adds a node."""

    graph: GraphBuilder
    name: str

    def __add__(self, other: object) -> GraphValue:
        return self._add_binary_op("Add", other)

    def __sub__(self, other: object) -> GraphValue:
        return self._add_binary_op("Sub", other)

    def __mul__(self, other: object) -> GraphValue:
        return self._add_binary_op("Mul", other)

    def _add_binary_op(self, kind: str, other: object) -> GraphValue:
        name = other.name if isinstance(other, GraphValue) else self.graph.constant(other)
        return GraphValue(self.graph, self.graph.op(kind, self.name, name))


class GraphOps:
    """An implementation of `nmt.model.cells.base.Ops` that adds nodes to a graph or to a loop body."""

    def __init__(self, layers: LayerBuilder, prefix: str) -> None:
        """The names of the cell's weights start with ``prefix``."""
        self._layers, self._prefix, self._graph = layers, prefix, layers.graph

    def value(self, name: str) -> GraphValue:
        """Return a value of the graph with operators."""
        return GraphValue(self._graph, name)

    def matmul(self, x: GraphValue, weight: str) -> GraphValue:
        """Multiply by a transposed weight matrix; see `Ops.matmul`."""
        name = f"{self._prefix}.{weight}"
        return self.value(self._layers.matmul(x.name, name, self._layers.weights[name]))

    def add_matmul(self, addend: GraphValue, x: GraphValue, weight: str) -> GraphValue:
        """Multiply by a transposed weight matrix and add; see `Ops.add_matmul`."""
        return addend + self.matmul(x, weight)

    def weight_vector(self, weight: str) -> GraphValue:
        """Return a weight vector."""
        return self.value(self._layers.weight_vector(f"{self._prefix}.{weight}"))

    def sigmoid(self, x: GraphValue) -> GraphValue:
        """Apply the logistic function elementwise."""
        return self._add_unary_op("Sigmoid", x)

    def tanh(self, x: GraphValue) -> GraphValue:
        """Apply the hyperbolic tangent elementwise."""
        return self._add_unary_op("Tanh", x)

    def split(self, x: GraphValue, *sizes: int) -> list[GraphValue]:
        """Split the last dimension; see `Ops.split`."""
        if len(sizes) == 1:
            return [x]
        parts = self._graph.multi_output_op(
            "Split", x.name, self._graph.int64_vector(*sizes), axis=-1, outputs=len(sizes)
        )
        return [self.value(part) for part in parts]

    def concat(self, *parts: GraphValue) -> GraphValue:
        """Concatenate along the last dimension."""
        return self.value(self._graph.op("Concat", *(part.name for part in parts), axis=-1))

    def repeat_interleave(self, x: GraphValue, repeats: int) -> GraphValue:
        """Repeat each element; see `Ops.repeat_interleave`."""
        graph = self._graph
        column = graph.op("Unsqueeze", x.name, graph.int64_vector(-1))
        columns = self.value(graph.op("Concat", *[column] * repeats, axis=-1))
        shape = graph.op("Concat", graph.op("Shape", x.name, start=0, end=-1), graph.int64_vector(-1), axis=0)
        return self.value(graph.op("Reshape", columns.name, shape))

    def layer_norm(self, x: GraphValue, gain: str) -> GraphValue:
        """Normalise the last dimension; see `Ops.layer_norm`."""
        return self.value(self._graph.op("LayerNormalization", x.name, self.weight_vector(gain).name, epsilon=1e-5))

    def is_multiple(self, clock: GraphValue, periods: list[int]) -> GraphValue:
        """Return 1 where the clock is a multiple of the period; see `Ops.is_multiple`."""
        graph = self._graph
        remainder = graph.op("Mod", clock.name, graph.constant(periods), fmod=1)
        return self.value(graph.op("Cast", graph.op("Equal", remainder, graph.constant(0.0)), to=1))

    def next_layer_input(self, layer_input: GraphValue | None, h: GraphValue) -> GraphValue:
        """Add the residual connection, if there is one; see `Ops.next_layer_input`."""
        return h if layer_input is None or not self._layers.model.residual else layer_input + h

    def _add_unary_op(self, kind: str, x: GraphValue) -> GraphValue:
        return self.value(self._graph.op(kind, x.name))


def add_cell_step(
    layers: LayerBuilder, cell: RecurrentCell, prefix: str, x: str, state: list[str]
) -> tuple[str, list[str]]:
    """Add one time step of a cell for the input x; return the output and the new state."""
    ops = GraphOps(layers, prefix)
    y, new_state = cell.step(ops, cell.project_input(ops, ops.value(x)), tuple(map(ops.value, state)))
    return y.name, [value.name for value in new_state]


def add_cell_loop(
    layers: LayerBuilder, cell: RecurrentCell, prefix: str, x: str, mask: str, backward: bool
) -> tuple[str, list[str]]:
    """Add a loop of a cell over x [S, N, I] from a zero state; return the outputs [S, N, D] and the final state.

    Where ``mask`` [S, N, 1] is false, outputs are zero and the state does not change. The names of the cell's weights
    start with ``prefix``.
    """
    graph, body = layers.graph, layers.graph.loop_body()
    ops = GraphOps(layers, prefix)
    projected = cell.project_input(ops, ops.value(x)).name
    sentences = graph.op("Shape", x, start=1, end=2)
    sizes = cell.state_sizes
    zero, shapes = graph.constant(np.zeros((1, 1))), [[sentences, graph.int64_vector(size)] for size in sizes]
    initial = [graph.op("Expand", zero, graph.op("Concat", *shape, axis=0)) for shape in shapes]
    state = [body.add_input(f"state_{n}", np.float32, "sentences", size) for n, size in enumerate(sizes)]
    step_input = body.add_input("sums", np.float32, "sentences", "sums")
    step_mask = body.add_input("inside", np.bool_, "sentences", 1)
    body_ops = GraphOps(layers.copy_for_loop_body(body), prefix)
    y, new_state = cell.step(body_ops, body_ops.value(step_input), tuple(map(body_ops.value, state)))
    for n, size in enumerate(sizes):
        kept = body.op("Where", step_mask, new_state[n].name, state[n])
        body.add_output(kept, f"next_{n}", np.float32, "sentences", size)
    body.add_output(body.op("Where", step_mask, y.name, body.constant(0.0)), "y", np.float32, "sentences", cell.width)
    *final, outputs = graph.scan(body, initial, [projected, mask], 1, backward)
    return outputs, final
