"""Cross-entropy over a large vocabulary, with its gradient, a chunk at a time.

N target pieces, D width, V vocabulary. The plain way keeps the logits [N, V] and several tensors of that size for the
backward pass; here the gradient of a chunk is made while its logits are at hand, so that memory and cache hold one
chunk. (The idea is that of fused linear cross-entropy, e.g. Hsu et al. 2024, "Liger Kernel".)
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

_CHUNK = 512  # pieces; times 8,000 of a vocabulary, 16 MB in fp32: what the CPU's cache may hold
_LOGITS_ON_GPU = 2**25  # pieces times vocabulary: 128 MB are little there, and each kernel costs the host microseconds


class _FusedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, r_drop: float, learning: bool
    ) -> tuple[Tensor, Tensor]:
        device = hidden.device.type
        size = _CHUNK if device == "cpu" else max(_CHUNK, _LOGITS_ON_GPU // len(weight))
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        cast_weight = weight.to(dtype)
        hidden_grad = torch.empty_like(hidden) if learning else None
        weight_grad = torch.zeros_like(weight) if learning else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        negative_log_likelihood = torch.zeros_like(loss)
        passes = 2 if r_drop else 1
        with torch.autocast(device, enabled=False):
            for start in range(0, len(targets), size):
                target = targets[start : start + size].unsqueeze(1)
                chunks = [part[start : start + size].to(dtype) for part in hidden.chunk(passes)]
                scores = [(chunk @ cast_weight.T).float().log_softmax(dim=1) for chunk in chunks]
                nats = [_smoothed(of_pass, target, smoothing) for of_pass in scores]
                loss += sum(smoothed for smoothed, _ in nats) / passes
                negative_log_likelihood += sum(plain for _, plain in nats) / passes
                apart = _divergence(*scores) if r_drop else None
                if apart is not None:
                    loss += r_drop * apart.loss
                if hidden_grad is None or weight_grad is None:
                    continue
                for i, (chunk, grad) in enumerate(zip(chunks, hidden_grad.chunk(passes), strict=True)):
                    gradient = _gradient(scores[i], target, smoothing) / passes
                    if apart is not None:
                        gradient += r_drop * apart.gradients[i]
                    gradient = gradient.to(dtype)
                    grad[start : start + size] = gradient @ cast_weight
                    weight_grad += gradient.T @ chunk
        ctx.mark_non_differentiable(negative_log_likelihood)
        if learning:
            ctx.save_for_backward(hidden_grad, weight_grad)
        return loss, negative_log_likelihood

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors
        return hidden_grad * grads[0].to(hidden_grad.dtype), weight_grad * grads[0], None, None, None, None


class _Divergence(NamedTuple):
    """How far two distributions are apart."""

    loss: Tensor
    gradients: tuple[Tensor, Tensor]
    """Of the logits of each, [chunk, V]."""


def _smoothed(scores: Tensor, target: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """The smoothed and the plain loss of log-probabilities [chunk, V] against ids [chunk, 1], summed."""
    plain = -scores.gather(1, target).sum()
    if not smoothing:
        return plain, plain
    # Smoothing mixes in the uniform distribution over the vocabulary (Szegedy et al. 2016).
    return (1 - smoothing) * plain - smoothing * scores.mean(dim=1).sum(), plain


def _gradient(scores: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Of the smoothed loss, with respect to the logits [chunk, V]; made of the scores, in their place."""
    gradient = scores.exp_()
    if smoothing:
        gradient -= smoothing / scores.shape[1]
    return gradient.scatter_add_(1, target, gradient.new_full(target.shape, smoothing - 1))


def _divergence(first: Tensor, second: Tensor) -> _Divergence:
    """The mean of the Kullback-Leibler divergences of log-probabilities [chunk, V], one way and the other, summed."""
    p, q, difference = first.exp(), second.exp(), first - second
    there = (p * difference).sum(dim=1, keepdim=True)
    back = -(q * difference).sum(dim=1, keepdim=True)
    towards = p - q
    gradients = (p * (difference - there) + towards) / 2, (q * (-difference - back) - towards) / 2
    return _Divergence((there + back).sum() / 2, gradients)


def smoothed_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, r_drop: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Label-smoothed cross-entropy of hidden [N, D] against targets [N] under output weights [V, D].

    With ``r_drop``, hidden [2N, D] holds two passes, one after the other: the loss is the mean over both, plus so many
    times the mean of their divergences from each other (Liang et al. 2021, "R-Drop").

    Gives two sums over N, in nats: the loss, which has a gradient, and the plain negative log-likelihood.
    """
    learning = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)
    sums = _FusedCrossEntropy.apply(hidden, weight, targets, smoothing, r_drop, learning)  # type: ignore[no-untyped-call]
    return cast(tuple[Tensor, Tensor], sums)
