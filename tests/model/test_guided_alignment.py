"""Guided alignment: the loss and its gradient against naive loops, and its effect on the alignment head."""

import pytest
import torch

from nmt.config.model import ModelConfig
from nmt.model.guided_alignment import AlignmentLinks, alignment_loss
from nmt.model.seq2seq import TranslationBatch, build_network

LINKS = {(0, 0): [1, 2], (0, 1): [0], (1, 2): [0, 1, 2]}
"""(sentence, target position) -> source positions."""


def alignment_links() -> AlignmentLinks:
    flat = [(b, t, s, 1 / len(sources)) for (b, t), sources in LINKS.items() for s in sources]
    sentences, targets, sources, shares = zip(*flat, strict=True)
    return AlignmentLinks(torch.tensor(sentences), torch.tensor(targets), torch.tensor(sources), torch.tensor(shares))


def test_loss_and_gradient_equal_cross_entropy() -> None:
    scores = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    alignment_loss(scores.softmax(dim=2), alignment_links()).backward()
    expected_gradient = torch.zeros_like(scores)
    expected = torch.zeros(())
    for (b, t), sources in LINKS.items():
        reference = torch.zeros(4)
        reference[sources] = 1 / len(sources)
        expected -= (reference * scores[b, t].detach().log_softmax(dim=0)).sum()
        expected_gradient[b, t] = scores[b, t].detach().softmax(dim=0) - reference
    torch.testing.assert_close(alignment_loss(scores.softmax(dim=2), alignment_links()).detach(), expected)
    torch.testing.assert_close(scores.grad, expected_gradient)


def test_an_attention_of_zero_has_a_finite_loss() -> None:
    weights = torch.tensor([[[1.0, 0.0]]], requires_grad=True)
    one = AlignmentLinks(*(torch.tensor([i]) for i in (0, 0, 1)), torch.tensor([1.0]))
    loss = alignment_loss(weights, one)
    loss.backward()
    assert loss.isfinite()
    assert weights.grad.isfinite().all()


@pytest.mark.parametrize(
    "design", [{}, {"input_feeding": True}, {"attention": "dot"}, {"attention": "additive"}], ids=str
)
def test_training_moves_the_alignment_head_to_the_linked_positions(design: dict[str, object]) -> None:
    """All target positions are linked to the second source position."""
    config = ModelConfig(
        width=16, encoder_layers=1, decoder_layers=2, heads=2, dropout=0.0, alignment_head=True, **design
    )
    network = build_network(config, 20, 20, shared_vocab=True, seed=1)
    source, lengths, target_in = torch.tensor([[5, 6, 7, 3]]), torch.tensor([4]), torch.tensor([[2, 8, 9]])
    batch = TranslationBatch(source, lengths, target_in, torch.tensor([8, 9, 3]), torch.arange(3))
    all_second = AlignmentLinks(
        torch.zeros(3, dtype=torch.long), torch.arange(3), torch.ones(3, dtype=torch.long), torch.ones(3)
    )
    optimiser = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(40):
        optimiser.zero_grad()
        network.loss(batch._replace(links=all_second)).alignment.backward()
        optimiser.step()
    _, attention = network(source, lengths, target_in)
    assert (attention[0, :, 1] > 0.9).all()
    assert network.loss(batch).alignment == 0
