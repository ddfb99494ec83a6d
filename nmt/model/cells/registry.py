"""Recurrent cells by the names that recipes use."""

from __future__ import annotations

from nmt.config.cells import CELL_TRAITS, CellName
from nmt.model.cells import gru, lstm_variants, rnn, sru, stacked_lstm
from nmt.model.cells.base import RecurrentCell, StateSpec

CELLS: dict[CellName, type[RecurrentCell]] = {
    "rnn": rnn.ElmanRNN,
    "gru": gru.GRU,
    "peephole": lstm_variants.PeepholeLSTM,
    "coupled_gates": lstm_variants.CoupledGatesLSTM,
    "no_input_gate": lstm_variants.NoInputGateLSTM,
    "no_forget_gate": lstm_variants.NoForgetGateLSTM,
    "no_output_gate": lstm_variants.NoOutputGateLSTM,
    "no_input_activation": lstm_variants.NoInputActivationLSTM,
    "no_output_activation": lstm_variants.NoOutputActivationLSTM,
    "full_gate_recurrence": lstm_variants.FullGateRecurrenceLSTM,
    "layer_norm": lstm_variants.LayerNormLSTM,
    "gated_feedback": stacked_lstm.GatedFeedbackLSTM,
    "depth_gated": stacked_lstm.DepthGatedLSTM,
    "clockwork": rnn.ClockworkRNN,
    "grid": stacked_lstm.GridLSTM,
    "sru": sru.SRU,
    "mut1": gru.Mut1,
    "mut2": gru.Mut2,
    "mut3": gru.Mut3,
    "memory_block": lstm_variants.MemoryBlockLSTM,
}
"""All cells except ``lstm``, for which torch and ONNX Runtime have built-in operators."""


def build_cell(name: CellName, input_size: int, width: int, layers: int, forget_bias: float) -> RecurrentCell:
    """Create a cell other than ``lstm``; ``layers`` is the height of a stacked cell, and is ignored for other cells."""
    return CELLS[name](input_size, width, layers if CELL_TRAITS[name].stacked else 1, forget_bias)


def state_specs(name: CellName, width: int) -> tuple[StateSpec, ...]:
    """Return the state tensors of one layer of any cell; for ``lstm``, the hidden state and the cell state."""
    return RecurrentCell.state_specs(width) if name == "lstm" else CELLS[name].state_specs(width)
