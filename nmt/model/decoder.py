"""The decoders: one that runs each layer over the whole target at once, and the classic one with input feeding.

Both have a whole-sequence `forward` and a one-token `step` that agree to rounding.

B sentences, T target length, S source length, K rows a sentence in search, R = B × K rows, D width.
"""

from __future__ import annotations

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

    def forward(self, states: list[State]) -> Rows:
        """H and c [B, D] of each decoder layer, in turn; a deeper decoder repeats the encoder's top."""
        rows = []
        for layer, (output, cell) in enumerate(zip(self.outputs, self.cells, strict=True)):
            h, c = states[min(layer, len(states) - 1)]
            rows += [output(h).tanh(), cell(c)]
        return tuple(rows)


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


class InputFeedingDecoder(nn.Module):
    """The classic recurrent decoder with attention (Luong et al. 2015, section 3.3).

    A stack of LSTMs whose first layer reads the last token and the last attentional vector tanh(W[context; h]); that
    vector is also the output.
    """

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        attention = build_attention(config.attention, config.width, config.heads)
        if attention is None:
            raise ValueError("input feeding feeds the attentional vector: it needs an attention")
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.attention = attention
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.bridge = Bridge(config)
        self.layers = nn.ModuleList(
            LSTMLayer(config.width * (1 + (layer == 0)), config.width, config.weight_drop)
            for layer in range(config.decoder_layers)
        )
        self.combine = nn.Linear(2 * config.width, config.width)

    def start(self, encoded: Encoded) -> tuple[Source, Rows]:
        """See `BlockDecoder.start`; the state ends in the attentional vector, at first zero."""
        state = self.bridge(encoded.states)
        return Source((self.attention.keys(encoded.memory),), encoded.mask), (
            *state,
            torch.zeros_like(state[0]),
        )

    def forward(self, target: Tensor, source: Source, state: Rows) -> tuple[Tensor, Tensor | None]:
        """See `BlockDecoder.forward`."""
        outputs, weights = [], []
        locked = [self.dropout.mask(state[0]) for _ in self.layers] if self.dropout.locked else None
        for x in self.dropout(self.word_dropout(self.embedding(target))).unbind(1):
            output, state, weight = self._advance(x, source, state, locked)
            outputs.append(output)
            weights.append(weight)
        return self.dropout(torch.stack(outputs, dim=1)), torch.cat(weights, dim=2)

    def step(self, tokens: Tensor, source: Source, state: Rows) -> tuple[Tensor, Rows, Tensor | None]:
        """See `BlockDecoder.step`."""
        return self._advance(self.embedding(tokens), source, state)

    def _advance(
        self, x: Tensor, source: Source, state: Rows, locked: list[Tensor] | None = None
    ) -> tuple[Tensor, Rows, Tensor]:
        """One step from the embedded tokens [R, D]; ``locked`` dropout masks [R, D] are those of all steps."""
        rows: list[Tensor] = []
        y = torch.cat((x, state[-1]), dim=-1)
        for layer, module in enumerate(self.layers):
            h, (h, c) = _one_step(module, y, _layer_state(state, layer))
            rows += [h, c]
            y = h * locked[layer] if locked else self.dropout(h)
        context, weights = self.attention(y.view(len(source.mask), -1, y.shape[-1]), source.keys[0], source.mask)
        output = self.combine(torch.cat((context.reshape(y.shape), y), dim=-1)).tanh()
        return output, (*rows, output), weights


Decoder = BlockDecoder | InputFeedingDecoder


def build_decoder(config: ModelConfig, embedding: ScaledEmbedding) -> Decoder:
    """The decoder that a configuration asks for."""
    return (InputFeedingDecoder if config.input_feeding else BlockDecoder)(config, embedding)


def _one_step(layer: nn.Module, x: Tensor, state: State) -> tuple[Tensor, State]:
    y, state = layer(x.unsqueeze(1), state)
    return y.squeeze(1), state


def _layer_state(state: Rows, layer: int) -> State:
    return state[2 * layer], state[2 * layer + 1]


def _layer_keys(source: Source, layer: int) -> Keys | None:
    return source.keys[layer] if source.keys else None
