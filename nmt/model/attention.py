"""How the decoder looks at the source.

Every kind has two parts: `project_memory` prepares the encoder's memory once a sentence, `forward` reads it for any number of
queries. A query is a time step in training and a hypothesis in search: the memory is never copied for either.

B sentences, Q queries a sentence, S source length, H heads, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

KeysAndValues = tuple[Tensor, Tensor]
"""What is scored against, and what is averaged; the first dimension of both is B."""


class Attention(nn.Module):
    """Base: scores in, softmax over the source, average out."""

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """Prepare the memory [B, S, D]."""
        raise NotImplementedError

    def forward(self, query: Tensor, keys: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Context [B, Q, D] and weights [B, H, Q, S] of the queries [B, Q, D]; ``mask`` [B, S] is true at words."""
        raise NotImplementedError


class DotAttention(Attention):
    """Bilinear scores, one head (Luong et al. 2015, "general")."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width, bias=False)

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """See `Attention.project_memory`."""
        return self.project(memory), memory

    def forward(self, query: Tensor, keys: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See `Attention.forward`."""
        key, value = keys
        weights = masked_softmax(query @ key.transpose(1, 2), mask.unsqueeze(1))
        return weights @ value, weights.unsqueeze(1)


class AdditiveAttention(Attention):
    """Scores by a small network, one head (Bahdanau et al. 2015)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_memory = nn.Linear(width, width, bias=False)
        self.of_query = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False)

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """See `Attention.project_memory`."""
        return self.of_memory(memory), memory

    def forward(self, query: Tensor, keys: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See `Attention.forward`; the sum of all pairs [B, Q, S, D] is what makes this kind slow."""
        key, value = keys
        pairs = torch.tanh(self.of_query(query).unsqueeze(2) + key.unsqueeze(1))
        weights = masked_softmax(self.score(pairs).squeeze(-1), mask.unsqueeze(1))
        return weights @ value, weights.unsqueeze(1)


class MultiHeadAttention(Attention):
    """Scaled dot products in H subspaces (Vaswani et al. 2017)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """KeysAndValues and values [B, H, S, D/H]."""
        key, value = self.key_value(memory).chunk(2, dim=-1)
        return self._split(key), self._split(value)

    def forward(self, query: Tensor, keys: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """See `Attention.forward`."""
        key, value = keys
        query = self._split(self.query(query)) / math.sqrt(key.shape[-1])
        weights = masked_softmax(query @ key.transpose(2, 3), mask[:, None, None])
        context = (weights @ value).transpose(1, 2).flatten(2)  # [B, H, Q, D/H] -> [B, Q, D]
        return self.output(context), weights

    def _split(self, x: Tensor) -> Tensor:
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last dimension in which only places with a true mask count."""
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1, dtype=torch.float32).to(scores.dtype)


def build_attention(kind: str, width: int, heads: int) -> Attention | None:
    """The attention of that kind; nothing for "none"."""
    match kind:
        case "none":
            return None
        case "dot":
            return DotAttention(width)
        case "additive":
            return AdditiveAttention(width)
        case "multihead":
            return MultiHeadAttention(width, heads)
    raise ValueError(f"unknown attention {kind!r}")
