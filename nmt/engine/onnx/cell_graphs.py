"""The cells of `nmt.model.cells.families` in graphs.

N sentences, S source length, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nmt.engine.onnx.graph_builder import Graph
from nmt.engine.onnx.layer_graphs import Layers
from nmt.model.cells.families import RecurrentCell


class Symbol(NamedTuple):
    """A value of a graph, with which equations can be written."""

    graph: Graph
    name: str

    def __add__(self, other: object) -> Symbol:
        return self._with("Add", other)

    def __sub__(self, other: object) -> Symbol:
        return self._with("Sub", other)

    def __mul__(self, other: object) -> Symbol:
        return self._with("Mul", other)

    def _with(self, kind: str, other: object) -> Symbol:
        name = other.name if isinstance(other, Symbol) else self.graph.constant(other)
        return Symbol(self.graph, self.graph.op(kind, self.name, name))


class Symbols:
    """`nmt.model.cells.families.Ops` of symbols, in a graph or in the body of a loop."""

    def __init__(self, layers: Layers, prefix: str) -> None:
        """``prefix`` is what the names of the weights begin with."""
        self._layers, self._prefix, self._graph = layers, prefix, layers.graph

    def symbol(self, name: str) -> Symbol:
        """A value of the graph."""
        return Symbol(self._graph, name)

    def product(self, x: Symbol, name: str) -> Symbol:
        """See `Ops.product`."""
        name = f"{self._prefix}.{name}"
        return self.symbol(self._layers.product(x.name, name, self._layers.weights[name]))

    def add_product(self, to: Symbol, x: Symbol, name: str) -> Symbol:
        """See `Ops.add_product`."""
        return to + self.product(x, name)

    def vector(self, name: str) -> Symbol:
        """See `Ops.vector`."""
        return self.symbol(self._layers.vector(f"{self._prefix}.{name}"))

    def sigmoid(self, x: Symbol) -> Symbol:
        """See `Ops.sigmoid`."""
        return self._op("Sigmoid", x)

    def tanh(self, x: Symbol) -> Symbol:
        """See `Ops.tanh`."""
        return self._op("Tanh", x)

    def split(self, x: Symbol, *sizes: int) -> list[Symbol]:
        """See `Ops.split`."""
        if len(sizes) == 1:
            return [x]
        parts = self._graph.ops("Split", x.name, self._graph.whole(*sizes), axis=-1, outputs=len(sizes))
        return [self.symbol(part) for part in parts]

    def concat(self, *parts: Symbol) -> Symbol:
        """See `Ops.concat`."""
        return self.symbol(self._graph.op("Concat", *(part.name for part in parts), axis=-1))

    def repeat(self, x: Symbol, times: int) -> Symbol:
        """See `Ops.repeat`."""
        graph = self._graph
        column = graph.op("Unsqueeze", x.name, graph.whole(-1))
        columns = self.symbol(graph.op("Concat", *[column] * times, axis=-1))
        shape = graph.op("Concat", graph.op("Shape", x.name, start=0, end=-1), graph.whole(-1), axis=0)
        return self.symbol(graph.op("Reshape", columns.name, shape))

    def normalise(self, x: Symbol, gain: str) -> Symbol:
        """See `Ops.normalise`."""
        return self.symbol(self._graph.op("LayerNormalization", x.name, self.vector(gain).name, epsilon=1e-5))

    def due(self, clock: Symbol, periods: list[int]) -> Symbol:
        """See `Ops.due`."""
        graph = self._graph
        rest = graph.op("Mod", clock.name, graph.constant(periods), fmod=1)
        return self.symbol(graph.op("Cast", graph.op("Equal", rest, graph.constant(0.0)), to=1))

    def pass_on(self, below: Symbol | None, h: Symbol) -> Symbol:
        """See `Ops.pass_on`."""
        return h if below is None or not self._layers.model.residual else below + h

    def _op(self, kind: str, x: Symbol) -> Symbol:
        return self.symbol(self._graph.op(kind, x.name))


def cell_step(layers: Layers, cell: RecurrentCell, prefix: str, x: str, state: list[str]) -> tuple[str, list[str]]:
    """The output and the next state of one step."""
    ops = Symbols(layers, prefix)
    y, after = cell.step(ops, cell.project(ops, ops.symbol(x)), tuple(map(ops.symbol, state)))
    return y.name, [part.name for part in after]


def cell_sequence(
    layers: Layers, cell: RecurrentCell, prefix: str, x: str, inside: str, backwards: bool
) -> tuple[str, list[str]]:
    """The outputs [S, N, D] over x [S, N, in] from a state of zeros, perhaps from the end, and the last state.

    Where ``inside`` [S, N, 1] is false outputs are zero and states stay as they are.
    """
    graph, body = layers.graph, layers.graph.body()
    ops = Symbols(layers, prefix)
    sums = cell.project(ops, ops.symbol(x)).name
    count = graph.op("Shape", x, start=1, end=2)
    zeros = [
        graph.op("Expand", graph.constant(np.zeros((1, 1))), graph.op("Concat", count, graph.whole(size), axis=0))
        for size in cell.state_sizes
    ]
    sizes = cell.state_sizes
    before = [body.input(f"state_{n}", np.float32, "sentences", size) for n, size in enumerate(sizes)]
    now, here = body.input("sums", np.float32, "sentences", "sums"), body.input("inside", np.bool_, "sentences", 1)
    inner = Symbols(layers.inside(body), prefix)
    y, after = cell.step(inner, inner.symbol(now), tuple(map(inner.symbol, before)))
    for n, size in enumerate(sizes):
        body.output(body.op("Where", here, after[n].name, before[n]), f"next_{n}", np.float32, "sentences", size)
    body.output(body.op("Where", here, y.name, body.constant(0.0)), "y", np.float32, "sentences", cell.width)
    *last, outputs = graph.scan(body, zeros, [sums, inside], 1, backwards)
    return outputs, last
