"""Variants of the LSTM that change the inside of a layer. Notation: `nmt.model.cells.base`.

Greff et al. (2015, "LSTM: A Search Space Odyssey") call the LSTM with peepholes vanilla (V) and study it with one part
removed or changed; that is `PeepholeLSTM` and its subclasses. Their NP, the LSTM without peepholes, is torch's own LSTM
(`nmt.model.recurrent_layers.DecoderLSTMLayer`) and has no class here.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from nmt.model.cells.base import CellState, Operand, Ops, RecurrentCell, StateSpec, WeightSpec, zeros_spec

CELLS_PER_BLOCK = 4
"""Number of cells that share their gates in `MemoryBlockLSTM`."""


class PeepholeLSTM(RecurrentCell):
    """The LSTM whose gates also read the cell state (Gers & Schmidhuber 2000, Graves 2013); V in Greff et al. (2015).

    i = σ(W_i x + U_i h_t-1 + p_i ⊙ c_t-1)      f = σ(W_f x + U_f h_t-1 + p_f ⊙ c_t-1)
    z = tanh(W_z x + U_z h_t-1)                 c = f ⊙ c_t-1 + i ⊙ z
    o = σ(W_o x + U_o h_t-1 + p_o ⊙ c)          h = o ⊙ tanh(c)
    """

    has_input_gate: ClassVar[bool] = True
    has_forget_gate: ClassVar[bool] = True
    has_output_gate: ClassVar[bool] = True
    has_coupled_gates: ClassVar[bool] = False
    """True if the input gate is one minus the forget gate."""
    has_input_activation: ClassVar[bool] = True
    has_output_activation: ClassVar[bool] = True
    has_gate_recurrence: ClassVar[bool] = False
    """True if the gates read all gates of the previous step."""

    @property
    def _num_early_gates(self) -> int:
        """Number of gates that are computed before the new cell state."""
        return self.has_input_gate + self.has_forget_gate

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows are in the order input, forget, output gate, candidate.
        """
        biases = [0.0] * self.has_input_gate + [self.forget_bias] * self.has_forget_gate
        biases += [0.0] * self.has_output_gate + [0.0]
        weights = self._gate_weight_specs(self.input_size, len(biases), biases)
        weights["peephole_early"] = WeightSpec((self._num_early_gates * self.width,))
        if self.has_output_gate:
            weights["peephole_output"] = WeightSpec((self.width,))
        if self.has_gate_recurrence:
            weights["recurrent_gates"] = WeightSpec((3 * self.width, 3 * self.width))
        return weights

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        (h, c, *previous_gates), width, count = state, self.width, self._num_early_gates
        sums = ops.add_matmul(x, h, "recurrent")
        gates, candidate = ops.split(sums, (count + self.has_output_gate) * width, width)
        if self.has_gate_recurrence:
            gates = ops.add_matmul(gates, previous_gates[0], "recurrent_gates")
        early, *output = ops.split(gates, *[count * width, *[width] * self.has_output_gate])
        repeated_c = ops.concat(*[c] * count) if count > 1 else c
        early = ops.sigmoid(early + repeated_c * ops.weight_vector("peephole_early"))
        early_gates = ops.split(early, *[width] * count)
        z = ops.tanh(candidate) if self.has_input_activation else candidate
        c = self._update_cell_state(early_gates, c, z)
        h = ops.tanh(c) if self.has_output_activation else c
        if self.has_output_gate:
            output = [ops.sigmoid(output[0] + c * ops.weight_vector("peephole_output"))]
            h = output[0] * h
        return h, (h, c, ops.concat(early, *output)) if self.has_gate_recurrence else (h, c)

    def _update_cell_state(self, gates: list[Operand], c: Operand, z: Operand) -> Operand:
        if self.has_coupled_gates:
            return z + gates[0] * (c - z)
        return (gates[-1] * c if self.has_forget_gate else c) + (gates[0] * z if self.has_input_gate else z)


class CoupledGatesLSTM(PeepholeLSTM):
    """`PeepholeLSTM` with i = 1 - f: c = f ⊙ c_t-1 + (1 - f) ⊙ z.

    It corresponds to CIFG in Greff et al. (2015), which computes i and sets f = 1 - i.
    """

    has_input_gate, has_coupled_gates = False, True


class NoInputGateLSTM(PeepholeLSTM):
    """`PeepholeLSTM` with i = 1: c = f ⊙ c_t-1 + z; NIG in Greff et al. (2015)."""

    has_input_gate = False


