"""The translation network: encoder, decoder, output layer and loss.

Attribute names of modules are the keys of checkpoints and of `model.safetensors`; renaming one makes old models
unreadable.

Shapes: B sentences, S source length, T target length, N target tokens without padding, K hypotheses per sentence in
search, R = B × K rows, Q queries per sentence (T or K), H attention heads, D width, V target vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.model.decoder import AttentionMemory, DecoderOutput, DecoderState, build_decoder
from nmt.model.encoder import Encoder
from nmt.model.guided_alignment import AlignmentLinks, alignment_loss
from nmt.model.layers import ScaledEmbedding
from nmt.model.loss import smoothed_cross_entropy


class TranslationBatch(NamedTuple):
    """A training batch of sentence pairs."""

    source: Tensor
    """Source ids [B, S]: a sentence, end of sentence, then padding."""
    lengths: Tensor
    """Lengths of the source sentences, [B], end of sentence included; always on the CPU."""
    target_in: Tensor
    """Decoder input ids, [B, T], begin of sentence first."""
    targets: Tensor
    """Ids to predict, without padding, [N]."""
    positions: Tensor
    """Indices of the ids to predict in the flattened [B × T] decoder outputs, [N]."""
    links: AlignmentLinks | None = None
    """Word alignment, if guided alignment is used."""


class Loss(NamedTuple):
    """Loss of a batch, summed over the target tokens, in nats."""

    objective: Tensor
    """Training objective except guided alignment: label-smoothed cross-entropy, plus the divergence of R-Drop."""
    negative_log_likelihood: Tensor
    """Cross-entropy without label smoothing, for reports; has no gradient."""
    alignment: Tensor
    """Loss of guided alignment; zero for a batch without links."""
    state: DecoderState = ()
    """Final state of a language model, from which the next batch of a stream continues; empty for translation."""


class Seq2Seq(nn.Module):
    """Encoder-decoder translation network."""

    def __init__(self, config: ModelConfig, source_vocab_size: int, target_vocab_size: int, shared_vocab: bool) -> None:
        """``shared_vocab`` says that both languages use one vocabulary, so that they can share the embeddings too."""
        super().__init__()
        self.config = config
        target_embedding = ScaledEmbedding(target_vocab_size, config.width)
        share_source = shared_vocab and config.tie_embeddings
        source_embedding = target_embedding if share_source else ScaledEmbedding(source_vocab_size, config.width)
        self.encoder = Encoder(config, source_embedding)
        self.decoder = build_decoder(config, target_embedding)
        output = target_embedding if config.tie_embeddings else ScaledEmbedding(target_vocab_size, config.width)
        self.output = output.weight
        """Output layer [V, D]."""

    def encode(self, source: Tensor, lengths: Tensor) -> tuple[AttentionMemory, DecoderState]:
        """Encode source ids [B, S] with lengths [B] (on the CPU); return the memory and the initial state [B, ...]."""
        return self.decoder.initial_memory_and_state(self.encoder(source, lengths))

    def step(self, tokens: Tensor, memory: AttentionMemory, state: DecoderState) -> DecoderOutput:
        """Return the log-probabilities [R, V] of the token after ``tokens`` [R], the new state, and attention [R, S].

        The attention is that of the alignment head, or the mean over the heads of the top layer if there is none.
        """
        hidden, state, weights = self.decoder.step(tokens, memory, state)
        scores = (hidden @ self.output.T).float().log_softmax(dim=-1)
        return scores, state, None if weights is None else self._alignment_weights(weights).flatten(0, 1)

    def forward(self, source: Tensor, lengths: Tensor, target: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the decoder outputs [B, T, D] and the attention [B, T, S] (teacher forcing).

        Takes source ids [B, S] with lengths [B] (on the CPU), and decoder input ids [B, T], begin of sentence first.
        """
        hidden, _, weights = self.decoder(target, *self.encode(source, lengths))
        return hidden, None if weights is None else self._alignment_weights(weights)

    def loss(self, batch: TranslationBatch, smoothing: float = 0.0, r_drop: float = 0.0) -> Loss:
        """Return the loss of a batch, with label smoothing of weight ``smoothing``.

        ``r_drop`` is the weight of the divergence between two passes, which run as one batch of twice the size.
        """
        source, lengths, target_in, targets, positions, links = batch
        if r_drop:
            source, lengths = source.repeat(2, 1), lengths.repeat(2)
            positions = torch.cat((positions, positions + target_in.numel()))
            target_in = target_in.repeat(2, 1)
        hidden, _, weights = self.decoder(target_in, *self.encode(source, lengths))
        hidden = hidden.flatten(0, 1).index_select(0, positions)
        smoothed, nll = smoothed_cross_entropy(hidden, self.output, targets, smoothing, r_drop)
        if links is None or weights is None:
            return Loss(smoothed, nll, torch.zeros_like(nll))
        return Loss(smoothed, nll, alignment_loss(self._alignment_weights(weights), links))

    def _alignment_weights(self, weights: Tensor) -> Tensor:
        """Reduce attention weights [B, H, Q, S] to one head [B, Q, S], which shows the source of each token."""
        return weights[:, 0].float() if self.config.alignment_head else weights.float().mean(dim=1)

    def parameter_count(self) -> int:
        """Return the number of trained parameters; shared parameters count once."""
        return sum(parameter.numel() for parameter in self.parameters())


def build_network(
    config: ModelConfig, source_vocab_size: int, target_vocab_size: int, shared_vocab: bool, seed: int
) -> Seq2Seq:
    """Create a translation network whose initial weights depend on ``seed`` alone; see `Seq2Seq`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Seq2Seq(config, source_vocab_size, target_vocab_size, shared_vocab)
