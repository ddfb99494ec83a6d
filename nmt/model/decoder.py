"""The decoders: one of blocks, each of which attends, and the classic one, which attends above its last layer.

Both have a whole-sequence `forward` and a one-token `step` that agree to rounding.

B sentences, T target length, S source length, K rows a sentence in search, R = B × K rows, D width.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config import ModelConfig
from nmt.model.attention import Keys, build_attention
from nmt.model.cells import LSTMLayer, State
from nmt.model.encoder import Encoded
from nmt.model.layers import Dropout, FeedForward, ScaledEmbedding, WordDropout

Rows = tuple[Tensor, ...]
"""A decoder's state: tensors whose first dimension is rows. Search re-orders them without knowing what they are."""


class Source(NamedTuple):
    """What a decoder reads of B sentences; the first dimension of every tensor is B."""

    keys: tuple[Keys, ...]
    """One for each layer that attends."""
    mask: Tensor
    """[B, S]"""


class Bridge(nn.Module):
    """The encoder's last states become the decoder's first: outputs and memory cells, layer by layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.outputs = nn.ModuleList(nn.Linear(config.width, config.width) for _ in range(config.decoder_layers))
        self.cells = nn.ModuleList(nn.Linear(config.width, config.width) for _ in range(config.decoder_layers))
        self.layers = config.states_passed_on

    def forward(self, states: list[State]) -> Rows:
        """H and c [B, D] of each decoder layer, in turn."""
        rows = []
        for layer, output, cell in zip(self.layers, self.outputs, self.cells, strict=True):
            h, c = states[layer]
            rows += [output(h).tanh(), cell(c)]
        return tuple(rows)


class PlainBridge(nn.Module):
    """The encoder's last states are the decoder's first (Sutskever et al. 2014)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = config.states_passed_on

    def forward(self, states: list[State]) -> Rows:
        """See `Bridge.forward`."""
        return tuple(part for layer in self.layers for part in states[layer])


class DecoderBlock(nn.Module):
    """Layer norm, LSTM, residual; layer norm, attention, residual; layer norm, feed-forward, residual."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.recurrent_norm = nn.LayerNorm(config.width)
        self.recurrent = LSTMLayer(config.width, config.width, config.weight_drop)
        self.attention = build_attention(config.attention, config.width, config.heads)
        self.attention_norm = nn.LayerNorm(config.width) if self.attention else None
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.feed_forward_width, config.dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)

    def recur(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """The recurrent third, over x [rows, steps, D]."""
        y, state = self.recurrent(self.recurrent_norm(x), state)
        return x + self.dropout(y), state

    def look(self, x: Tensor, keys: Keys | None, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """The two thirds without a state, over x [B, Q, D]; also the attention's weights [B, H, Q, S]."""
        weights = None
        if self.attention is not None and self.attention_norm is not None and keys is not None:
            context, weights = self.attention(self.attention_norm(x), keys, mask)
            x = x + self.dropout(context)
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, weights


class BlockDecoder(nn.Module):
    """A stack of blocks. No step needs the attention of the step before, so training has no loop over steps."""

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.bridge = Bridge(config)
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def start(self, encoded: Encoded) -> tuple[Source, Rows]:
        """What the steps will read, and the first state [B, …]."""
        keys = tuple(block.attention.keys(encoded.memory) for block in self._blocks() if block.attention is not None)
        return Source(keys, encoded.mask), self.bridge(encoded.states)

    def forward(self, target: Tensor, source: Source, state: Rows) -> tuple[Tensor, Tensor | None]:
        """Outputs [B, T, D] for ids [B, T], and the last layer's attention weights [B, H, T, S]."""
        x = self.dropout(self.word_dropout(self.embedding(target)))
        weights = None
        for layer, block in enumerate(self._blocks()):
            x, _ = block.recur(x, _layer_state(state, layer))
            x, weights = block.look(x, _layer_keys(source, layer), source.mask)
        return self.norm(x), weights

    def step(self, tokens: Tensor, source: Source, state: Rows) -> tuple[Tensor, Rows, Tensor | None]:
        """Outputs [R, D] for ids [R], the next state, and the last layer's attention weights [B, H, K, S]."""
        sentences = len(source.mask)
        x = self.embedding(tokens).unsqueeze(1)  # [R, 1, D]
        weights, rows = None, []
        for layer, block in enumerate(self._blocks()):
            x, (h, c) = block.recur(x, _layer_state(state, layer))
            rows += [h, c]
            x, weights = block.look(x.view(sentences, -1, x.shape[-1]), _layer_keys(source, layer), source.mask)
            x = x.view(len(tokens), 1, -1)
        return self.norm(x.squeeze(1)), tuple(rows), weights

    def _blocks(self) -> list[DecoderBlock]:
        return [block for block in self.blocks if isinstance(block, DecoderBlock)]


