"""Names of the recurrent cells, and the properties of cells that restrict recipes."""

from __future__ import annotations

from typing import Literal, NamedTuple

CellName = Literal[
    "lstm", "rnn", "gru", "peephole", "coupled_gates", "no_input_gate", "no_forget_gate", "no_output_gate",
    "no_input_activation", "no_output_activation", "full_gate_recurrence", "layer_norm", "gated_feedback",
    "depth_gated", "clockwork", "grid", "sru", "mut1", "mut2", "mut3", "memory_block",
]  # fmt: skip


class CellTraits(NamedTuple):
    """Properties of a recurrent cell that restrict other keys of a recipe."""

    forget_gate: bool = True
    """True if the cell has a forget gate, whose initial bias is `model.forget_bias`."""
    recurrent_matrix: bool = True
    """True if the cell has a recurrent weight matrix, to which `model.weight_drop` applies dropout."""
    stacked: bool = False
    """True if layers exchange values within a time step, so that all layers must be computed step by step."""
    width_divisor: int = 1
    """Number of which the width must be a multiple."""


CELL_TRAITS: dict[CellName, CellTraits] = {
    "lstm": CellTraits(),
    "rnn": CellTraits(forget_gate=False),
    "gru": CellTraits(forget_gate=False),
    "peephole": CellTraits(),
    "coupled_gates": CellTraits(),
    "no_input_gate": CellTraits(),
    "no_forget_gate": CellTraits(forget_gate=False),
    "no_output_gate": CellTraits(),
    "no_input_activation": CellTraits(),
    "no_output_activation": CellTraits(),
    "full_gate_recurrence": CellTraits(),
    "layer_norm": CellTraits(),
    "gated_feedback": CellTraits(stacked=True),
    "depth_gated": CellTraits(stacked=True),
    "clockwork": CellTraits(forget_gate=False, width_divisor=4),
    "grid": CellTraits(stacked=True),
    "sru": CellTraits(recurrent_matrix=False),
    "mut1": CellTraits(forget_gate=False),
    "mut2": CellTraits(forget_gate=False),
    "mut3": CellTraits(forget_gate=False),
    "memory_block": CellTraits(forget_gate=False, width_divisor=4),
}
