"""Layers that the encoder and the decoder share.

Shapes: B sentences, T sequence length, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Dropout with masks that are cheap to draw on the CPU, where torch's dropout takes a fifth of a training step.

    On the CPU, eight mask elements come from one random 64-bit integer. The probability is therefore rounded to a
    multiple of 1/256; outputs are scaled by the rounded probability, so their expectation is exact.
    """

    def __init__(self, probability: float, locked: bool = False) -> None:
        """``locked`` uses one mask for all positions of a sentence (Gal & Ghahramani 2016)."""
        super().__init__()
        self.probability, self.locked = probability, locked

    def forward(self, x: Tensor) -> Tensor:
        """Apply dropout in training mode to x [B, T, D], or to x of any shape if the dropout is not locked."""
        if not self.training or self.probability == 0.0:
            return x
        if self.locked:
            return x * self.draw_mask(x[:, :1])
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.probability)
        return x * self.draw_mask(x)

    def draw_mask(self, like: Tensor) -> Tensor:
        """Return factors of the shape of ``like``: 0 or 1/(1 - p) in training mode, otherwise 1."""
        if not self.training or self.probability == 0.0:
            return torch.ones_like(like)
        if like.device.type != "cpu":
            return nn.functional.dropout(torch.ones_like(like), self.probability)
        dropped = min(round(self.probability * 256), 255)
        draws = torch.empty(-(-like.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = draws.view(torch.uint8)[: like.numel()].view(like.shape) >= dropped
        return kept.to(like.dtype).mul_(256 / (256 - dropped))

    def extra_repr(self) -> str:
        """Return the settings for `repr`."""
        return f"p={self.probability}" + (", locked" if self.locked else "")


class WordDropout(Dropout):
    """Dropout of whole token embeddings (Sennrich, Haddow & Birch 2016, "Edinburgh")."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply dropout to the embeddings x [B, T, D] in training mode."""
        return x * self.draw_mask(x[..., :1]) if self.training and self.probability else x


class FeedForward(nn.Module):
    """Position-wise feed-forward network: two linear layers with a ReLU between them."""

    def __init__(self, width: int, inner_width: int, dropout: float) -> None:
        super().__init__()
        self.widen = nn.Linear(width, inner_width)
        self.narrow = nn.Linear(inner_width, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., D] to [..., D]."""
        y: Tensor = self.narrow(self.dropout(self.widen(x).relu()))
        return y


class ScaledEmbedding(nn.Embedding):
    """Embedding with weights small enough to be tied to an output layer, and outputs scaled to unit variance."""

    def __init__(self, vocab_size: int, width: int) -> None:
        super().__init__(vocab_size, width)
        nn.init.normal_(self.weight, std=width**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """Map ids [...] to vectors [..., D]."""
        return super().forward(ids) * math.sqrt(self.embedding_dim)
