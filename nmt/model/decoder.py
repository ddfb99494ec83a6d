"""The decoders: one of blocks, each of which attends, and the classic one, which attends above its last layer.

Both have a whole-sequence `forward` and a one-token `step` that agree to rounding.

B sentences, T target length, S source length, K rows a sentence in search, R = B × K rows, D width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.model import ModelConfig
from nmt.model.attention import KeysAndValues, build_attention
from nmt.model.cells.families import CELLS, Part
from nmt.model.encoder import EncoderOutput
from nmt.model.layers import Dropout, FeedForward, ScaledEmbedding, WordDropout
from nmt.model.recurrent_layers import LayerState, build_decoder_layers, locked, state_parts

DecoderState = tuple[Tensor, ...]
"""A decoder's state: tensors whose first dimension is rows. Search re-orders them without knowing what they are."""


class AttentionMemory(NamedTuple):
    """What a decoder reads of B sentences; the first dimension of every tensor is B."""

    keys: tuple[KeysAndValues, ...]
    """One for each layer that attends."""
    mask: Tensor
    """[B, S]"""


class DenseBridge(nn.Module):
    """The encoder's last states become the decoder's first: outputs and memory cells, layer by layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, self.layers, self.parts = config.width, config.initial_state_layers, state_parts(config)
        kinds = [part.kind for part in self.parts]
        outputs, cells = (config.decoder_layers * (kind in kinds) for kind in ("output", "memory"))
        self.outputs = nn.ModuleList(nn.Linear(width, width) for _ in range(outputs))
        self.cells = nn.ModuleList(nn.Linear(width, width) for _ in range(cells))

    def forward(self, states: list[LayerState]) -> DecoderState:
        """The state of each decoder layer, in turn: of the LSTM, h and c [B, D]."""
        rows = []
        for number, layer in enumerate(self.layers):
            for part, last in zip(self.parts, states[layer], strict=True):
                if part.kind == "output":
                    rows.append(self.outputs[number](last).tanh())
                elif part.kind == "memory":
                    rows.append(self.cells[number](last))
                else:
                    rows.append(_begin(part, last))
        return tuple(rows)


class CopyBridge(nn.Module):
    """The encoder's last states are the decoder's first (Sutskever et al. 2014)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers, self.parts = config.initial_state_layers, state_parts(config)

    def forward(self, states: list[LayerState]) -> DecoderState:
        """See `DenseBridge.forward`."""
        pairs = [pair for layer in self.layers for pair in zip(self.parts, states[layer], strict=True)]
        return tuple(_begin(part, last) if part.kind == "own" else last for part, last in pairs)


def _begin(part: Part, like: Tensor) -> Tensor:
    """What a decoder begins with where nothing is passed on."""
    return like.new_zeros(len(like), part.size)


