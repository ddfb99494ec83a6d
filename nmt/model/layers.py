"""Parts that encoder and decoder share."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Dropout whose masks are cheap on the CPU, where drawing them took a fifth of a training step.

    There a mask is made of random bytes, eight a draw, so the probability is rounded to a multiple of 1/256; the
    scale is that of the rounded one, and the expectation exact.
    """

    def __init__(self, probability: float, locked: bool = False) -> None:
        """``locked`` draws one mask a sentence, for all its places (Gal & Ghahramani 2016)."""
        super().__init__()
        self.probability, self.locked = probability, locked

    def forward(self, x: Tensor) -> Tensor:
        """X [B, places, D] or, when not locked, of any shape; the identity outside training."""
        if not self.training or self.probability == 0.0:
            return x
        if self.locked:
            return x * self.mask(x[:, :1])
        if x.device.type != "cpu":
            return nn.functional.dropout(x, self.probability)
        return x * self.mask(x)

    def mask(self, like: Tensor) -> Tensor:
        """What keeps or drops each number of a tensor: a scale or zero, and ones outside training."""
        if not self.training or self.probability == 0.0:
            return torch.ones_like(like)
        if like.device.type != "cpu":
            return nn.functional.dropout(torch.ones_like(like), self.probability)
        dropped = min(round(self.probability * 256), 255)
        draws = torch.empty(-(-like.numel() // 8), dtype=torch.int64).random_(-(2**63), None)
        kept = draws.view(torch.uint8)[: like.numel()].view(like.shape) >= dropped
        return kept.to(like.dtype).mul_(256 / (256 - dropped))

    def extra_repr(self) -> str:
        """The settings, for the printed network."""
        return f"p={self.probability}" + (", locked" if self.locked else "")


class WordDropout(Dropout):
    """Drops whole pieces: all numbers of a place together (Sennrich, Haddow & Birch 2016, "Edinburgh")."""

    def forward(self, x: Tensor) -> Tensor:
        """[B, places, D]; the identity outside training."""
        return x * self.mask(x[..., :1]) if self.training and self.probability else x


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between, at each place by itself."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.widen = nn.Linear(width, inner)
        self.narrow = nn.Linear(inner, width)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """[…, D] to [..., D]."""
        y: Tensor = self.narrow(self.dropout(self.widen(x).relu()))
        return y


class ScaledEmbedding(nn.Embedding):
    """Embeddings that start small enough to be an output layer too, and are scaled up to unit variance as inputs."""

    def __init__(self, vocabulary: int, width: int) -> None:
        super().__init__(vocabulary, width)
        nn.init.normal_(self.weight, std=width**-0.5)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids […] to vectors [..., D]."""
        return super().forward(ids) * math.sqrt(self.embedding_dim)
