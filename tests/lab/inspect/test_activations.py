"""Recomputed gates and states agree with the layers, for every cell and reading direction."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nmt.config.cells import CELL_TRAITS, CellName
from nmt.config.model import ModelConfig
from nmt.lab.inspect.activations import LayerTrace, NetworkTrace, trace_translation
from nmt.lab.inspect.cell_activations import recompute_cell_gates
from nmt.model.cells.registry import CELLS
from nmt.model.seq2seq import Seq2Seq, build_network
from nmt.model.unrolled_cell import UnrolledCell

SOURCE = torch.tensor([[7, 8, 9, 10, 11, 3], [12, 13, 3, 0, 0, 0]])
LENGTHS = torch.tensor([6, 3])
TARGET = torch.tensor([[2, 7, 8, 9], [2, 9, 9, 9]])


def network(**settings: object) -> Seq2Seq:
    config = ModelConfig.model_validate({"width": 16, "heads": 2, **settings})
    return build_network(config, 20, 20, True, seed=4).eval()


def traced(made: Seq2Seq) -> tuple[NetworkTrace, dict[str, LayerTrace]]:
    found = trace_translation(made, SOURCE, LENGTHS, TARGET)
    return found, {each.name: each for each in found.layers}


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"design": "classic", "attention": "none", "bidirectional_layers": 0},
        {"design": "classic", "attention": "dot", "input_feeding": True, "residual": True},
        {"design": "classic", "attention": "additive", "bidirectional_layers": 1, "reverse_source": True},
    ],
)
def test_recomputed_lstm_outputs_equal_those_of_the_kernels(settings: dict[str, object]) -> None:
    made, outputs = network(**settings), {}
    lstms = [module for module in made.modules() if isinstance(module, nn.LSTM)]
    for module in lstms:
        module.register_forward_hook(lambda m, _, output: outputs.setdefault(m, []).append(output[0]))
    found, _ = traced(made)
    expected: list[Tensor] = []
    for module, calls in outputs.items():
        if isinstance(calls[0], Tensor):
            expected.append(torch.cat(calls, dim=1))
        else:
            padded, _ = nn.utils.rnn.pad_packed_sequence(calls[0], batch_first=True)
            expected += padded.chunk(1 + module.bidirectional, dim=-1)
    assert len(expected) == len(found.layers)
    for layer, y in zip(found.layers, expected, strict=True):
        if layer.part == "encoder" and made.config.reverse_source:
            y = torch.stack([y[0][[4, 3, 2, 1, 0, 5]], y[1][[1, 0, 2, 3, 4, 5]]])
            first = [4, 1]
        else:
            first = [0, 0]
        assert layer.first_read.tolist() == ([5, 2] if layer.direction == "backward" else first)
        hidden = layer.values["hidden"]
        assert (hidden - y)[:1].abs().max() < 1e-6
        assert (hidden - y)[1:, :3].abs().max() < 1e-6
        assert set(layer.values) == {"cell", "hidden", "input", "forget", "output", "candidate"}


@pytest.mark.parametrize("cell", CELLS)
def test_the_gates_of_a_cell_give_its_states(cell: CellName) -> None:
    _, layers = traced(network(cell=cell, design="classic", attention="dot", bidirectional_layers=0))
    assert list(layers) == ["encoder 1 forward", "encoder 2 forward", "decoder 1", "decoder 2"]
    for name, layer in layers.items():
        values = {key: value[0].double() for key, value in layer.values.items()}
        after, hidden = values.get("cell"), values["hidden"]
        if name.startswith("decoder"):  # the first state is not zero, so compare from the second step
            before = None if after is None else after[:-1]
            hidden_before, now = hidden[:-1], slice(1, None)
        else:
            before = None if after is None else torch.cat((torch.zeros_like(after[:1]), after[:-1]))
            hidden_before, now = torch.cat((torch.zeros_like(hidden[:1]), hidden[:-1])), slice(None)
        at = {key: value[now] for key, value in values.items()}
        one = torch.ones_like(at["hidden"])
        if {"update", "candidate"} <= at.keys():
            keep = at["update"] if cell == "gru" else 1 - at["update"]
            torch.testing.assert_close(at["hidden"], keep * hidden_before + (1 - keep) * at["candidate"], **CLOSE)
        if before is None or "candidate" not in at:
            continue
        forget = at.get("forget", one)
        if cell == "depth_gated" and " 2" in name:
            below = layers[name.replace("2", "1")].values["cell"][0].double()[now]
            before = before + at["depth"] * below / forget
        opened = at.get("input", 1 - forget if cell == "coupled_gates" else one)
        torch.testing.assert_close(at["cell"], forget * before + opened * at["candidate"], **CLOSE)
        if cell not in {"layer_norm", "no_output_activation"}:
            torch.testing.assert_close(at["hidden"], at.get("output", one) * at["cell"].tanh(), **CLOSE)


CLOSE = {"rtol": 0, "atol": 1e-6}


LSTM = ("input", "forget", "output", "candidate")
BIAS_GATES: dict[CellName, tuple[str, ...]] = {
    "gru": ("reset", "update", "candidate"), "peephole": LSTM, "coupled_gates": ("forget", "output", "candidate"),
    "no_input_gate": ("forget", "output", "candidate"), "no_forget_gate": ("input", "output", "candidate"),
    "no_output_gate": ("input", "forget", "candidate"), "no_input_activation": ("input", "forget", "output", ""),
    "no_output_activation": LSTM, "full_gate_recurrence": LSTM, "layer_norm": LSTM,
    "memory_block": ("input", "output", "candidate"), "sru": ("forget", "reset"),
    "mut1": ("update", "reset", "candidate"), "mut2": ("update", "reset", "candidate"),
    "mut3": ("update", "reset", "candidate"), "gated_feedback": (*LSTM, "feedback_1", "feedback_2"),
    "depth_gated": (*LSTM, "depth"),
    "grid": tuple(f"{depth}{name}" for name in LSTM for depth in ("", "depth_")),
}  # fmt: skip
"""Gate names in the order of a cell's biases in the NumPy reference; empty if the step applies neither σ nor tanh."""


