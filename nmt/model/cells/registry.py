"""Recurrent cells by the names that recipes use."""

from __future__ import annotations

from nmt.config.cells import CELL_TRAITS, CellName
from nmt.model.cells.base import RecurrentCell, StateSpec
from nmt.model.cells.gru import GRU, Mut1, Mut2, Mut3
from nmt.model.cells.lstm_variants import (
    CoupledGatesLSTM,
    FullGateRecurrenceLSTM,
    LayerNormLSTM,
    MemoryBlockLSTM,
    NoForgetGateLSTM,
    NoInputActivationLSTM,
    NoInputGateLSTM,
    NoOutputActivationLSTM,
    NoOutputGateLSTM,
    PeepholeLSTM,
)
from nmt.model.cells.rnn import ClockworkRNN, ElmanRNN
from nmt.model.cells.sru import SRU
from nmt.model.cells.stacked_lstm import DepthGatedLSTM, GatedFeedbackLSTM, GridLSTM

CELLS: dict[CellName, type[RecurrentCell]] = {
    "rnn": ElmanRNN,
    "gru": GRU,
    "peephole": PeepholeLSTM,
    "coupled_gates": CoupledGatesLSTM,
    "no_input_gate": NoInputGateLSTM,
    "no_forget_gate": NoForgetGateLSTM,
    "no_output_gate": NoOutputGateLSTM,
    "no_input_activation": NoInputActivationLSTM,
    "no_output_activation": NoOutputActivationLSTM,
    "full_gate_recurrence": FullGateRecurrenceLSTM,
    "layer_norm": LayerNormLSTM,
    "gated_feedback": GatedFeedbackLSTM,
    "depth_gated": DepthGatedLSTM,
    "clockwork": ClockworkRNN,
    "grid": GridLSTM,
    "sru": SRU,
    "mut1": Mut1,
    "mut2": Mut2,
    "mut3": Mut3,
    "memory_block": MemoryBlockLSTM,
}
"""All cells but ``lstm``, for which torch and ONNX Runtime have operators of their own."""


def build_cell(name: CellName, input_size: int, width: int, layers: int, forget_bias: float) -> RecurrentCell:
    """Create a cell other than ``lstm``; ``layers`` is the height of a stacked cell, and ignored for the others."""
    return CELLS[name](input_size, width, layers if CELL_TRAITS[name].stacked else 1, forget_bias)


def state_specs(name: CellName, width: int) -> tuple[StateSpec, ...]:
    """Return the state tensors of one layer of any cell; of ``lstm``, the hidden state and the cell state."""
    return RecurrentCell.state_specs(width) if name == "lstm" else CELLS[name].state_specs(width)
