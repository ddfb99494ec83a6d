"""The recurrent cells a recipe can name, and what its other keys may ask of each."""

from __future__ import annotations

from typing import Literal, NamedTuple

CellName = Literal[
    "lstm", "rnn", "gru", "peephole", "coupled_gates", "no_input_gate", "no_forget_gate", "no_output_gate",
    "no_input_activation", "no_output_activation", "full_gate_recurrence", "layer_norm", "gated_feedback",
    "depth_gated", "clockwork", "grid", "sru", "mut1", "mut2", "mut3", "memory_block",
]  # fmt: skip


class CellTraits(NamedTuple):
    """Properties of a cell that a recipe is checked against."""

    forget_gate: bool = True
    """Whether the cell has a forget gate, whose bias `model.forget_bias` sets."""
    recurrent_matrix: bool = True
    """Whether the cell has a recurrent weight matrix, which `model.weight_drop` thins."""
    stacked: bool = False
    """Whether the layers of a stack exchange values within a step, so that they must advance together."""
    width_divisor: int = 1
    """The width must be a multiple of this number."""


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