@pytest.mark.parametrize("cell", BIAS_GATES)
@torch.inference_mode()
def test_a_large_bias_opens_the_gate_of_its_name(cell: CellName) -> None:
    torch.manual_seed(1)
    layers, width = (2 if CELL_TRAITS[cell].stacked else 1), 8
    design = "classic" if CELL_TRAITS[cell].stacked else "blocks"
    config = ModelConfig.model_validate({"cell": cell, "heads": 2, "width": width, "design": design})
    made = UnrolledCell(config, width, width, layers)
    x, state = torch.randn(2, 5, width), tuple(torch.zeros(2, size) for size in made.recurrent_cell.state_sizes)
    closed = recompute_cell_gates(made, cell, x, state)
    for layer in range(layers):
        names = [name for name in BIAS_GATES[cell] if name != "depth" or layer]
        assert closed[layer].keys() - {"cell", "hidden"} == set(names) - {""}
        bias, at = made.get_parameter(f"bias_{layer}" if CELL_TRAITS[cell].stacked else "bias"), 0
        for name in names:
            block = cell == "memory_block" and name != "candidate"
            rows = slice(at, at + (width // 4 if block else 1 if name.startswith("feedback") else width))
            at = rows.stop
            if name:
                assert closed[layer][name].max() < 0.999
                bias[rows] += 100
                assert recompute_cell_gates(made, cell, x, state)[layer][name].min() > 0.999
                bias[rows] -= 100
        assert at == len(bias)


@pytest.mark.parametrize("cell", ["gru", "peephole", "sru", "grid"])
def test_the_last_states_of_other_cells_equal_those_of_the_network(cell: CellName) -> None:
    made, kept = network(cell=cell, design="classic", attention="none"), []
    made.encoder.blocks[-1].register_forward_hook(lambda *call: kept.append(call[2]))
    _, layers = traced(made)
    [(_, states)] = kept
    top = states[-1][0]  # last h, or c if the cell has no h, of both directions side by side
    values = [layers[f"encoder 2 {way}"].values for way in ("forward", "backward")]
    forward, backward = (each["cell" if cell == "sru" else "hidden"] for each in values)
    ends = torch.cat((torch.stack([forward[0, 5], forward[1, 2]]), backward[:, 0]), dim=1)
    torch.testing.assert_close(ends, top, **CLOSE)


def test_attention_of_all_layers_and_heads_is_recorded() -> None:
    found, _ = traced(network(decoder_layers=3))
    assert [weights.shape for weights in found.attention] == [(2, 2, 4, 6)] * 3
    for weights in found.attention:
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(2, 2, 4))
        assert (weights[1, :, :, 3:] == 0).all()
    assert traced(network(design="classic", attention="none"))[0].attention == []
