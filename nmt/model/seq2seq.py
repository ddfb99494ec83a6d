"""The whole network: encoder, decoder, output layer and loss.

B sentences, S source length, T target length, R rows of search, D width, V target vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.model.decoder import AttentionMemory, DecoderState, build_decoder
from nmt.model.encoder import Encoder
from nmt.model.guided_alignment import AlignmentLinks, alignment_loss
from nmt.model.layers import ScaledEmbedding
from nmt.model.loss import smoothed_cross_entropy


class TranslationBatch(NamedTuple):
    """A batch to learn from, of N target pieces."""

    source: Tensor
    """[B, S]: ids, end of sentence last, then padding."""
    lengths: Tensor
    """[B], on the CPU."""
    target_in: Tensor
    """[B, T]: ids, begin of sentence first."""
    targets: Tensor
    """[N]: the ids to predict, padding left out."""
    places: Tensor
    """[N]: where in B × T they are."""
    links: AlignmentLinks | None = None


class Loss(NamedTuple):
    """Sums over the target pieces of a batch, in nats."""

    smoothed: Tensor
    """What is minimised."""
    negative_log_likelihood: Tensor
    """What is reported: without label smoothing."""
    alignment: Tensor
    """What teaches the alignment head; zero where there are no links."""
    state: DecoderState = ()
    """What a batch that goes on where this one ends begins with; empty for pairs, which all begin anew."""


class Seq2Seq(nn.Module):
    """A translator of ids."""

    def __init__(self, config: ModelConfig, source_vocabulary: int, target_vocabulary: int, shared: bool) -> None:
        """``shared`` says that both languages have one vocabulary, so that they can share embeddings too."""
        super().__init__()
        self.config = config
        target_embedding = ScaledEmbedding(target_vocabulary, config.width)
        share = shared and config.tie_embeddings
        source_embedding = target_embedding if share else ScaledEmbedding(source_vocabulary, config.width)
        self.encoder = Encoder(config, source_embedding)
        self.decoder = build_decoder(config, target_embedding)
        output = target_embedding if config.tie_embeddings else ScaledEmbedding(target_vocabulary, config.width)
        self.output = output.weight
        """[V, D]"""

    def start(self, source: Tensor, lengths: Tensor) -> tuple[AttentionMemory, DecoderState]:
        """Encode ids [B, S] of lengths [B] (on the CPU): what the decoder reads, and its first state [B, …]."""
        return self.decoder.start(self.encoder(source, lengths))

    def step(
        self, tokens: Tensor, source: AttentionMemory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """Log-probabilities [R, V] of the token after ``tokens`` [R], the next state, and attention [R, S].

        Attention is that of the last layer: its alignment head's, or the mean over its heads where it has none.
        """
        hidden, state, weights = self.decoder.step(tokens, source, state)
        scores = (hidden @ self.output.T).float().log_softmax(dim=-1)
        return scores, state, None if weights is None else self._alignment(weights).flatten(0, 1)

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Decoder outputs [B, T, D] for target ids [B, T] that begin with begin of sentence; attention [B, T, S]."""
        hidden, weights = self.decoder(target, *self.start(source, lengths))
        return hidden, None if weights is None else self._alignment(weights)

    def loss(self, examples: TranslationBatch, smoothing: float = 0.0, r_drop: float = 0.0) -> Loss:
        """The loss of a batch.

        ``r_drop`` is the weight of the divergence between two passes, which run as one batch of twice the sentences.
        """
        source, lengths, target_in, targets, places, links = examples
        if r_drop:
            source, lengths = source.repeat(2, 1), lengths.repeat(2)
            places = torch.cat((places, places + target_in.numel()))
            target_in = target_in.repeat(2, 1)
        hidden, weights = self.decoder(target_in, *self.start(source, lengths))
        hidden = hidden.flatten(0, 1).index_select(0, places)
        smoothed, plain = smoothed_cross_entropy(hidden, self.output, targets, smoothing, r_drop)
        if links is None or weights is None:
            return Loss(smoothed, plain, torch.zeros_like(plain))
        return Loss(smoothed, plain, alignment_loss(self._alignment(weights), links))

    def _alignment(self, weights: Tensor) -> Tensor:
        """The attention [B, Q, S] that shows where a token comes from, of weights [B, H, Q, S]."""
        return weights[:, 0].float() if self.config.alignment_head else weights.float().mean(dim=1)

    def parameter_count(self) -> int:
        """Trained numbers, shared ones counted once."""
        return sum(parameter.numel() for parameter in self.parameters())


def build_network(
    config: ModelConfig, source_vocabulary: int, target_vocabulary: int, shared: bool, seed: int
) -> Seq2Seq:
    """A new network whose weights depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Seq2Seq(config, source_vocabulary, target_vocabulary, shared)
