"""Activations of the NumPy network agree with torch, for every cell, kind of attention and reading direction."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nmt.config.cells import CELL_TRAITS, CellName
from nmt.config.model import ModelConfig
from nmt.lab.inspect.activations import trace_text, trace_translation
from nmt.lab.inspect.network.recurrence import run_cell
from nmt.lab.inspect.network.trace import LayerTrace, NamedValues, NetworkTrace
from nmt.lab.inspect.network.weights import NetworkWeights
from nmt.model.attention import Attention
from nmt.model.cells.registry import CELLS
from nmt.model.language_model import build_language_model
from nmt.model.seq2seq import Seq2Seq, build_network
from nmt.model.unrolled_cell import UnrolledCell

SOURCE = np.array([[7, 8, 9, 10, 11, 3], [12, 13, 3, 0, 0, 0]])
LENGTHS = np.array([6, 3])
TARGET = np.array([[2, 7, 8, 9], [2, 9, 9, 9]])
CLOSE = {"rtol": 0, "atol": 2e-6}


def network(**settings: object) -> Seq2Seq:
    config = ModelConfig.model_validate({"width": 16, "heads": 2, **settings})
    return build_network(config, 20, 20, True, seed=4).eval()


def arrays_of(module: nn.Module) -> dict[str, np.ndarray]:
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


def traced(made: Seq2Seq) -> tuple[NetworkTrace, dict[str, LayerTrace]]:
    found = trace_translation(NetworkWeights(made.config, arrays_of(made)), SOURCE, LENGTHS, TARGET)
    return found, {each.name: each for each in found.layers}


@torch.inference_mode()
def run_torch(made: Seq2Seq) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the decoder outputs, and the attention weights [B, H, T, S] of each layer."""
    calls: dict[nn.Module, list[Tensor]] = {}
    hooks = [
        module.register_forward_hook(lambda m, _, output: calls.setdefault(m, []).append(output[1]))
        for module in made.modules()
        if isinstance(module, Attention)
    ]
    outputs, _ = made(torch.from_numpy(SOURCE), torch.from_numpy(LENGTHS), torch.from_numpy(TARGET))
    for hook in hooks:
        hook.remove()
    return outputs.numpy(), [torch.cat(weights, dim=2).numpy() for weights in calls.values()]


DESIGNS = [
    {},
    {"decoder_layers": 3, "feed_forward": 20, "tie_embeddings": False},
    {"attention": "additive", "encoder_layers": 1},
    {"attention": "dot", "bidirectional_layers": 1},
    {"attention": "none"},
    {"input_feeding": True},
    {"design": "classic", "attention": "none", "bidirectional_layers": 0},
    {"design": "classic", "attention": "none", "encoder_layers": 3, "residual": True},
    {"design": "classic", "attention": "multihead", "reverse_source": True},
    {"design": "classic", "attention": "dot", "input_feeding": True, "residual": True},
    {"design": "classic", "attention": "additive", "bidirectional_layers": 1, "reverse_source": True},
]


@pytest.mark.parametrize("settings", DESIGNS)
def test_outputs_and_attention_equal_those_of_torch(settings: dict[str, object]) -> None:
    made = network(**settings)
    found, _ = traced(made)
    outputs, attention = run_torch(made)
    np.testing.assert_allclose(found.decoder_outputs, outputs, **CLOSE)
    assert len(found.attention) == len(attention)
    for weights, expected in zip(found.attention, attention, strict=True):
        np.testing.assert_allclose(weights, expected, **CLOSE)
        assert (weights[1, :, :, 3:] == 0).all()


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    "settings",
    [{"attention": "dot"}, {"design": "classic", "residual": True, "encoder_layers": 3, "attention": "none"}],
)
def test_outputs_of_every_cell_equal_those_of_torch(cell: CellName, settings: dict[str, object]) -> None:
    if CELL_TRAITS[cell].stacked:
        settings = {**settings, "design": "classic"}
    made = network(cell=cell, **settings)
    np.testing.assert_allclose(traced(made)[0].decoder_outputs, run_torch(made)[0], **CLOSE)


@pytest.mark.parametrize("settings", [settings for settings in DESIGNS if settings.get("design") or not settings])
def test_states_of_lstms_equal_those_of_torch(settings: dict[str, object]) -> None:
    made, outputs = network(**settings), {}
    lstms = [module for module in made.modules() if isinstance(module, nn.LSTM)]
    for module in lstms:
        module.register_forward_hook(lambda m, _, output: outputs.setdefault(m, []).append(output[0]))
    run_torch(made)
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
        np.testing.assert_allclose(hidden[0], y[0].numpy(), **CLOSE)
        np.testing.assert_allclose(hidden[1, :3], y[1, :3].numpy(), **CLOSE)
        assert set(layer.values) == {"cell", "hidden", "input", "forget", "output", "candidate"}
        if layer.direction == "forward" and layer.part == "encoder" and not made.config.reverse_source:
            values = {name: value[0] for name, value in layer.values.items()}
            before = np.concatenate((np.zeros((1, values["cell"].shape[1])), values["cell"][:-1]))
            cell = values["forget"] * before + values["input"] * values["candidate"]
            np.testing.assert_allclose(values["cell"], cell, **CLOSE)
            np.testing.assert_allclose(values["hidden"], values["output"] * np.tanh(cell), **CLOSE)


