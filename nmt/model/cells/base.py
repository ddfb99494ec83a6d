"""Base class of the recurrent cells, and the operations that their equations consist of.

Each cell is written once: PyTorch evaluates the equations on tensors (`nmt.model.unrolled_cell.TensorOps`), and the
ONNX export records them as graph nodes (`nmt.engine.onnx.cell_graphs.GraphOps`).

In the docstrings of the cells, x is the input, h the hidden state (which is also the output) and c the cell state of
the current time step; the subscript t-1 marks values of the previous step. W and U are weight matrices, ⊙ is the
elementwise product, σ the logistic function. Biases are left out of the equations.

Shapes: D width of the cell, I width of the input, L layers of a stack.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple, Protocol

import numpy as np

Operand = Any
"""A torch tensor or a value of an ONNX graph, [..., n]. Both support +, - and *."""
CellState = tuple[Operand, ...]
"""State tensors of all layers of a cell, as `RecurrentCell.state_sizes` lists them."""
StateKind = Literal["hidden", "cell", "auxiliary"]


class Ops(Protocol):
    """Operations that the equations of a cell use besides +, - and *. Weights are passed by name."""

    def matmul(self, x: Operand, weight: str) -> Operand:
        """Multiply x [..., I] by the transpose of a weight matrix [O, I]; return [..., O]."""

    def add_matmul(self, addend: Operand, x: Operand, weight: str) -> Operand:
        """Return ``addend`` [..., O] plus `matmul` of x and a weight matrix."""

    def weight_vector(self, weight: str) -> Operand:
        """Return a weight vector [n]."""

    def sigmoid(self, x: Operand) -> Operand:
        """Apply the logistic function elementwise."""

    def tanh(self, x: Operand) -> Operand:
        """Apply the hyperbolic tangent elementwise."""

    def split(self, x: Operand, *sizes: int) -> list[Operand]:
        """Split the last dimension of x [..., sum(sizes)] into parts of the given sizes."""

    def concat(self, *parts: Operand) -> Operand:
        """Concatenate along the last dimension."""

    def repeat_interleave(self, x: Operand, repeats: int) -> Operand:
        """Repeat each element of x [..., n] ``repeats`` times in a row; return [..., n × repeats]."""

    def layer_norm(self, x: Operand, gain: str) -> Operand:
        """Normalise the last dimension to zero mean and unit variance, times a gain [n] (Ba et al. 2016)."""

    def is_multiple(self, clock: Operand, periods: list[int]) -> Operand:
        """Return 1 for each period of which a clock [..., 1] is a multiple, otherwise 0, as [..., len(periods)]."""

    def next_layer_input(self, layer_input: Operand | None, h: Operand) -> Operand:
        """Apply dropout to the output h of a layer of a stack, and add the residual connection if there is one.

        ``layer_input`` is the input of that layer, or None for the first layer, which has no residual connection.
        """


class WeightSpec(NamedTuple):
    """Shape and initial value of a weight."""

    shape: tuple[int, ...]
    initial: np.ndarray[Any, np.dtype[np.float32]] | None = None
    """Initial value; if None, it is drawn uniformly between ±1/√D, as torch does for its own recurrent layers."""


class StateSpec(NamedTuple):
    """Kind and size of one tensor of a layer's state."""

    kind: StateKind
    """Hidden state h, cell state c, or an auxiliary tensor, which starts at zero in the encoder and in the decoder."""
    size: int


class RecurrentCell(ABC):
    """A recurrent cell, or a stack of layers that depend on each other within a time step."""

    state_kinds: ClassVar[tuple[StateKind, ...]] = ("hidden", "cell")
    """Kinds of the state tensors of a layer, all of which have the width of the cell."""

    def __init__(self, input_size: int, width: int, layers: int = 1, forget_bias: float = 1.0) -> None:
        """``layers`` is greater than 1 only for stacked cells."""
        self.input_size, self.width, self.layers, self.forget_bias = input_size, width, layers, forget_bias

    @classmethod
    def state_specs(cls, width: int) -> tuple[StateSpec, ...]:
        """Return the state tensors of one layer."""
        return tuple(StateSpec(kind, width) for kind in cls.state_kinds)

    @property
    def state_sizes(self) -> list[int]:
        """Sizes of all state tensors, layer by layer."""
        return [spec.size for spec in self.state_specs(self.width)] * self.layers

    @abstractmethod
    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Names of matrices that multiply the previous state start with "recurrent".
        """

    def project_input(self, ops: Ops, x: Operand) -> Operand:
        """Compute the part of a step that depends on x [..., I] alone, for a whole sequence with one matrix product."""
        return ops.add_matmul(ops.weight_vector("bias"), x, "input")

    @abstractmethod
    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step from a projected input and a state; return the output [..., D] and the new state."""

    def _gate_weight_specs(
        self, input_size: int, recurrent_gates: int, initial_biases: list[float], suffix: str = ""
    ) -> dict[str, WeightSpec]:
        """Return the input matrix, the recurrent matrix and the bias vector of gates, each of width D.

        The recurrent matrix contributes to the first ``recurrent_gates`` gates. ``initial_biases`` has one value per
        gate. The names of the weights end with ``suffix``.
        """
        bias = np.repeat(np.array(initial_biases, dtype=np.float32), self.width)
        return {
            f"input{suffix}": WeightSpec((len(bias), input_size)),
            f"recurrent{suffix}": WeightSpec((recurrent_gates * self.width, self.width)),
            f"bias{suffix}": WeightSpec(bias.shape, bias),
        }


def zeros_spec(size: int) -> WeightSpec:
    """Return the specification of a vector [size] that starts at zero."""
    return WeightSpec((size,), np.zeros(size, dtype=np.float32))
