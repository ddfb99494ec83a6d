"""The simple recurrent unit. Notation: `nmt.model.cells.base`."""

from __future__ import annotations

import numpy as np

from nmt.model.cells.base import CellState, Operand, Ops, RecurrentCell, WeightSpec

HIGHWAY_SCALE = 3**0.5
"""Factor of the input in the highway connection; it keeps the variance constant where the reset gate is 1/2."""


class SRU(RecurrentCell):
    """The simple recurrent unit (Lei et al. 2018), which needs no matrix product per step.

        f = σ(W_f x + v_f ⊙ c_t-1)      r = σ(W_r x + v_r ⊙ c_t-1)
        c = f ⊙ c_t-1 + (1 - f) ⊙ W x   h = r ⊙ c + (1 - r) ⊙ x √3

    An input whose width differs from the width of the cell is multiplied by a matrix W_s instead of √3.
    """

    state_kinds = ("cell",)

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows are in the order forget gate, reset gate, candidate, W_s.
        """
        bias = np.repeat(np.array([self.forget_bias, 0.0], dtype=np.float32), self.width)
        rows = 3 if self.input_size == self.width else 4
        return {
            "input": WeightSpec((rows * self.width, self.input_size)),
            "bias": WeightSpec(bias.shape, bias),
            "peephole": WeightSpec(bias.shape),
        }

    def project_input(self, ops: Ops, x: Operand) -> Operand:
        """Compute everything that depends on x [..., I] alone: gates, candidate and highway connection."""
        width, sums = self.width, ops.matmul(x, "input")
        same_width = self.input_size == width
        gates, rest = ops.split(sums, 2 * width, (1 if same_width else 2) * width)
        gates = gates + ops.weight_vector("bias")
        return ops.concat(gates, rest, x * HIGHWAY_SCALE) if same_width else ops.concat(gates, rest)

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        (c,), width = state, self.width
        gates, candidate, highway = ops.split(x, 2 * width, width, width)
        gates = ops.sigmoid(gates + ops.concat(c, c) * ops.weight_vector("peephole"))
        forget, reset = ops.split(gates, width, width)
        c = candidate + forget * (c - candidate)
        return highway + reset * (c - highway), (c,)
