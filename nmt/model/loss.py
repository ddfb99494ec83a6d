"""Cross-entropy over a large vocabulary, computed with its gradient in chunks of tokens.

The plain implementation keeps the logits [N, V] and several tensors of that size for the backward pass. Here the
gradient of a chunk is computed together with its logits, so only one chunk is in memory at a time. Liger Kernel (Hsu et
al. 2024) calls this method fused linear cross-entropy.

Shapes: N target tokens, D width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

_CHUNK_TOKENS = 512  # times 8,000 tokens of vocabulary: 16 MB in fp32, which fits the CPU's cache
_GPU_CHUNK_LOGITS = 2**25  # tokens × vocabulary; 128 MB. Larger chunks save kernel launches.


class _FusedCrossEntropy(torch.autograd.Function):
    """Label-smoothed cross-entropy of a linear output layer; see `smoothed_cross_entropy`."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, r_drop: float, with_grad: bool
    ) -> tuple[Tensor, Tensor]:
        device = hidden.device.type
        chunk_size = _CHUNK_TOKENS if device == "cpu" else max(_CHUNK_TOKENS, _GPU_CHUNK_LOGITS // len(weight))
        dtype = torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        cast_weight = weight.to(dtype)
        hidden_grad = torch.empty_like(hidden) if with_grad else None
        weight_grad = torch.zeros_like(weight) if with_grad else None
        loss = hidden.new_zeros((), dtype=torch.float32)
        negative_log_likelihood = torch.zeros_like(loss)
        passes = 2 if r_drop else 1
        with torch.autocast(device, enabled=False):
            for start in range(0, len(targets), chunk_size):
                target = targets[start : start + chunk_size].unsqueeze(1)
                chunks = [part[start : start + chunk_size].to(dtype) for part in hidden.chunk(passes)]
                scores = [(chunk @ cast_weight.T).float().log_softmax(dim=1) for chunk in chunks]
                losses = [_chunk_loss(pass_scores, target, smoothing) for pass_scores in scores]
                loss += sum(smoothed for smoothed, _ in losses) / passes
                negative_log_likelihood += sum(nll for _, nll in losses) / passes
                divergence = _symmetric_kl_divergence(*scores) if r_drop else None
                if divergence is not None:
                    loss += r_drop * divergence.loss
                if hidden_grad is None or weight_grad is None:
                    continue
                for i, (chunk, grad) in enumerate(zip(chunks, hidden_grad.chunk(passes), strict=True)):
                    gradient = _logit_gradient_(scores[i], target, smoothing) / passes
                    if divergence is not None:
                        gradient += r_drop * divergence.gradients[i]
                    gradient = gradient.to(dtype)
                    grad[start : start + chunk_size] = gradient @ cast_weight
                    weight_grad += gradient.T @ chunk
        ctx.mark_non_differentiable(negative_log_likelihood)
        if with_grad:
            ctx.save_for_backward(hidden_grad, weight_grad)
        return loss, negative_log_likelihood

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        hidden_grad, weight_grad = ctx.saved_tensors
        return hidden_grad * grads[0].to(hidden_grad.dtype), weight_grad * grads[0], None, None, None, None


class _KLDivergence(NamedTuple):
    """Symmetric Kullback-Leibler divergence of two distributions, with its gradients."""

    loss: Tensor
    gradients: tuple[Tensor, Tensor]
    """Gradients with respect to the logits [chunk, V] of each distribution."""


def _chunk_loss(scores: Tensor, target: Tensor, smoothing: float) -> tuple[Tensor, Tensor]:
    """Return the label-smoothed loss (Szegedy et al. 2016) and the negative log-likelihood, summed over a chunk.

    ``scores`` are log-probabilities [chunk, V], ``target`` ids [chunk, 1].
    """
    nll = -scores.gather(1, target).sum()
    if not smoothing:
        return nll, nll
    return (1 - smoothing) * nll - smoothing * scores.mean(dim=1).sum(), nll


def _logit_gradient_(scores: Tensor, target: Tensor, smoothing: float) -> Tensor:
    """Return the gradient of the smoothed loss with respect to the logits [chunk, V]; overwrites ``scores``."""
    gradient = scores.exp_()
    if smoothing:
        gradient -= smoothing / scores.shape[1]
    return gradient.scatter_add_(1, target, gradient.new_full(target.shape, smoothing - 1))


def _symmetric_kl_divergence(first: Tensor, second: Tensor) -> _KLDivergence:
    """Return the mean of both Kullback-Leibler divergences of log-probabilities [chunk, V], summed over the chunk."""
    p, q, difference = first.exp(), second.exp(), first - second
    forward_kl = (p * difference).sum(dim=1, keepdim=True)
    backward_kl = -(q * difference).sum(dim=1, keepdim=True)
    excess = p - q
    gradients = (p * (difference - forward_kl) + excess) / 2, (q * (-difference - backward_kl) - excess) / 2
    return _KLDivergence((forward_kl + backward_kl).sum() / 2, gradients)


def smoothed_cross_entropy(
    hidden: Tensor, weight: Tensor, targets: Tensor, smoothing: float, r_drop: float = 0.0
) -> tuple[Tensor, Tensor]:
    """Return the label-smoothed cross-entropy of a linear output layer, optionally with R-Drop (Liang et al. 2021).

    Args:
        hidden: outputs of the network [N, D]; with R-Drop [2N, D], first those of one pass, then those of the other.
        weight: output layer [V, D].
        targets: ids [N].
        smoothing: weight of the uniform distribution in label smoothing.
        r_drop: weight of the divergence between the two passes, which is added to the mean of their cross-entropies.

    Returns:
        Two sums over the tokens, in nats: the loss, which has a gradient, and the negative log-likelihood.
    """
    with_grad = torch.is_grad_enabled() and (hidden.requires_grad or weight.requires_grad)
    sums = _FusedCrossEntropy.apply(hidden, weight, targets, smoothing, r_drop, with_grad)  # type: ignore[no-untyped-call]
    return cast(tuple[Tensor, Tensor], sums)
