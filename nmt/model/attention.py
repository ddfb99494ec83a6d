"""Attention of the decoder over the source sentence.

Each mechanism has two methods: `Attention.project_memory` prepares the encoder's memory once per sentence, and
`Attention.forward` attends to it with any number of queries. The queries are time steps in training and hypotheses in
search; the memory is not copied in either case.

Shapes: B sentences, Q queries per sentence, S source length, H heads, D width.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

KeysAndValues = tuple[Tensor, Tensor]
"""Projected encoder memory: keys to score queries against, and values to average. The first dimension is B."""


class Attention(nn.Module):
    """Base class of attention mechanisms."""

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """Project the encoder's memory [B, S, D] to keys and values."""
        raise NotImplementedError

    def forward(self, query: Tensor, keys_and_values: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the source with queries [B, Q, D]; return contexts [B, Q, D] and attention weights [B, H, Q, S].

        ``keys_and_values`` come from `project_memory`; ``mask`` [B, S] is true at tokens and false in the padding.
        """
        raise NotImplementedError


class DotAttention(Attention):
    """Bilinear attention with one head (Luong et al. 2015, "general")."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, width, bias=False)

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """Return keys and values, both [B, S, D]."""
        return self.project(memory), memory

    def forward(self, query: Tensor, keys_and_values: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the source; see `Attention.forward`."""
        key, value = keys_and_values
        weights = masked_softmax(query @ key.transpose(1, 2), mask.unsqueeze(1))
        return weights @ value, weights.unsqueeze(1)


class AdditiveAttention(Attention):
    """Attention scored by a one-layer network, with one head (Bahdanau et al. 2015)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_memory = nn.Linear(width, width, bias=False)
        self.of_query = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False)

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """Return keys and values, both [B, S, D]."""
        return self.of_memory(memory), memory

    def forward(self, query: Tensor, keys_and_values: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the source; see `Attention.forward`. It is slow, because it adds every query to every key."""
        key, value = keys_and_values
        pairs = torch.tanh(self.of_query(query).unsqueeze(2) + key.unsqueeze(1))
        weights = masked_softmax(self.score(pairs).squeeze(-1), mask.unsqueeze(1))
        return weights @ value, weights.unsqueeze(1)


class MultiHeadAttention(Attention):
    """Scaled dot-product attention in H subspaces (Vaswani et al. 2017)."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def project_memory(self, memory: Tensor) -> KeysAndValues:
        """Return keys and values, both [B, H, S, D/H]."""
        key, value = self.key_value(memory).chunk(2, dim=-1)
        return self._split_heads(key), self._split_heads(value)

    def forward(self, query: Tensor, keys_and_values: KeysAndValues, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Attend to the source; see `Attention.forward`."""
        key, value = keys_and_values
        query = self._split_heads(self.query(query)) / math.sqrt(key.shape[-1])
        weights = masked_softmax(query @ key.transpose(2, 3), mask[:, None, None])
        context = (weights @ value).transpose(1, 2).flatten(2)  # [B, H, Q, D/H] -> [B, Q, D]
        return self.output(context), weights

    def _split_heads(self, x: Tensor) -> Tensor:
        """Reshape x [B, Q, D] to [B, H, Q, D/H]."""
        return x.view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Return the softmax over the last dimension, with zero probability where ``mask`` is false."""
    return scores.masked_fill(~mask, -math.inf).softmax(dim=-1, dtype=torch.float32).to(scores.dtype)


def build_attention(name: str, width: int, num_heads: int) -> Attention | None:
    """Create an attention mechanism by its name in recipes; return None for "none"."""
    match name:
        case "none":
            return None
        case "dot":
            return DotAttention(width)
        case "additive":
            return AdditiveAttention(width)
        case "multihead":
            return MultiHeadAttention(width, num_heads)
    raise ValueError(f"unknown attention {name!r}")
