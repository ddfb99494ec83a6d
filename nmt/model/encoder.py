"""The stacked encoder: a sentence becomes one vector a piece, and a last state for each layer.

B sentences, S source length, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.model.cells.families import CELLS
from nmt.model.device import to_device
from nmt.model.layers import Dropout, FeedForward, ScaledEmbedding, WordDropout
from nmt.model.recurrent_layers import LayerState, Pass, build_encoder_layer, locked


class EncoderOutput(NamedTuple):
    """What the encoder knows of B sentences."""

    memory: Tensor
    """[B, S, D]: one vector a piece."""
    mask: Tensor
    """[B, S]: true at pieces, false in the padding."""
    states: list[LayerState]
    """Of each layer, that after the whole sentence, of the LSTM (h, c) [B, D]; its directions side by side."""


class EncoderBlock(nn.Module):
    """Layer norm, recurrent layer, residual; layer norm, feed-forward, residual."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.recurrent_norm = nn.LayerNorm(config.width)
        self.recurrent = build_encoder_layer(config, layer)
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.feed_forward_width, config.dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, list[LayerState]]:
        """X [B, S, D], lengths [B] on the CPU."""
        y, state = self.recurrent(self.recurrent_norm(x), lengths)
        x = x + self.dropout(y)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, [state]


class ClassicEncoderLayer(nn.Module):
    """A recurrent layer and nothing else, but for a residual connection where it is asked for."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        super().__init__()
        self.recurrent = build_encoder_layer(config, layer)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.residual = config.residual and layer > 0

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, list[LayerState]]:
        """X [B, S, D], lengths [B] on the CPU."""
        y, state = self.recurrent(x, lengths)
        y = self.dropout(y)
        return x + y if self.residual else y, [state]


class ClassicEncoderStack(nn.Module):
    """All layers of a cell that couples them, with the dropout and residual connections of `ClassicEncoderLayer`."""

    def __init__(self, config: ModelConfig, layer: int) -> None:
        """``layer`` is the first one's, 0."""
        super().__init__()
        self.recurrent = build_encoder_layer(config, layer)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.layers, self.parts = config.encoder_layers, len(CELLS[config.cell].parts(config.width))
        self.directions = 1 + config.is_bidirectional(layer)

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, list[LayerState]]:
        """X [B, S, D], lengths [B] on the CPU."""
        dropout: list[Pass] = [self.dropout] * self.directions
        if self.dropout.locked:
            halves = x[:, 0].chunk(self.directions, dim=-1)
            dropout = [locked(self.dropout, half, self.layers) for half in halves]
        y, state = self.recurrent(x, lengths, dropout)
        return y, [state[n : n + self.parts] for n in range(0, len(state), self.parts)]


class Encoder(nn.Module):
    """Embedding and a stack of blocks or classic layers."""

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        self.reverse_source = config.reverse_source
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        stacked = CELLS[config.cell].stacked
        kind = EncoderBlock if config.design == "blocks" else ClassicEncoderStack if stacked else ClassicEncoderLayer
        self.blocks = nn.ModuleList(kind(config, layer) for layer in range(1 if stacked else config.encoder_layers))
        self.norm = nn.LayerNorm(config.width) if config.design == "blocks" else nn.Identity()

    def forward(self, source: Tensor, lengths: Tensor) -> EncoderOutput:
        """Encode ids [B, S] of lengths [B]; the lengths lie on the CPU wherever the ids are."""
        places = torch.arange(source.shape[1])
        mask = to_device(places < lengths.unsqueeze(1), source.device)
        order = to_device(reversal_indices(places, lengths), source.device) if self.reverse_source else None
        x = self.embedding(source if order is None else source.gather(1, order))
        x = self.dropout(self.word_dropout(x))
        states: list[LayerState] = []
        for block in self.blocks:
            x, of_layers = block(x, lengths)
            states += of_layers
        memory = self.norm(x)
        if order is not None:  # reversing twice is the identity: place i of the memory is piece i again
            memory = memory.gather(1, order.unsqueeze(-1).expand_as(memory))
        return EncoderOutput(memory, mask, states)


def reversal_indices(places: Tensor, lengths: Tensor) -> Tensor:
    """For each sentence the order that reads it backwards [B, S]; end of sentence and padding stay where they are."""
    last = lengths.unsqueeze(1) - 2
    return torch.where(places <= last, last - places, places.expand(len(lengths), -1))
