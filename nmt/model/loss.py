"""Cross-entropy over a large vocabulary, with its gradient, a chunk at a time.

N target pieces, D width, V vocabulary. The plain way keeps the logits [N, V] and several tensors of that size for the
backward pass; here the gradient of a chunk is made while its logits are at hand, so that memory and cache hold one
chunk. (The idea is that of fused linear cross-entropy, e.g. Hsu et al. 2024, "Liger Kernel".)
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

_CHUNK = 512  # pieces; times 8,000 of a vocabulary, 16 MB in fp32


class _FusedCrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, learning: bool
    ) -> tuple[Tensor, Tensor]:
        device = hidden.device.type
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        vocabulary = weight.shape[0]
        cast_weight = weight.to(dtype)
        hidden_grad = torch.empty_like(hidden) if learning else None
        weight_grad = torch.zeros_like(weight) if learning else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        negative_log_likelihood = torch.zeros_like(loss)
        with torch.autocast(device, enabled=False):
            for start in range(0, len(hidden), _CHUNK):
                chunk = hidden[start : start + _CHUNK].to(dtype)
                target = targets[start : start + _CHUNK].unsqueeze(1)
                scores = (chunk @ cast_weight.T).float().log_softmax(dim=1)
                nll = -scores.gather(1, target).sum()
                negative_log_likelihood += nll
                # Smoothing mixes in the uniform distribution over the vocabulary (Szegedy et al. 2016).
                uniform = -scores.mean(dim=1).sum() if smoothing else 0.0
                loss += (1 - smoothing) * nll + smoothing * uniform
                if hidden_grad is None or weight_grad is None:
                    continue
                gradient = scores.exp_()
                if smoothing:
                    gradient -= smoothing / vocabulary
                gradient.scatter_add_(1, target, gradient.new_full(target.shape, smoothing - 1))
                gradient = gradient.to(dtype)
                hidden_grad[start : start + _CHUNK] = gradient @ cast_weight
                weight_grad += gradient.T @ chunk
        ctx.mark_non_differentiable(negative_log_likelihood)
        if learning:
            ctx.save_for_backward(hidden_grad, weight_grad)
        return loss, negative_log_likelihood

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors
        return hidden_grad * grads[0].to(hidden_grad.dtype), weight_grad * grads[0], None, None, None


def smoothed_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Label-smoothed cross-entropy of hidden [N, D] against targets [N] under output weights [V, D].

    Gives two sums over N, in nats: the loss, which has a gradient, and the plain negative log-likelihood.
    """
    learning = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)
    sums = _FusedCrossEntropy.apply(hidden, weight, targets, smoothing, learning)  # type: ignore[no-untyped-call]
    return cast(tuple[Tensor, Tensor], sums)
