"""Recurrent cells: equations against a NumPy reference, padding, directions, initial biases and dropout."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cell_reference import STEPS
from torch import Tensor

from nmt.config.cells import CELL_TRAITS, CellName
from nmt.config.model import ModelConfig
from nmt.model.cells.lstm_variants import CELLS_PER_BLOCK
from nmt.model.cells.registry import CELLS
from nmt.model.cells.rnn import CLOCKWORK_PERIODS
from nmt.model.recurrent_layers import (
    DecoderCellLayer,
    DecoderLSTMLayer,
    EncoderCellLayer,
    build_decoder_layers,
    build_encoder_layer,
)
from nmt.model.seq2seq import build_network
from nmt.model.unrolled_cell import UnrolledCell

STACKED_CELLS = [name for name, traits in CELL_TRAITS.items() if traits.stacked]


def config(cell: CellName, **settings: object) -> ModelConfig:
    design = "classic" if CELL_TRAITS[cell].stacked else "blocks"
    return ModelConfig(cell=cell, heads=2, **{"width": 8, "design": design, "dropout": 0.0, **settings})  # type: ignore[arg-type]


def random_layer(cell: CellName, input_size: int, residual: bool = False) -> UnrolledCell | DecoderLSTMLayer:
    """Create a layer, or a stack of two, in which no weight is zero, so that none can be left out unnoticed."""
    torch.manual_seed(1)
    layers = 2 if CELL_TRAITS[cell].stacked else 1
    module = (
        DecoderLSTMLayer(input_size, 8)
        if cell == "lstm"
        else UnrolledCell(config(cell, residual=residual), input_size, 8, layers)
    )
    module.double()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return module


def random_state(module: UnrolledCell | DecoderLSTMLayer, sentences: int) -> tuple[Tensor, ...]:
    """Return a random state, in which the clock of a clockwork RNN is 1."""
    sizes = module.recurrent_cell.state_sizes if isinstance(module, UnrolledCell) else [8, 8]
    return tuple(torch.ones(sentences, 1).double() if n == 1 else torch.randn(sentences, n).double() for n in sizes)


def test_all_cells_have_a_reference() -> None:
    assert set(STEPS) == set(CELL_TRAITS)


def test_the_registry_holds_every_cell_but_the_builtin_lstm() -> None:
    assert list(CELL_TRAITS) == ["lstm", *CELLS]


@pytest.mark.parametrize(
    ("cell", "input_size", "how"),
    [(cell, size, {}) for cell in CELL_TRAITS for size in (8, 5)]
    + [(cell, 8, {"residual": True}) for cell in STACKED_CELLS],
)
def test_outputs_and_states_equal_those_of_the_reference(cell: CellName, input_size: int, how: dict[str, bool]) -> None:
    module = random_layer(cell, input_size, **how)
    x, initial = torch.randn(2, 9, input_size).double(), random_state(module, 2)
    y, final = module(x, initial)
    weights = {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}
    for sentence in range(2):
        state = [tensor[sentence].numpy() for tensor in initial]
        for t in range(9):
            expected, state = STEPS[cell](weights, x[sentence, t].numpy(), state, **how)
            np.testing.assert_allclose(y[sentence, t].detach().numpy(), expected, rtol=1e-9, atol=1e-12)
        for tensor, expected in zip(final, state, strict=True):
            np.testing.assert_allclose(tensor[sentence].detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("cell", CELL_TRAITS)
def test_gradients_equal_finite_differences(cell: CellName) -> None:
    """Check the gradients with respect to the input, the initial state and every weight."""
    module = random_layer(cell, 5)
    state = tuple(tensor.requires_grad_(tensor.shape[1] > 1) for tensor in random_state(module, 2))
    x = torch.randn(2, 3, 5).double().requires_grad_()
    names, weights = zip(*module.named_parameters(), strict=True)

    def outputs(x: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        parameters = dict(zip(names, rest[len(state) :], strict=True))
        y, final = torch.func.functional_call(module, parameters, (x, rest[: len(state)]))
        return y, *(tensor for tensor in final if tensor.requires_grad)

    assert torch.autograd.gradcheck(outputs, (x, *state, *weights), fast_mode=True)


@pytest.mark.parametrize("cell", CELLS)
@torch.inference_mode()
def test_padding_is_never_read(cell: CellName) -> None:
    """Check that each sentence is encoded as if alone, with any padding, and outputs in the padding are zero."""
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
        for tensor, expected in zip(state, alone_state, strict=True):
            torch.testing.assert_close(tensor[row], expected[0], rtol=0, atol=1e-6)
    noisy_y, noisy_state = layer(noisy, lengths)
    assert torch.equal(noisy_y, y)
    assert all(map(torch.equal, noisy_state, state))


@pytest.mark.parametrize("cell", ["gru", "clockwork", "grid"])
@torch.inference_mode()
def test_the_second_direction_reads_backward(cell: CellName) -> None:
    torch.manual_seed(3)
    layer = build_encoder_layer(config(cell), 0)
    assert isinstance(layer, EncoderCellLayer)
    layer.directions[1].load_state_dict(layer.directions[0].state_dict())
    x, lengths = torch.randn(1, 5, 8), torch.tensor([5])
    y, _ = layer(x, lengths)
    mirrored, _ = layer(x.flip(1), lengths)
    torch.testing.assert_close(y[..., 4:], mirrored.flip(1)[..., :4], rtol=0, atol=1e-6)


@pytest.mark.parametrize("cell", CELL_TRAITS)
def test_forget_bias_sets_the_initial_biases_of_forget_gates_and_nothing_else(cell: CellName) -> None:
    """Cells whose traits name no forget gate do not depend on it."""
    layers = 2 if CELL_TRAITS[cell].stacked else 1
    found = []
    for bias in (1.0, 3.0) if CELL_TRAITS[cell].forget_gate else (1.0, 1.0):
        torch.manual_seed(4)
        [layer] = build_decoder_layers(config(cell, forget_bias=bias), 8, layers)
        found.append(dict(layer.named_parameters()))
    changed = torch.cat([(found[1][name] - found[0][name]).flatten() for name in found[0]])
    if CELL_TRAITS[cell].forget_gate:
        assert changed.unique().tolist() == [0.0, 2.0]
        assert (changed == 2).sum() == 8 * layers * (2 if cell == "grid" else 1)
    else:
        assert (changed == 0).all()


@pytest.mark.parametrize("cell", CELLS)
def test_the_traits_of_a_cell_agree_with_its_equations(cell: CellName) -> None:
    traits = CELL_TRAITS[cell]
    recurrent_cell = CELLS[cell](8, 8, 2, forget_bias=7.0)
    weights = recurrent_cell.weight_specs()
    initial_biases = [spec.initial for spec in weights.values() if spec.initial is not None]
    assert any((bias == 7.0).any() for bias in initial_biases) == traits.forget_gate
    recurrent = [name for name, spec in weights.items() if name.startswith("recurrent") and len(spec.shape) == 2]
    assert bool(recurrent) == traits.recurrent_matrix
    assert any(name.endswith("_1") and name.startswith("bias") for name in weights) == traits.stacked
    divisors = {"clockwork": len(CLOCKWORK_PERIODS), "memory_block": CELLS_PER_BLOCK}
    assert traits.width_divisor == divisors.get(cell, 1)


@pytest.mark.parametrize("cell", [name for name in CELLS if CELL_TRAITS[name].recurrent_matrix])
def test_weight_drop_drops_recurrent_weights_only(cell: CellName) -> None:
    torch.manual_seed(5)
    [layer] = build_decoder_layers(config(cell, weight_drop=0.5), 8, 2 if CELL_TRAITS[cell].stacked else 1)
    assert isinstance(layer, DecoderCellLayer)
    sizes = layer.cell.recurrent_cell.state_sizes
    x, state = torch.randn(64, 3, 8), tuple(torch.randn(64, n) * (n > 1) for n in sizes)  # a clock starts at zero
    without_dropout = layer.eval()(x, state)[0]
    assert not torch.allclose(layer.train()(x, state)[0], without_dropout)
    layer(x, state)[0].sum().backward()
    zero_shares = {
        name: (p.grad == 0).float().mean().item() for name, p in layer.cell.named_parameters() if p.grad is not None
    }
    matrices = [share for name, share in zero_shares.items() if name.startswith("recurrent") and "_bias" not in name]
    assert 0.3 < max(matrices) < 0.8
    assert all(share == 0 for name, share in zero_shares.items() if name.startswith(("input", "bias")))


@pytest.mark.parametrize("cell", STACKED_CELLS)
def test_locked_dropout_in_a_stack_keeps_its_mask_for_a_whole_sentence(cell: CellName) -> None:
    """The top layer's mask is visible in the output: equal at every step, different in each direction."""
    torch.manual_seed(6)
    settings = config(cell, dropout=0.5, locked_dropout=True, attention="none", width=64)
    network = build_network(settings, 20, 20, shared_vocab=True, seed=1).train()
    encoded = network.encoder(torch.tensor([[5, 6, 7, 3]] * 8), torch.tensor([4] * 8))
    dropped = encoded.memory == 0
    assert 0.3 < dropped.float().mean() < 0.7
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert not torch.equal(dropped[..., :32], dropped[..., 32:])
