"""Names of the gates of every cell but the LSTM, whose equations are those of `nmt.model.cells`."""

from __future__ import annotations

import numpy as np

from nmt.config.cells import CellName
from nmt.utils.arrays import Float32Array

_GateNames = tuple[tuple[str, ...], ...]
"""For each call of σ or tanh, the names of the gates that it computes, concatenated; empty if it computes no gate."""

_PEEPHOLE: _GateNames = (("input", "forget"), ("candidate",), (), ("output",))
_DEPTH_GATED: _GateNames = (("input", "forget"), ("candidate",), ("output",), ())
_GATES: dict[CellName, _GateNames] = {
    "rnn": ((),),
    "gru": (("reset", "update"), ("candidate",)),
    "peephole": _PEEPHOLE,
    "coupled_gates": (("forget",), ("candidate",), (), ("output",)),
    "no_input_gate": (("forget",), ("candidate",), (), ("output",)),
    "no_forget_gate": (("input",), ("candidate",), (), ("output",)),
    "no_output_gate": (("input", "forget"), ("candidate",), ()),
    "no_input_activation": (("input", "forget"), (), ("output",)),
    "no_output_activation": (("input", "forget"), ("candidate",), ("output",)),
    "full_gate_recurrence": _PEEPHOLE,
    "layer_norm": (("input", "forget", "output"), ("candidate",), ()),
    "memory_block": (("input", "output"), ("candidate",), ()),
    "clockwork": ((),),
    "sru": (("forget", "reset"),),
    "mut1": (("reset",), ("candidate",)),
    "mut2": (("update", "reset"), ("candidate",)),
    "mut3": ((), ("update",), ("reset",), ("candidate",)),
    "gated_feedback": (("feedback",), ("candidate",), ("input", "forget", "output"), ()),
    "depth_gated": _DEPTH_GATED,
    "grid": (
        ("input", "depth_input", "forget", "depth_forget", "output", "depth_output"),
        ("candidate", "depth_candidate"),
        (),
    ),
}
"""Gate names per cell, in the order in which the cell's `step` calls σ and tanh; see `gate_names`."""


def gate_names(cell: CellName, layer: int, layers: int) -> _GateNames:
    """Return the gate names of one layer of a stack; the lowest layer is 0."""
    names = _GATES[cell]
    if cell == "depth_gated" and layer:
        return (*names[:2], ("depth",), *names[2:])
    if cell == "gated_feedback":
        return (tuple(f"feedback_{number}" for number in range(1, layers + 1)), *names[1:])
    return names


def split_gates(names: tuple[str, ...], value: Float32Array, width: int) -> dict[str, Float32Array]:
    """Split concatenated gates into arrays [B, D] by name.

    A gate that is shared by the cells of a memory block, or by all cells of a layer, is repeated for each cell.
    """
    if not names:
        return {}
    gates = np.split(value, len(names), axis=-1)
    return {name: np.repeat(gate, width // gate.shape[-1], axis=-1) for name, gate in zip(names, gates, strict=True)}