class ClassicDecoder(nn.Module):
    """A stack of LSTMs, and above it an attention, if any, whose attentional vector tanh(W[context; h]) is the output.

    With input feeding its first layer reads the last token and the last attentional vector (Luong et al. 2015, section
    3.3), and training is a loop over steps. Without attention the top layer's output is all (Sutskever et al. 2014).
    """

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        width, self.feeds, self.residual = config.width, config.input_feeding, config.residual
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.attention = build_attention(config.attention, width, config.heads)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.bridge = Bridge(config) if config.design == "blocks" else PlainBridge(config)
        self.layers = nn.ModuleList(
            LSTMLayer(width * (1 + (layer == 0 and self.feeds)), width, config.weight_drop)
            for layer in range(config.decoder_layers)
        )
        self.combine = nn.Linear(2 * width, width) if self.attention else None

    def start(self, encoded: Encoded) -> tuple[Source, Rows]:
        """See `BlockDecoder.start`; with input feeding the state ends in the attentional vector, at first zero."""
        state = self.bridge(encoded.states)
        fed = (torch.zeros_like(state[0]),) if self.feeds else ()
        keys = (self.attention.keys(encoded.memory),) if self.attention else ()
        return Source(keys, encoded.mask), (*state, *fed)

    def forward(self, target: Tensor, source: Source, state: Rows) -> tuple[Tensor, Tensor | None]:
        """See `BlockDecoder.forward`."""
        x = self.dropout(self.word_dropout(self.embedding(target)))
        if not self.feeds:
            output, _, weights = self._advance(x, source, state, self.dropout)
            return self.dropout(output), weights
        outputs, all_weights = [], []
        dropout = self._locked(state[0]) if self.dropout.locked else self.dropout
        for place in x.split(1, dim=1):
            output, state, weights = self._advance(place, source, state, dropout)
            outputs.append(output)
            all_weights.append(weights)
        return self.dropout(torch.cat(outputs, dim=1)), torch.cat([w for w in all_weights if w is not None], dim=2)

    def step(self, tokens: Tensor, source: Source, state: Rows) -> tuple[Tensor, Rows, Tensor | None]:
        """See `BlockDecoder.step`."""
        output, state, weights = self._advance(self.embedding(tokens).unsqueeze(1), source, state, nn.Identity())
        return output.squeeze(1), state, weights

    def _advance(
        self, x: Tensor, source: Source, state: Rows, dropout: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, Rows, Tensor | None]:
        """Outputs [R, T, D] of the embedded tokens [R, T, D], of which input feeding allows but one, and so on."""
        rows: list[Tensor] = []
        y = torch.cat((x, state[-1].unsqueeze(1)), dim=-1) if self.feeds else x
        for layer, module in enumerate(self.layers):
            h, (last, cell) = module(y, _layer_state(state, layer))
            rows += [last, cell]
            y = y + dropout(h) if self.residual and layer else dropout(h)
        if self.attention is None or self.combine is None:
            return y, tuple(rows), None
        queries = y.reshape(len(source.mask), -1, y.shape[-1])
        context, weights = self.attention(queries, source.keys[0], source.mask)
        output = self.combine(torch.cat((context.reshape(y.shape), y), dim=-1)).tanh()
        return output, (*rows, output.squeeze(1)) if self.feeds else tuple(rows), weights

    def _locked(self, like: Tensor) -> Callable[[Tensor], Tensor]:
        """Dropout [R, 1, D] that is the same at every call, as that of each layer is in a loop over steps."""
        masks = itertools.cycle([self.dropout.mask(like).unsqueeze(1) for _ in self.layers])
        return lambda x: x * next(masks)


Decoder = BlockDecoder | ClassicDecoder


def build_decoder(config: ModelConfig, embedding: ScaledEmbedding) -> Decoder:
    """The decoder that a configuration asks for."""
    return (BlockDecoder if config.has_blocks else ClassicDecoder)(config, embedding)


def _layer_state(state: Rows, layer: int) -> State:
    return state[2 * layer], state[2 * layer + 1]


def _layer_keys(source: Source, layer: int) -> Keys | None:
    return source.keys[layer] if source.keys else None