class DecoderBlock(nn.Module):
    """Layer norm, recurrent layer, residual; layer norm, attention, residual; layer norm, feed-forward, residual."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.recurrent_norm = nn.LayerNorm(config.width)
        [self.recurrent] = build_decoder_layers(config, config.width, 1)
        self.attention = build_attention(config.attention, config.width, config.heads)
        self.attention_norm = nn.LayerNorm(config.width) if self.attention else None
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.feed_forward_width, config.dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)

    def recur(self, x: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """The recurrent third, over x [rows, steps, D]."""
        y, state = self.recurrent(self.recurrent_norm(x), state)
        return x + self.dropout(y), state

    def look(self, x: Tensor, keys: KeysAndValues | None, mask: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The two thirds without a state, over x [B, Q, D]; also the attention's weights [B, H, Q, S]."""
        weights = None
        if self.attention is not None and self.attention_norm is not None and keys is not None and mask is not None:
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
        self.bridge = DenseBridge(config)
        self.parts = len(state_parts(config))
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def start(self, encoded: EncoderOutput) -> tuple[AttentionMemory, DecoderState]:
        """What the steps will read, and the first state [B, …]."""
        keys = tuple(
            block.attention.project_memory(encoded.memory) for block in self._blocks() if block.attention is not None
        )
        return AttentionMemory(keys, encoded.mask), self.bridge(encoded.states)

    def forward(self, target: Tensor, source: AttentionMemory, state: DecoderState) -> tuple[Tensor, Tensor | None]:
        """Outputs [B, T, D] for ids [B, T], and the last layer's attention weights [B, H, T, S]."""
        x = self.dropout(self.word_dropout(self.embedding(target)))
        weights = None
        for layer, block in enumerate(self._blocks()):
            x, _ = block.recur(x, self._layer_state(state, layer))
            x, weights = block.look(x, _layer_keys(source, layer), source.mask)
        return self.norm(x), weights

    def step(
        self, tokens: Tensor, source: AttentionMemory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """Outputs [R, D] for ids [R], the next state, and the last layer's attention weights [B, H, K, S]."""
        sentences = len(source.mask)
        x = self.embedding(tokens).unsqueeze(1)  # [R, 1, D]
        weights, rows = None, list[Tensor]()
        for layer, block in enumerate(self._blocks()):
            x, after = block.recur(x, self._layer_state(state, layer))
            rows += after
            x, weights = block.look(x.view(sentences, -1, x.shape[-1]), _layer_keys(source, layer), source.mask)
            x = x.view(len(tokens), 1, -1)
        return self.norm(x.squeeze(1)), tuple(rows), weights

    def read(self, target: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Outputs [B, T, D] for ids [B, T] of text that translates nothing, and the last state."""
        x, rows = self.dropout(self.word_dropout(self.embedding(target))), list[Tensor]()
        for layer, block in enumerate(self._blocks()):
            x, after = block.recur(x, self._layer_state(state, layer))
            rows += after
            x, _ = block.look(x, None, None)
        return self.norm(x), tuple(rows)

    def _blocks(self) -> list[DecoderBlock]:
        return [block for block in self.blocks if isinstance(block, DecoderBlock)]

    def _layer_state(self, state: DecoderState, layer: int) -> LayerState:
        return state[layer * self.parts : (layer + 1) * self.parts]


class ClassicDecoder(nn.Module):
    """A stack of recurrent layers, and above it an attention, if any.

    Its attentional vector tanh(W[context; h]) is the output. With input feeding the first layer reads the last token
    and the last attentional vector (Luong et al. 2015, section 3.3), and training is a loop over steps. Without
    attention the top layer's output is all (Sutskever et al. 2014).
    """

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        width, self.feeds, self.residual = config.width, config.input_feeding, config.residual
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.attention = build_attention(config.attention, width, config.heads)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.bridge = DenseBridge(config) if config.design == "blocks" else CopyBridge(config)
        self.stacked, self.depth = CELLS[config.cell].stacked, config.decoder_layers
        self.layers = nn.ModuleList(build_decoder_layers(config, width * (1 + self.feeds), self.depth))
        self.parts = len(state_parts(config)) * (self.depth if self.stacked else 1)
        self.combine = nn.Linear(2 * width, width) if self.attention else None

    def start(self, encoded: EncoderOutput) -> tuple[AttentionMemory, DecoderState]:
        """See `BlockDecoder.start`; with input feeding the state ends in the attentional vector, at first zero."""
        state = self.bridge(encoded.states)
        fed = (torch.zeros_like(state[0]),) if self.feeds else ()
        keys = (self.attention.project_memory(encoded.memory),) if self.attention else ()
        return AttentionMemory(keys, encoded.mask), (*state, *fed)

    def forward(self, target: Tensor, source: AttentionMemory, state: DecoderState) -> tuple[Tensor, Tensor | None]:
        """See `BlockDecoder.forward`."""
        x = self.dropout(self.word_dropout(self.embedding(target)))
        dropout = self._between_layers(x)
        if not self.feeds:
            output, _, weights = self._advance(x, source, state, dropout)
            return self.dropout(output), weights
        outputs, all_weights = [], []
        for place in x.split(1, dim=1):
            output, state, weights = self._advance(place, source, state, dropout)
            outputs.append(output)
            all_weights.append(weights)
        return self.dropout(torch.cat(outputs, dim=1)), torch.cat([w for w in all_weights if w is not None], dim=2)

    def step(
        self, tokens: Tensor, source: AttentionMemory, state: DecoderState
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """See `BlockDecoder.step`."""
        output, state, weights = self._advance(self.embedding(tokens).unsqueeze(1), source, state, nn.Identity())
        return output.squeeze(1), state, weights

    def read(self, target: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """See `BlockDecoder.read`."""
        x = self.dropout(self.word_dropout(self.embedding(target)))
        output, state, _ = self._advance(x, None, state, self._between_layers(x))
        return self.dropout(output), state

    def _between_layers(self, x: Tensor) -> Callable[[Tensor], Tensor]:
        """The dropout of the layers' outputs, for x [B, T, D]: locked, one mask a layer also in a loop over steps."""
        loops = self.feeds or self.stacked
        return locked(self.dropout, x[:, 0], self.depth) if self.dropout.locked and loops else self.dropout

    def _advance(
        self, x: Tensor, source: AttentionMemory | None, state: DecoderState, dropout: Callable[[Tensor], Tensor]
    ) -> tuple[Tensor, DecoderState, Tensor | None]:
        """Outputs [R, T, D] of the embedded tokens [R, T, D], of which input feeding allows but one, and so on."""
        rows: list[Tensor] = []
        y = torch.cat((x, state[-1].unsqueeze(1)), dim=-1) if self.feeds else x
        for layer, module in enumerate(self.layers):
            before = state[layer * self.parts : (layer + 1) * self.parts]
            if self.stacked:
                y, after = module(y, before, dropout)
            else:
                h, after = module(y, before)
                y = y + dropout(h) if self.residual and layer else dropout(h)
            rows += after
        if self.attention is None or self.combine is None or source is None:
            return y, tuple(rows), None
        queries = y.reshape(len(source.mask), -1, y.shape[-1])
        context, weights = self.attention(queries, source.keys[0], source.mask)
        output = self.combine(torch.cat((context.reshape(y.shape), y), dim=-1)).tanh()
        return output, (*rows, output.squeeze(1)) if self.feeds else tuple(rows), weights


Decoder = BlockDecoder | ClassicDecoder


def build_decoder(config: ModelConfig, embedding: ScaledEmbedding) -> Decoder:
    """The decoder that a configuration asks for."""
    return (BlockDecoder if config.has_decoder_blocks else ClassicDecoder)(config, embedding)


def _layer_keys(source: AttentionMemory, layer: int) -> KeysAndValues | None:
    return source.keys[layer] if source.keys else None
