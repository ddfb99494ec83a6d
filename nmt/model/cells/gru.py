"""The gated recurrent unit, and the three similar cells MUT1 to MUT3. Notation: `nmt.model.cells.base`."""

from __future__ import annotations

from abc import ABC

from nmt.model.cells.base import CellState, Operand, Ops, RecurrentCell, WeightSpec, zeros_spec


class GRU(RecurrentCell):
    """The gated recurrent unit (Cho et al. 2014) in the form of cuDNN, which needs one matrix product per step.

    r = σ(W_r x + U_r h_t-1)    u = σ(W_u x + U_u h_t-1)    z = tanh(W_z x + r ⊙ (U_z h_t-1 + b'))
    h = u ⊙ h_t-1 + (1 - u) ⊙ z
    """

    state_kinds = ("hidden",)

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows are in the order reset gate, update gate, candidate.
        """
        return {**self._gate_weight_specs(self.input_size, 3, [0.0] * 3), "recurrent_bias": zeros_spec(self.width)}

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        (h,), width = state, self.width
        recurrent_gates, recurrent_candidate = ops.split(ops.matmul(h, "recurrent"), 2 * width, width)
        gates, candidate = ops.split(x, 2 * width, width)
        reset, update = ops.split(ops.sigmoid(gates + recurrent_gates), width, width)
        candidate = ops.tanh(candidate + reset * (recurrent_candidate + ops.weight_vector("recurrent_bias")))
        h = candidate + update * (h - candidate)
        return h, (h,)


class MutatedCell(RecurrentCell, ABC):
    """Base class of the cells that an evolutionary search found (Jozefowicz, Zaremba & Sutskever 2015).

    All of them compute h = u ⊙ z + (1 - u) ⊙ h_t-1. Where the paper adds x itself, an input whose width differs from
    the width of the cell is multiplied by a matrix first.
    """

    state_kinds = ("hidden",)

    def _skip_weight_specs(self) -> dict[str, WeightSpec]:
        """Return the matrix that `_match_width` uses, if the widths differ."""
        return {} if self.input_size == self.width else {"input_past": WeightSpec((self.width, self.input_size))}

    def _match_width(self, ops: Ops, x: Operand) -> Operand:
        """Return x itself, or x times a matrix if the width of the input differs from the width of the cell."""
        return x if self.input_size == self.width else ops.matmul(x, "input_past")


class Mut1(MutatedCell):
    """MUT1: u = σ(W_u x), r = σ(W_r x + U_r h_t-1), z = tanh(U_z (r ⊙ h_t-1) + tanh(x)); see `MutatedCell`."""

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name."""
        square = WeightSpec((self.width, self.width))
        return {
            "input": WeightSpec((2 * self.width, self.input_size)), "recurrent_reset": square, "recurrent": square,
            "bias": zeros_spec(3 * self.width), **self._skip_weight_specs(),
        }  # fmt: skip

    def project_input(self, ops: Ops, x: Operand) -> Operand:
        """Compute the update gate, and the input's part of the reset gate and the candidate."""
        sums = ops.concat(ops.matmul(x, "input"), ops.tanh(self._match_width(ops, x))) + ops.weight_vector("bias")
        update, rest = ops.split(sums, self.width, 2 * self.width)
        return ops.concat(ops.sigmoid(update), rest)

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        (h,) = state
        update, reset, candidate = ops.split(x, self.width, self.width, self.width)
        reset = ops.sigmoid(ops.add_matmul(reset, h, "recurrent_reset"))
        z = ops.tanh(ops.add_matmul(candidate, reset * h, "recurrent"))
        h = h + update * (z - h)
        return h, (h,)


class Mut2(MutatedCell):
    """MUT2: u = σ(W_u x + U_u h_t-1), r = σ(x + U_r h_t-1), z = tanh(U_z (r ⊙ h_t-1) + W_z x); see `MutatedCell`."""

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name."""
        return {
            "input": WeightSpec((2 * self.width, self.input_size)),
            "recurrent_gates": WeightSpec((2 * self.width, self.width)),
            "recurrent": WeightSpec((self.width, self.width)),
            "bias": zeros_spec(3 * self.width),
            **self._skip_weight_specs(),
        }

    def project_input(self, ops: Ops, x: Operand) -> Operand:
        """Compute the input's part of the update gate, the reset gate and the candidate."""
        update, candidate = ops.split(ops.matmul(x, "input"), self.width, self.width)
        return ops.concat(update, self._match_width(ops, x), candidate) + ops.weight_vector("bias")

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        (h,), width = state, self.width
        gates, candidate = ops.split(x, 2 * width, width)
        update, reset = ops.split(ops.sigmoid(ops.add_matmul(gates, h, "recurrent_gates")), width, width)
        z = ops.tanh(ops.add_matmul(candidate, reset * h, "recurrent"))
        h = h + update * (z - h)
        return h, (h,)


class Mut3(MutatedCell):
    """MUT3: u = σ(W_u x + U_u tanh(h_t-1)), r = σ(W_r x + U_r h_t-1), z = tanh(U_z (r ⊙ h_t-1) + W_z x).

    See `MutatedCell`.
    """

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name."""
        square = WeightSpec((self.width, self.width))
        return {
            "input": WeightSpec((3 * self.width, self.input_size)), "recurrent_update": square,
            "recurrent_reset": square, "recurrent": square, "bias": zeros_spec(3 * self.width),
        }  # fmt: skip

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        (h,) = state
        update, reset, candidate = ops.split(x, self.width, self.width, self.width)
        update = ops.sigmoid(ops.add_matmul(update, ops.tanh(h), "recurrent_update"))
        reset = ops.sigmoid(ops.add_matmul(reset, h, "recurrent_reset"))
        z = ops.tanh(ops.add_matmul(candidate, reset * h, "recurrent"))
        h = h + update * (z - h)
        return h, (h,)