class NoForgetGateLSTM(PeepholeLSTM):
    """`PeepholeLSTM` with f = 1: c = c_t-1 + i ⊙ z; NFG in Greff et al. (2015), the LSTM of 1997 with peepholes."""

    has_forget_gate = False


class NoOutputGateLSTM(PeepholeLSTM):
    """`PeepholeLSTM` with o = 1: h = tanh(c); NOG in Greff et al. (2015)."""

    has_output_gate = False


class NoInputActivationLSTM(PeepholeLSTM):
    """`PeepholeLSTM` with z = W_z x + U_z h_t-1; NIAF in Greff et al. (2015)."""

    has_input_activation = False


class NoOutputActivationLSTM(PeepholeLSTM):
    """`PeepholeLSTM` with h = o ⊙ c; NOAF in Greff et al. (2015)."""

    has_output_activation = False


class FullGateRecurrenceLSTM(PeepholeLSTM):
    """`PeepholeLSTM` whose gates also read all gates of the previous step; FGR in Greff et al. (2015).

    The LSTM of 1997 has these connections. R [i, f, o]_t-1 is added to each of i, f, o before σ;
    before the first step all gates are zero.
    """

    has_gate_recurrence = True

    @classmethod
    def state_specs(cls, width: int) -> tuple[StateSpec, ...]:
        """Return the state tensors of one layer, which include the three gates."""
        return *super().state_specs(width), StateSpec("auxiliary", 3 * width)


class LayerNormLSTM(RecurrentCell):
    """The layer-normalised LSTM (Ba, Kiros & Hinton 2016): gates and candidate are normalised together.

        [i, f, o, z] = N(W x) ⊙ α + N(U h_t-1) ⊙ β + b      N(v) = (v - mean(v)) / deviation(v)
        c = σ(f) ⊙ c_t-1 + σ(i) ⊙ tanh(z)                   h = σ(o) ⊙ tanh(N(c) ⊙ γ + b')

    The paper has two more biases, which b makes redundant; they are left out.
    """

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows are in the order input, forget, output gate, candidate.
        """
        ones = np.ones(4 * self.width, dtype=np.float32)
        gains = {"input_gain": ones, "recurrent_gain": ones, "memory_gain": ones[: self.width]}
        matrices = self._gate_weight_specs(self.input_size, 4, [0.0, self.forget_bias, 0.0, 0.0])
        specs = {name: WeightSpec(initial.shape, initial) for name, initial in gains.items()}
        return matrices | specs | {"memory_bias": zeros_spec(self.width)}

    def project_input(self, ops: Ops, x: Operand) -> Operand:
        """Compute N(W x) ⊙ α + b."""
        return ops.layer_norm(ops.matmul(x, "input"), "input_gain") + ops.weight_vector("bias")

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        (h, c), width = state, self.width
        sums = x + ops.layer_norm(ops.matmul(h, "recurrent"), "recurrent_gain")
        gates, candidate = ops.split(sums, 3 * width, width)
        input_, forget, output = ops.split(ops.sigmoid(gates), width, width, width)
        c = forget * c + input_ * ops.tanh(candidate)
        h = output * ops.tanh(ops.layer_norm(c, "memory_gain") + ops.weight_vector("memory_bias"))
        return h, (h, c)


class MemoryBlockLSTM(RecurrentCell):
    """The LSTM of 1997: blocks of four cells that share their gates, no forget gates (Hochreiter & Schmidhuber 1997).

        i = σ(W_i x + U_i h_t-1), o = σ(W_o x + U_o h_t-1), one number per block     z = tanh(W_z x + U_z h_t-1)
        c = c_t-1 + i ⊙ z       h = o ⊙ tanh(c)

    The paper squashes with 4σ(v) - 2 and 2σ(v) - 1; here tanh is used, as in all later work.
    """

    @property
    def _num_blocks(self) -> int:
        return self.width // CELLS_PER_BLOCK

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name.

        Rows are in the order input gates, output gates, candidate.
        """
        rows = 2 * self._num_blocks + self.width
        matrices = {"input": WeightSpec((rows, self.input_size)), "recurrent": WeightSpec((rows, self.width))}
        return {**matrices, "bias": zeros_spec(rows)}

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        h, c = state
        gates, candidate = ops.split(ops.add_matmul(x, h, "recurrent"), 2 * self._num_blocks, self.width)
        gates = ops.repeat_interleave(ops.sigmoid(gates), CELLS_PER_BLOCK)
        input_, output = ops.split(gates, self.width, self.width)
        c = c + input_ * ops.tanh(candidate)
        h = output * ops.tanh(c)
        return h, (h, c)
