"""Encoder: maps a source sentence to one vector per token and a final state per layer.

Shapes: B sentences, S source length, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.cells import CELL_TRAITS
from nmt.config.model import ModelConfig
from nmt.model.cells.registry import state_specs
from nmt.model.device import to_device
from nmt.model.layers import Dropout, FeedForward, ScaledEmbedding, WordDropout
from nmt.model.recurrent_layers import build_encoder_layer, locked_dropout
from nmt.model.unrolled_cell import DropoutFunction, LayerState


class EncoderOutput(NamedTuple):
    """Output of the encoder for B sentences."""

    memory: Tensor
    """Vector of each token, [B, S, D]."""
    mask: Tensor
    """Mask [B, S]: true at tokens, false in the padding."""
    states: list[LayerState]
    """Final state of each layer; for the LSTM (h, c), both [B, D], with the directions concatenated."""


class EncoderBlock(nn.Module):
    """A pre-norm encoder block of two sublayers: a recurrent layer and a feed-forward network.

    Each sublayer has layer normalisation before it and a residual connection around it.
    """

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.recurrent_norm = nn.LayerNorm(config.width)
        self.recurrent = build_encoder_layer(config, layer)
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.feed_forward_width, config.dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, list[LayerState]]:
        """Encode x [B, S, D] with lengths [B] (on the CPU); return the outputs [B, S, D] and the final state."""
        y, state = self.recurrent(self.recurrent_norm(x), lengths)
        x = x + self.dropout(y)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, [state]


class ClassicEncoderLayer(nn.Module):
    """A recurrent layer with an optional residual connection."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.recurrent = build_encoder_layer(config, layer)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.residual = config.residual and layer > 0

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, list[LayerState]]:
        """Encode x [B, S, D] with lengths [B] (on the CPU); return the outputs [B, S, D] and the final state."""
        y, state = self.recurrent(x, lengths)
        y = self.dropout(y)
        return x + y if self.residual else y, [state]


class ClassicEncoderStack(nn.Module):
    """All layers of a stacked cell, with the dropout and residual connections of `ClassicEncoderLayer`."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        """``layer`` is the index of the lowest layer, 0."""
        super().__init__()
        self.recurrent = build_encoder_layer(config, layer)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.layers, self.tensors_per_layer = config.encoder_layers, len(state_specs(config.cell, config.width))
        self.directions = 1 + config.is_bidirectional(layer)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, list[LayerState]]:
        """Encode x [B, S, D] with lengths [B] (on the CPU); return the outputs [B, S, D] and the final states."""
        dropout: list[DropoutFunction] = [self.dropout] * self.directions
        if self.dropout.locked:
            halves = x[:, 0].chunk(self.directions, dim=-1)
            dropout = [locked_dropout(self.dropout, half, self.layers) for half in halves]
        y, state = self.recurrent(x, lengths, dropout)
        return y, [state[n : n + self.tensors_per_layer] for n in range(0, len(state), self.tensors_per_layer)]


class Encoder(nn.Module):
    """The encoder: an embedding, then a stack of encoder blocks or of classic layers."""

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        self.reverse_source = config.reverse_source
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        stacked = CELL_TRAITS[config.cell].stacked
        kind = EncoderBlock if config.design == "blocks" else ClassicEncoderStack if stacked else ClassicEncoderLayer
        self.blocks = nn.ModuleList(kind(config, layer) for layer in range(1 if stacked else config.encoder_layers))
        self.norm = nn.LayerNorm(config.width) if config.design == "blocks" else nn.Identity()

    def forward(self, source: Tensor, lengths: Tensor) -> EncoderOutput:
        """Encode ids [B, S] with lengths [B], which are always on the CPU."""
        positions = torch.arange(source.shape[1])
        mask = to_device(positions < lengths.unsqueeze(1), source.device)
        order = to_device(reversal_indices(positions, lengths), source.device) if self.reverse_source else None
        x = self.embedding(source if order is None else source.gather(1, order))
        x = self.dropout(self.word_dropout(x))
        states: list[LayerState] = []
        for block in self.blocks:
            x, block_states = block(x, lengths)
            states += block_states
        memory = self.norm(x)
        if order is not None:  # a second reversal restores the order of the source
            memory = memory.gather(1, order.unsqueeze(-1).expand_as(memory))
        return EncoderOutput(memory, mask, states)


def reversal_indices(positions: Tensor, lengths: Tensor) -> Tensor:
    """Return indices [B, S] that reverse each sentence; end of sentence and padding keep their positions.

    ``positions`` are 0 to S - 1; ``lengths`` [B] include end of sentence.
    """
    last = lengths.unsqueeze(1) - 2
    return torch.where(positions <= last, last - positions, positions.expand(len(lengths), -1))
