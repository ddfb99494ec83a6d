"""Decoding step by step agrees with decoding whole sequences."""

import pytest
import torch

from nmt.config.model import ModelConfig
from nmt.model.seq2seq import Seq2Seq, build_network

VOCABULARY = 50
DESIGNS = [
    {"attention": attention, "input_feeding": feeding, "reverse_source": reverse}
    for attention in ("none", "dot", "additive", "multihead")
    for feeding in (False, True)
    for reverse in (False, True)
    if not (attention == "none" and feeding)
] + [
    {"design": "classic", "attention": "none", "bidirectional_layers": 0, "reverse_source": True},
    {"design": "classic", "attention": "dot", "bidirectional_layers": 1},
    {"design": "classic", "attention": "additive", "residual": True, "input_feeding": True},
    {"design": "blocks", "attention": "dot", "bidirectional_layers": 1},
]


def network(**design: object) -> Seq2Seq:
    config = ModelConfig(width=32, encoder_layers=2, decoder_layers=3, heads=4, **design)
    return build_network(config, VOCABULARY, VOCABULARY, shared_vocab=True, seed=1).eval()


def random_batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    lengths = torch.tensor([7, 3, 5])
    source = torch.randint(4, VOCABULARY, (3, 7), generator=generator)
    source = source.masked_fill(torch.arange(7) >= lengths[:, None], 0)
    return source, lengths, torch.randint(4, VOCABULARY, (3, 6), generator=generator)


@pytest.mark.parametrize("design", DESIGNS, ids=str)
@torch.inference_mode()
def test_steps_agree_with_whole_sequences(design: dict[str, object]) -> None:
    net = network(**design)
    source, lengths, target = random_batch()
    hidden, attention = net(source, lengths, target)
    expected = (hidden @ net.output.T).log_softmax(-1)
    memory, state = net.encode(source, lengths)
    for step in range(target.shape[1]):
        scores, state, weights = net.step(target[:, step], memory, state)
        torch.testing.assert_close(scores, expected[:, step], rtol=0, atol=2e-5)
        if attention is not None:
            torch.testing.assert_close(weights, attention[:, step], rtol=0, atol=2e-6)


@pytest.mark.parametrize("design", DESIGNS, ids=str)
@torch.inference_mode()
def test_padding_is_never_read(design: dict[str, object]) -> None:
    net = network(**design)
    source, lengths, target = random_batch()
    together, _ = net(source, lengths, target)
    for row, length in enumerate(lengths):
        alone, _ = net(source[row : row + 1, :length], lengths[row : row + 1], target[row : row + 1])
        torch.testing.assert_close(together[row], alone[0], rtol=0, atol=1e-5)
        noisy = source.clone()
        noisy[row, length:] = 9
        with_noise, _ = net(noisy, lengths, target)
        assert torch.equal(with_noise, together)


@torch.inference_mode()
def test_rows_of_a_sentence_share_its_memory() -> None:
    net = network(attention="multihead")
    source, lengths, target = random_batch()
    memory, state = net.encode(source, lengths)
    alone, _, _ = net.step(target[:, 0], memory, state)
    rows = tuple(tensor.repeat_interleave(2, dim=0) for tensor in state)
    doubled, _, weights = net.step(target[:, 0].repeat_interleave(2), memory, rows)
    torch.testing.assert_close(doubled, alone.repeat_interleave(2, dim=0), rtol=0, atol=1e-5)
    assert weights is not None
    assert weights.shape == (6, 7)


@torch.inference_mode()
def test_reverse_source_encodes_the_mirrored_sentence() -> None:
    """End of sentence stays last, and the memory is in the order of the source."""
    forward, backward = network(reverse_source=False), network(reverse_source=True)
    backward.load_state_dict(forward.state_dict())
    source, lengths = torch.tensor([[5, 6, 7, 3]]), torch.tensor([4])
    mirrored = torch.tensor([[7, 6, 5, 3]])
    straight = forward.encoder(mirrored, lengths)
    reversed_ = backward.encoder(source, lengths)
    torch.testing.assert_close(reversed_.memory, straight.memory[:, [2, 1, 0, 3]], rtol=0, atol=1e-6)
