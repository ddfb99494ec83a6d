"""Every cell against a reference of its own, and how layers of them treat padding, dropout and their states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cell_reference import STEPS
from torch import Tensor

from nmt.config.cells import CellName
from nmt.config.model import ModelConfig
from nmt.model.cells.families import CELLS
from nmt.model.recurrent_layers import (
    DecoderCellLayer,
    DecoderLSTMLayer,
    EncoderCellLayer,
    UnrolledCell,
    build_decoder_layers,
    build_encoder_layer,
)
from nmt.model.seq2seq import build_network

NAMES = [name for name in CELLS if name != "lstm"]
STACKS = [name for name, cell in CELLS.items() if cell.stacked]


def config(cell: CellName, **more: object) -> ModelConfig:
    design = "classic" if CELLS[cell].stacked else "blocks"
    return ModelConfig(cell=cell, heads=2, **{"width": 8, "design": design, "dropout": 0.0, **more})  # type: ignore[arg-type]


def recurrence(cell: CellName, inputs: int, residual: bool = False) -> UnrolledCell | DecoderLSTMLayer:
    """Of two layers where it is a stack; every weight random, so that none is left out unnoticed."""
    torch.manual_seed(1)
    layers = 2 if CELLS[cell].stacked else 1
    of_cell = config(cell, residual=residual)
    module = DecoderLSTMLayer(inputs, 8) if cell == "lstm" else UnrolledCell(of_cell, inputs, 8, layers)
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return module


def begin(module: UnrolledCell | DecoderLSTMLayer, sentences: int) -> tuple[Tensor, ...]:
    """A random state; a clock of 1 is whole anyway."""
    sizes = module.equations.state_sizes if isinstance(module, UnrolledCell) else [8, 8]
    return tuple(torch.ones(sentences, 1).double() if n == 1 else torch.randn(sentences, n).double() for n in sizes)


def test_all_cells_have_a_reference() -> None:
    assert set(STEPS) == set(CELLS)


@pytest.mark.parametrize(
    ("cell", "inputs", "how"),
    [(cell, inputs, {}) for cell in CELLS for inputs in (8, 5)] + [(cell, 8, {"residual": True}) for cell in STACKS],
)
def test_a_cell_computes_what_its_paper_says(cell: CellName, inputs: int, how: dict[str, bool]) -> None:
    module = recurrence(cell, inputs, **how)
    x, first = torch.randn(2, 9, inputs).double(), begin(module, 2)
    y, last = module(x, first)
    weights = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    for sentence in range(2):
        state = [part[sentence].numpy() for part in first]
        for t in range(9):
            expected, state = STEPS[cell](weights, x[sentence, t].numpy(), state, **how)
            np.testing.assert_allclose(y[sentence, t].detach().numpy(), expected, rtol=1e-9, atol=1e-12)
        for part, expected in zip(last, state, strict=True):
            np.testing.assert_allclose(part[sentence].detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_the_gradient_is_that_of_finite_differences(cell: CellName) -> None:
    """By the input, the first state, and every weight."""
    module = recurrence(cell, 5)
    state = tuple(part.requires_grad_(part.shape[1] > 1) for part in begin(module, 2))
    x = torch.randn(2, 3, 5).double().requires_grad_()
    names, weights = zip(*module.named_parameters(), strict=True)

    def outputs(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        given = dict(zip(names, rest[len(state) :], strict=True))
        y, last = torch.func.functional_call(module, given, (x, rest[: len(state)]))
        return y, *(part for part in last if part.requires_grad)

    assert torch.autograd.gradcheck(outputs, (x, *state, *weights), fast_mode=True)


@pytest.mark.parametrize("cell", NAMES)
@torch.inference_mode()
def test_a_layer_never_reads_padding(cell: CellName) -> None:
    """Each sentence as if alone, whatever the padding holds; outputs in it are zero; states are those at the ends."""
    torch.manual_seed(2)
    layer = build_encoder_layer(config(cell), 0)
    lengths = torch.tensor([3, 6, 1])
    x = torch.randn(3, 6, 8)
    y, state = layer(x, lengths)
    noisy = x.clone()
    for row, length in enumerate(lengths):
        noisy[row, length:] = torch.randn(6 - int(length), 8)
        alone, alone_state = layer(x[row : row + 1, :length], lengths[row : row + 1])
        torch.testing.assert_close(y[row, :length], alone[0], rtol=0, atol=1e-6)
        assert (y[row, length:] == 0).all()
        for part, expected in zip(state, alone_state, strict=True):
            torch.testing.assert_close(part[row], expected[0], rtol=0, atol=1e-6)
    again, states = layer(noisy, lengths)
    assert torch.equal(again, y)
    assert all(map(torch.equal, states, state))


@pytest.mark.parametrize("cell", ["gru", "clockwork", "grid"])
@torch.inference_mode()
def test_the_second_direction_reads_from_the_end(cell: CellName) -> None:
    torch.manual_seed(3)
    layer = build_encoder_layer(config(cell), 0)
    assert isinstance(layer, EncoderCellLayer)
    layer.directions[1].load_state_dict(layer.directions[0].state_dict())
    x, lengths = torch.randn(1, 5, 8), torch.tensor([5])
    y, _ = layer(x, lengths)
    mirrored, _ = layer(x.flip(1), lengths)
    torch.testing.assert_close(y[..., 4:], mirrored.flip(1)[..., :4], rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", [name for name in CELLS if CELLS[name].forget_gate])
def test_forget_gates_begin_as_open_as_asked(cell: CellName) -> None:
    """Of all weights, the biases of forget gates alone depend on it."""
    layers = 2 if CELLS[cell].stacked else 1
    found = []
    for bias in (1.0, 3.0):
        torch.manual_seed(4)
        [layer] = build_decoder_layers(config(cell, forget_bias=bias), 8, layers)
        found.append(dict(layer.named_parameters()))
    changed = torch.cat([(found[1][name] - found[0][name]).flatten() for name in found[0]])
    assert changed.unique().tolist() == [0.0, 2.0]
    assert (changed == 2).sum() == 8 * layers * (2 if cell == "grid" else 1)


@pytest.mark.parametrize("cell", [name for name in NAMES if CELLS[name].recurrent_matrix])
def test_weight_drop_thins_what_hears_of_the_step_before(cell: CellName) -> None:
    torch.manual_seed(5)
    [layer] = build_decoder_layers(config(cell, weight_drop=0.5), 8, 2 if CELLS[cell].stacked else 1)
    assert isinstance(layer, DecoderCellLayer)
    sizes = layer.cell.equations.state_sizes
    x, state = torch.randn(64, 3, 8), tuple(torch.randn(64, n) * (n > 1) for n in sizes)  # a clock is at zero
    used = layer.eval()(x, state)[0]
    assert not torch.allclose(layer.train()(x, state)[0], used)
    layer(x, state)[0].sum().backward()
    zeros = {
        name: (p.grad == 0).float().mean().item() for name, p in layer.cell.named_parameters() if p.grad is not None
    }
    matrices = [share for name, share in zeros.items() if name.startswith("recurrent") and "_bias" not in name]
    assert 0.3 < max(matrices) < 0.8
    assert all(share == 0 for name, share in zeros.items() if name.startswith(("input", "bias")))


@pytest.mark.parametrize("cell", STACKS)
def test_inside_of_a_stack_locked_masks_last_for_a_sentence(cell: CellName) -> None:
    """The output's own mask shows: it is the same at every step, and another one for each direction."""
    torch.manual_seed(6)
    settings = config(cell, dropout=0.5, locked_dropout=True, attention="none", width=64)
    network = build_network(settings, 20, 20, shared=True, seed=1).train()
    encoded = network.encoder(torch.tensor([[5, 6, 7, 3]] * 8), torch.tensor([4] * 8))
    dropped = encoded.memory == 0
    assert 0.3 < dropped.float().mean() < 0.7
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[..., :32], dropped[..., 32:])
