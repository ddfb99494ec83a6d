"""Fused cross-entropy against torch's own."""

import pytest
import torch

from nmt.model import loss


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [3, 512])
def test_loss_and_gradients_equal_those_of_torch(smoothing: float, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss, "_CHUNK_TOKENS", chunk)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(10, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 11, (10,), generator=generator)
    # The sums are in fp32 even for inputs in double precision: the tolerance of values is that of fp32.
    smoothed, plain = loss.smoothed_cross_entropy(hidden, weight, targets, smoothing)
    (smoothed / 7).backward()
    got = hidden.grad.clone(), weight.grad.clone()
    hidden.grad = weight.grad = None
    logits = hidden @ weight.T
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)
    (expected / 7).backward()
    torch.testing.assert_close(smoothed, expected.float(), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(
        plain, torch.nn.functional.cross_entropy(logits, targets, reduction="sum").float(), rtol=1e-6, atol=1e-5
    )
    torch.testing.assert_close(got[0], hidden.grad, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(got[1], weight.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("chunk", [3, 512])
def test_r_drop_adds_the_symmetric_divergence_to_the_mean_loss(
    smoothing: float, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loss, "_CHUNK_TOKENS", chunk)
    generator = torch.Generator().manual_seed(1)
    hidden = torch.randn(20, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(11, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    targets = torch.randint(0, 11, (10,), generator=generator)
    smoothed, plain = loss.smoothed_cross_entropy(hidden, weight, targets, smoothing, r_drop=0.7)
    (smoothed / 7).backward()
    got = hidden.grad.clone(), weight.grad.clone()
    hidden.grad = weight.grad = None

    def cross_entropy(logits: torch.Tensor, smoothing: float) -> torch.Tensor:
        return torch.nn.functional.cross_entropy(logits, targets, reduction="sum", label_smoothing=smoothing)

    one, other = (half @ weight.T for half in hidden.chunk(2))
    p, q = one.log_softmax(1), other.log_softmax(1)
    divergence = [torch.nn.functional.kl_div(a, b, reduction="sum", log_target=True) for a, b in ((p, q), (q, p))]
    expected = (cross_entropy(one, smoothing) + cross_entropy(other, smoothing)) / 2 + 0.7 * sum(divergence) / 2
    (expected / 7).backward()
    torch.testing.assert_close(smoothed, expected.float(), rtol=1e-6, atol=1e-5)
    mean = (cross_entropy(one, 0.0) + cross_entropy(other, 0.0)) / 2
    torch.testing.assert_close(plain, mean.float(), rtol=1e-6, atol=1e-5)
    torch.testing.assert_close(got[0], hidden.grad, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(got[1], weight.grad, rtol=1e-5, atol=1e-6)


def test_no_gradient_is_computed_without_grad_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the logits are needed: one matrix product instead of three."""
    products = []
    product = torch.Tensor.__matmul__
    monkeypatch.setattr(torch.Tensor, "__matmul__", lambda a, b: products.append(1) or product(a, b))
    hidden, weight = torch.randn(4, 3), torch.randn(5, 3, requires_grad=True)
    with torch.no_grad():
        loss.smoothed_cross_entropy(hidden, weight, torch.tensor([0, 1, 2, 3]), 0.1)
    assert len(products) == 1
