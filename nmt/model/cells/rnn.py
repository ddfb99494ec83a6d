"""Recurrent networks without gates: the Elman network and the clockwork RNN. Notation: `nmt.model.cells.base`."""

from __future__ import annotations

from nmt.model.cells.base import CellState, Operand, Ops, RecurrentCell, StateSpec, WeightSpec, zeros_spec

CLOCKWORK_PERIODS = (1, 2, 4, 8)
"""Update periods of the modules of `ClockworkRNN`, in time steps, from the fastest module to the slowest."""


class ElmanRNN(RecurrentCell):
    """The plain recurrent network (Elman 1990): h = tanh(W x + U h_t-1)."""

    state_kinds = ("hidden",)

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name."""
        return self._gate_weight_specs(self.input_size, 1, [0.0])

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        h = ops.tanh(ops.add_matmul(x, state[0], "recurrent"))
        return h, (h,)


class ClockworkRNN(RecurrentCell):
    """The clockwork RNN (Koutník et al. 2014): four modules, updated at every 1st, 2nd, 4th and 8th time step.

        h_m = tanh(W_m x + Σ_k U_mk h_k,t-1), k over the modules as slow as m or slower    if t mod period_m = 0
        h_m = h_m,t-1                                                                      otherwise

    The first step is t = 0, at which all modules update.
    """

    @classmethod
    def state_specs(cls, width: int) -> tuple[StateSpec, ...]:
        """Return the state tensors of one layer: the hidden state and the clock t."""
        return StateSpec("hidden", width), StateSpec("auxiliary", 1)

    @property
    def _module_width(self) -> int:
        return self.width // len(CLOCKWORK_PERIODS)

    def weight_specs(self) -> dict[str, WeightSpec]:
        """Return the specification of each weight, by name."""
        weights = {"input": WeightSpec((self.width, self.input_size)), "bias": zeros_spec(self.width)}
        for module in range(len(CLOCKWORK_PERIODS)):
            weights[f"recurrent_{module}"] = WeightSpec((self._module_width, self.width - module * self._module_width))
        return weights

    def step(self, ops: Ops, x: Operand, state: CellState) -> tuple[Operand, CellState]:
        """Compute one time step; see `RecurrentCell.step`."""
        h, clock = state
        count = len(CLOCKWORK_PERIODS)
        modules = ops.split(h, *[self._module_width] * count)
        recurrent = [ops.matmul(ops.concat(*modules[m:]), f"recurrent_{m}") for m in range(count)]
        updates = ops.is_multiple(clock, [period for period in CLOCKWORK_PERIODS for _ in range(self._module_width)])
        h = h + updates * (ops.tanh(x + ops.concat(*recurrent)) - h)
        return h, (h, clock + 1.0)
