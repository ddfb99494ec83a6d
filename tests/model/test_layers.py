"""What is dropped in training: how much, what together, and that nothing is dropped in use."""

import pytest
import torch

from nmt.config.model import ModelConfig
from nmt.model.layers import Dropout, WordDropout
from nmt.model.recurrent_layers import DecoderLSTMLayer, EncoderLSTMLayer
from nmt.model.seq2seq import build_network


def test_dropout_keeps_the_mean_and_the_share() -> None:
    torch.manual_seed(1)
    y = Dropout(0.3)(torch.ones(400, 500))
    assert (y == 0).float().mean().item() == pytest.approx(0.3, abs=0.005)
    assert y.mean().item() == pytest.approx(1, abs=0.01)


def test_locked_dropout_drops_the_same_in_all_places_of_a_sentence() -> None:
    torch.manual_seed(1)
    y = Dropout(0.5, locked=True)(torch.ones(3, 7, 64))
    assert torch.equal(y, y[:, :1].expand_as(y))
    assert not torch.equal(y[0], y[1])


def test_word_dropout_drops_whole_places() -> None:
    torch.manual_seed(1)
    y = WordDropout(0.5)(torch.ones(3, 50, 8))
    assert torch.equal(y, y[..., :1].expand_as(y))
    assert 0.3 < (y == 0).float().mean().item() < 0.7


@pytest.mark.parametrize("probability", [0.0, 0.4])
def test_weight_drop_thins_the_recurrent_weights_alone(probability: float) -> None:
    """With no memory of the step before, thinned recurrent weights change nothing at the first step."""
    torch.manual_seed(1)
    layer = DecoderLSTMLayer(8, 16, probability)
    x, state = torch.randn(2, 5, 8), (torch.zeros(2, 16), torch.zeros(2, 16))
    used = layer.eval()(x, state)[0]
    thinned, _ = layer.train()(x, state)
    torch.testing.assert_close(thinned[:, 0], used[:, 0])
    assert torch.allclose(thinned[:, -1], used[:, -1]) == (probability == 0)
    before = layer.lstm.weight_hh_l0.detach().clone()
    thinned.sum().backward()
    assert torch.equal(layer.lstm.weight_hh_l0, before)
    dropped = (layer.lstm.weight_hh_l0.grad == 0).float().mean().item()
    assert dropped == pytest.approx(probability, abs=0.06)


def test_weight_drop_thins_both_directions() -> None:
    torch.manual_seed(1)
    layer = EncoderLSTMLayer(8, 32, 0.5)
    y, _ = layer(torch.randn(2, 5, 8), torch.tensor([5, 3]))
    y.sum().backward()
    for gradient in (layer.lstm.weight_hh_l0.grad, layer.lstm.weight_hh_l0_reverse.grad):
        assert (gradient == 0).float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert (layer.lstm.weight_ih_l0.grad != 0).all()


@pytest.mark.parametrize("design", [{}, {"input_feeding": True}, {"design": "classic"}], ids=str)
@pytest.mark.parametrize("locked", [False, True])
def test_whatever_is_dropped_in_training_is_whole_in_use(design: dict[str, object], locked: bool) -> None:
    config = ModelConfig(
        width=16, encoder_layers=2, decoder_layers=2, heads=2, dropout=0.4, word_dropout=0.2, locked_dropout=locked,
        weight_drop=0.0 if "input_feeding" in design else 0.3, **design,
    )  # fmt: skip
    network = build_network(config, 20, 20, shared=True, seed=1)
    batch = torch.tensor([[5, 6, 7, 3]]), torch.tensor([4]), torch.tensor([[2, 8, 9]])
    training = [network.train()(*batch)[0] for _ in range(2)]
    assert not torch.equal(*training)
    using = [network.eval()(*batch)[0] for _ in range(2)]
    assert torch.equal(*using)
    plain = build_network(config.model_copy(update={"dropout": 0.0}), 20, 20, shared=True, seed=1).eval()
    assert torch.equal(using[0], plain(*batch)[0])


@pytest.mark.parametrize("input_feeding", [False, True])
def test_classic_layers_have_masks_of_their_own_when_locked(input_feeding: bool) -> None:
    """In a loop over steps too: the same mask at every step, another one for each layer."""
    config = ModelConfig(
        design="classic", width=64, encoder_layers=1, decoder_layers=2, dropout=0.5, locked_dropout=True,
        attention="dot", input_feeding=input_feeding,
    )  # fmt: skip
    decoder = build_network(config, 20, 20, shared=True, seed=1).train().decoder
    seen: list[list[torch.Tensor]] = [[], []]
    for layer, module in enumerate(decoder.layers):
        module.register_forward_hook(lambda _, inputs, output, layer=layer: seen[layer].append(inputs[0]))
    network = build_network(config, 20, 20, shared=True, seed=1).train()
    network.decoder = decoder
    network(torch.tensor([[5, 6, 7, 3]]), torch.tensor([4]), torch.tensor([[2, 8, 9, 10]]))
    dropped = torch.cat(seen[1], dim=1) == 0  # what the second layer reads is the first one's output
    assert 0.3 < dropped.float().mean() < 0.7
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
