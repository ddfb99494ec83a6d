"""The language model: a decoder without an encoder.

Shapes: B rows of text, T length of a row, N tokens to predict, R rows in search, D width, V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.model.cells.registry import state_specs
from nmt.model.decoder import DecoderState, build_decoder
from nmt.model.layers import ScaledEmbedding
from nmt.model.loss import smoothed_cross_entropy
from nmt.model.seq2seq import Loss


class TextBatch(NamedTuple):
    """A training batch of text."""

    tokens: Tensor
    """Input ids, [B, T]. In a stream of lines, begin of sentence replaces the end of the previous sentence."""
    targets: Tensor
    """Ids to predict, without padding, [N]."""
    positions: Tensor
    """Indices of the ids to predict in the flattened [B × T] outputs, [N]."""
    state: DecoderState
    """Initial state, [B, ...]: the state after the preceding text of each row."""


class LanguageModel(nn.Module):
    """Recurrent language model, which predicts each token from the preceding tokens."""

    def __init__(self, config: ModelConfig, vocab_size: int) -> None:
        """``config`` has no attention; its encoder settings are ignored."""
        super().__init__()
        self.config = config
        embedding = ScaledEmbedding(vocab_size, config.width)
        self.decoder = build_decoder(config, embedding)
        del self.decoder.bridge  # there is no encoder
        output = embedding if config.tie_embeddings else ScaledEmbedding(vocab_size, config.width)
        self.output = output.weight
        """Output layer [V, D]."""

    def initial_state(self, num_rows: int) -> DecoderState:
        """Return the state before any text, which is zero."""
        specs = state_specs(self.config.cell, self.config.width) * self.config.decoder_layers
        return tuple(self.output.new_zeros(num_rows, spec.size) for spec in specs)

    def forward(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return the outputs [B, T, D] for ids [B, T], and the final state."""
        hidden, state, _ = self.decoder(tokens, None, state)
        return hidden, state

    def step(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return the log-probabilities [R, V] of the token after ``tokens`` [R], and the new state."""
        hidden, state = self(tokens.unsqueeze(1), state)
        return (hidden.squeeze(1) @ self.output.T).float().log_softmax(dim=-1), state

    def loss(self, batch: TextBatch, smoothing: float = 0.0, r_drop: float = 0.0) -> Loss:
        """Return the loss of a batch, with its final state; R-Drop is not supported."""
        if r_drop:
            raise ValueError("R-Drop is not supported for language models; set r_drop to 0")
        hidden, state = self(batch.tokens, batch.state)
        hidden = hidden.flatten(0, 1).index_select(0, batch.positions)
        smoothed, nll = smoothed_cross_entropy(hidden, self.output, batch.targets, smoothing)
        return Loss(smoothed, nll, torch.zeros_like(nll), state)

    def parameter_count(self) -> int:
        """Return the number of trained parameters; shared parameters count once."""
        return sum(parameter.numel() for parameter in self.parameters())


def build_language_model(config: ModelConfig, vocab_size: int, seed: int) -> LanguageModel:
    """Create a language model whose initial weights depend on ``seed`` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LanguageModel(config, vocab_size)