@pytest.mark.parametrize("settings", [{"design": "classic"}, {}, {"design": "classic", "cell": "gru"}])
def test_a_language_model_equals_that_of_torch(settings: dict[str, object]) -> None:
    config = ModelConfig.model_validate({"width": 16, "attention": "none", **settings})
    made = build_language_model(config, 20, seed=4).eval()
    found = trace_text(NetworkWeights(config, arrays_of(made)), TARGET)
    with torch.inference_mode():
        expected, _ = made(torch.from_numpy(TARGET), made.initial_state(2))
        scores = (expected @ made.output.T).log_softmax(dim=-1)
    np.testing.assert_allclose(found.decoder_outputs, expected.numpy(), **CLOSE)
    log_probabilities = NetworkWeights(config, arrays_of(made)).log_probabilities(found.decoder_outputs)
    np.testing.assert_allclose(log_probabilities, scores.numpy(), rtol=0, atol=1e-5)
    assert [layer.name for layer in found.layers] == ["decoder 1", "decoder 2"]


@pytest.mark.parametrize("cell", CELLS)
def test_the_gates_of_a_cell_give_its_states(cell: CellName) -> None:
    _, layers = traced(network(cell=cell, design="classic", attention="dot", bidirectional_layers=0))
    assert list(layers) == ["encoder 1 forward", "encoder 2 forward", "decoder 1", "decoder 2"]
    for name, layer in layers.items():
        values = {key: value[0].astype(np.float64) for key, value in layer.values.items()}
        after, hidden = values.get("cell"), values["hidden"]
        if name.startswith("decoder"):  # the first state is not zero, so compare from the second step
            before = None if after is None else after[:-1]
            hidden_before, now = hidden[:-1], slice(1, None)
        else:
            before = None if after is None else np.concatenate((np.zeros_like(after[:1]), after[:-1]))
            hidden_before, now = np.concatenate((np.zeros_like(hidden[:1]), hidden[:-1])), slice(None)
        at = {key: value[now] for key, value in values.items()}
        one = np.ones_like(at["hidden"])
        if {"update", "candidate"} <= at.keys():
            keep = at["update"] if cell == "gru" else 1 - at["update"]
            np.testing.assert_allclose(at["hidden"], keep * hidden_before + (1 - keep) * at["candidate"], **CLOSE)
        if before is None or "candidate" not in at:
            continue
        forget = at.get("forget", one)
        if cell == "depth_gated" and " 2" in name:
            below = layers[name.replace("2", "1")].values["cell"][0].astype(np.float64)[now]
            before = before + at["depth"] * below / forget
        opened = at.get("input", 1 - forget if cell == "coupled_gates" else one)
        np.testing.assert_allclose(at["cell"], forget * before + opened * at["candidate"], **CLOSE)
        if cell not in {"layer_norm", "no_output_activation"}:
            np.testing.assert_allclose(at["hidden"], at.get("output", one) * np.tanh(at["cell"]), **CLOSE)


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
def test_a_large_bias_opens_the_gate_of_its_name(cell: CellName) -> None:
    torch.manual_seed(1)
    layers, width = (2 if CELL_TRAITS[cell].stacked else 1), 8
    design = "classic" if CELL_TRAITS[cell].stacked else "blocks"
    config = ModelConfig.model_validate({"cell": cell, "heads": 2, "width": width, "design": design})
    made = UnrolledCell(config, width, width, layers)
    arrays = {f"cell.{name}": array.copy() for name, array in arrays_of(made).items()}
    x = torch.randn(2, 5, width).numpy()
    state = tuple(np.zeros((2, size), dtype=np.float32) for size in made.recurrent_cell.state_sizes)

    def gates() -> list[NamedValues]:
        return run_cell(NetworkWeights(config, arrays), "cell", x, state, layers).values

    closed = gates()
    for layer in range(layers):
        names = [name for name in BIAS_GATES[cell] if name != "depth" or layer]
        assert closed[layer].keys() - {"cell", "hidden"} == set(names) - {""}
        bias, at = arrays[f"cell.bias_{layer}" if CELL_TRAITS[cell].stacked else "cell.bias"], 0
        for name in names:
            block = cell == "memory_block" and name != "candidate"
            rows = slice(at, at + (width // 4 if block else 1 if name.startswith("feedback") else width))
            at = rows.stop
            if name:
                assert closed[layer][name].max() < 0.999
                bias[rows] += 100
                assert gates()[layer][name].min() > 0.999
                bias[rows] -= 100
        assert at == len(bias)


@pytest.mark.parametrize("cell", ["gru", "peephole", "sru", "grid"])
def test_the_last_states_of_other_cells_equal_those_of_the_network(cell: CellName) -> None:
    made, kept = network(cell=cell, design="classic", attention="none"), []
    made.encoder.blocks[-1].register_forward_hook(lambda *call: kept.append(call[2]))
    run_torch(made)
    _, layers = traced(made)
    [(_, states)] = kept
    top = states[-1][0]  # last h, or c if the cell has no h, of both directions side by side
    values = [layers[f"encoder 2 {way}"].values for way in ("forward", "backward")]
    forward, backward = (each["cell" if cell == "sru" else "hidden"] for each in values)
    ends = np.concatenate((np.stack([forward[0, 5], forward[1, 2]]), backward[:, 0]), axis=1)
    np.testing.assert_allclose(ends, top.numpy(), **CLOSE)
