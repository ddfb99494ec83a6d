"""Dropout: rates and shapes of masks in training, and no effect in evaluation mode."""

import pytest
import torch

from nmt.config.model import ModelConfig
from nmt.model.layers import Dropout, WordDropout
from nmt.model.recurrent_layers import DecoderLSTMLayer, EncoderLSTMLayer
from nmt.model.seq2seq import build_network


def test_dropout_keeps_the_mean_and_drops_the_given_share() -> None:
    torch.manual_seed(1)
    y = Dropout(0.3)(torch.ones(400, 500))
    assert (y == 0).float().mean().item() == pytest.approx(0.3, abs=0.005)
    assert y.mean().item() == pytest.approx(1, abs=0.01)


def test_locked_dropout_uses_one_mask_for_all_positions_of_a_sentence() -> None:
    torch.manual_seed(1)
    y = Dropout(0.5, locked=True)(torch.ones(3, 7, 64))
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert not torch.equal(y[0], y[1])


def test_word_dropout_drops_whole_embeddings() -> None:
    torch.manual_seed(1)
    y = WordDropout(0.5)(torch.ones(3, 50, 8))
    assert torch.equal(y, y[..., :1].expand_as(y))
    assert 0.3 < (y == 0).float().mean().item() < 0.7


@pytest.mark.parametrize("probability", [0.0, 0.4])
def test_weight_drop_drops_recurrent_weights_only(probability: float) -> None:
    """From a zero state, dropped recurrent weights do not affect the first step."""
    torch.manual_seed(1)
    layer = DecoderLSTMLayer(8, 16, probability)
    x, state = torch.randn(2, 5, 8), (torch.zeros(2, 16), torch.zeros(2, 16))
    without_dropout = layer.eval()(x, state)[0]
    dropped_out, _ = layer.train()(x, state)
    torch.testing.assert_close(dropped_out[:, 0], without_dropout[:, 0])
    assert torch.allclose(dropped_out[:, -1], without_dropout[:, -1]) == (probability == 0)
    before = layer.lstm.weight_hh_l0.detach().clone()
    dropped_out.sum().backward()
    assert torch.equal(layer.lstm.weight_hh_l0, before)
    zero_share = (layer.lstm.weight_hh_l0.grad == 0).float().mean().item()
    assert zero_share == pytest.approx(probability, abs=0.06)


def test_weight_drop_applies_to_both_directions() -> None:
    torch.manual_seed(1)
    layer = EncoderLSTMLayer(8, 32, 0.5)
    y, _ = layer(torch.randn(2, 5, 8), torch.tensor([5, 3]))
    y.sum().backward()
    for gradient in (layer.lstm.weight_hh_l0.grad, layer.lstm.weight_hh_l0_reverse.grad):
        assert (gradient == 0).float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert (layer.lstm.weight_ih_l0.grad != 0).all()


@pytest.mark.parametrize("design", [{}, {"input_feeding": True}, {"design": "classic"}], ids=str)
@pytest.mark.parametrize("locked", [False, True])
def test_evaluation_mode_disables_all_dropout(design: dict[str, object], locked: bool) -> None:
    config = ModelConfig(
        width=16, encoder_layers=2, decoder_layers=2, heads=2, dropout=0.4, word_dropout=0.2, locked_dropout=locked,
        weight_drop=0.0 if "input_feeding" in design else 0.3, **design,
    )  # fmt: skip
    network = build_network(config, 20, 20, shared_vocab=True, seed=1)
    batch = torch.tensor([[5, 6, 7, 3]]), torch.tensor([4]), torch.tensor([[2, 8, 9]])
    training = [network.train()(*batch)[0] for _ in range(2)]
    assert not torch.equal(*training)
    evaluation = [network.eval()(*batch)[0] for _ in range(2)]
    assert torch.equal(*evaluation)
    plain = build_network(config.model_copy(update={"dropout": 0.0}), 20, 20, shared_vocab=True, seed=1).eval()
    assert torch.equal(evaluation[0], plain(*batch)[0])


@pytest.mark.parametrize("input_feeding", [False, True])
def test_locked_dropout_of_classic_layers_has_one_mask_per_layer(input_feeding: bool) -> None:
    """The mask is the same at every step, also in a loop over time steps, and differs between layers."""
    config = ModelConfig(
        design="classic", width=64, encoder_layers=1, decoder_layers=2, dropout=0.5, locked_dropout=True,
        attention="dot", input_feeding=input_feeding,
    )  # fmt: skip
    decoder = build_network(config, 20, 20, shared_vocab=True, seed=1).train().decoder
    seen: list[list[torch.Tensor]] = [[], []]
    for layer, module in enumerate(decoder.layers):
        module.register_forward_hook(lambda _, inputs, output, layer=layer: seen[layer].append(inputs[0]))
    network = build_network(config, 20, 20, shared_vocab=True, seed=1).train()
    network.decoder = decoder
    network(torch.tensor([[5, 6, 7, 3]]), torch.tensor([4]), torch.tensor([[2, 8, 9, 10]]))
    dropped = torch.cat(seen[1], dim=1) == 0  # the second layer reads the output of the first
    assert 0.3 < dropped.float().mean() < 0.7
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
