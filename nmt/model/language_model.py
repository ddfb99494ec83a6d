"""The decoder alone: a model of text.

B rows of text, T pieces of each, R rows of search, D width, V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.model.decoder import DecoderState, build_decoder
from nmt.model.layers import ScaledEmbedding
from nmt.model.loss import smoothed_cross_entropy
from nmt.model.recurrent_layers import state_parts
from nmt.model.seq2seq import Loss


class TextBatch(NamedTuple):
    """A batch of text to learn from, of N pieces to predict."""

    pieces: Tensor
    """[B, T]: begin of sentence before each line, which is what end of sentence was for the one before."""
    targets: Tensor
    """[N]: the ids to predict, padding left out."""
    places: Tensor
    """[N]: where in B × T they are."""
    state: DecoderState
    """[B, …]: what the text before has left behind."""


class LanguageModel(nn.Module):
    """Predicts each piece from those before it."""

    def __init__(self, config: ModelConfig, vocabulary: int) -> None:
        """``config`` has no attention; what it says of an encoder is of no effect."""
        super().__init__()
        self.config = config
        embedding = ScaledEmbedding(vocabulary, config.width)
        self.decoder = build_decoder(config, embedding)
        del self.decoder.bridge  # no encoder, nothing to bridge
        output = embedding if config.tie_embeddings else ScaledEmbedding(vocabulary, config.width)
        self.output = output.weight
        """[V, D]"""

    def initial_state(self, rows: int) -> DecoderState:
        """The state before any text: zeros."""
        parts = state_parts(self.config) * self.config.decoder_layers
        return tuple(self.output.new_zeros(rows, part.size) for part in parts)

    def forward(self, pieces: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Outputs [B, T, D] for ids [B, T], and the state after them."""
        return self.decoder.read(pieces, state)

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Log-probabilities [R, V] of the piece after ``tokens`` [R], and the next state."""
        hidden, state = self.decoder.read(tokens.unsqueeze(1), state)
        return (hidden.squeeze(1) @ self.output.T).float().log_softmax(dim=-1), state

    def loss(self, passage: TextBatch, smoothing: float = 0.0, r_drop: float = 0.0) -> Loss:
        """The loss of a batch, and the state that the next one goes on from; there is no R-Drop for text."""
        if r_drop:
            raise ValueError("R-Drop compares two passes over a pair: a language model has none")
        hidden, state = self(passage.pieces, passage.state)
        hidden = hidden.flatten(0, 1).index_select(0, passage.places)
        smoothed, plain = smoothed_cross_entropy(hidden, self.output, passage.targets, smoothing)
        return Loss(smoothed, plain, torch.zeros_like(plain), state)

    def parameter_count(self) -> int:
        """Trained numbers, shared ones counted once."""
        return sum(parameter.numel() for parameter in self.parameters())


def build_language_model(config: ModelConfig, vocabulary: int, seed: int) -> LanguageModel:
    """A new network whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LanguageModel(config, vocabulary)
