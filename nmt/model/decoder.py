"""Decoders: a stack of pre-norm blocks with attention in each, and a classic stack with attention above the top layer.

Both have a `forward` method for whole sequences and a `step` method for one token. Their results agree up to rounding.

Shapes: B sentences, T target length, S source length, K hypotheses per sentence in search, R = B × K rows, Q queries
per sentence (T in training, K in search), H attention heads, D width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nmt.config.cells import CELL_TRAITS
from nmt.config.model import ModelConfig
from nmt.model.attention import KeysAndValues, build_attention
from nmt.model.cells.base import StateSpec
from nmt.model.cells.registry import state_specs
from nmt.model.encoder import EncoderOutput
from nmt.model.layers import Dropout, FeedForward, ScaledEmbedding, WordDropout
from nmt.model.recurrent_layers import build_decoder_layers, locked_dropout
from nmt.model.unrolled_cell import DropoutFunction, LayerState

DecoderState = tuple[Tensor, ...]
"""State of a decoder: tensors whose first dimension is rows, so that search can reorder them."""
DecoderOutput = tuple[Tensor, DecoderState, Tensor | None]
"""Outputs of the top layer, the new state, and the top layer's attention weights, if the decoder has attention."""


class AttentionMemory(NamedTuple):
    """Encoded source sentences, projected for the attention of the decoder. The first dimension of all tensors is B."""

    keys_and_values: tuple[KeysAndValues, ...]
    """Projected memory for each layer with attention."""
    mask: Tensor
    """Mask [B, S]: true at tokens, false in the padding."""


class DenseBridge(nn.Module):
    """Bridge that computes the initial decoder state by linear projections of the encoder's final states."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        width, self.layers = config.width, config.initial_state_layers
        self.specs = state_specs(config.cell, width)
        kinds = [spec.kind for spec in self.specs]
        outputs, cells = (config.decoder_layers * (kind in kinds) for kind in ("hidden", "cell"))
        self.outputs = nn.ModuleList(nn.Linear(width, width) for _ in range(outputs))
        self.cells = nn.ModuleList(nn.Linear(width, width) for _ in range(cells))

    def forward(self, states: list[LayerState]) -> DecoderState:
        """Return the state tensors of all decoder layers; for the LSTM, h and c [B, D] of each layer."""
        initial = []
        for number, layer in enumerate(self.layers):
            for spec, final in zip(self.specs, states[layer], strict=True):
                if spec.kind == "hidden":
                    initial.append(self.outputs[number](final).tanh())
                elif spec.kind == "cell":
                    initial.append(self.cells[number](final))
                else:
                    initial.append(_zero_state(spec, final))
        return tuple(initial)


class CopyBridge(nn.Module):
    """Bridge that uses the encoder's final states as the initial decoder state (Sutskever et al. 2014)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers, self.specs = config.initial_state_layers, state_specs(config.cell, config.width)

    def forward(self, states: list[LayerState]) -> DecoderState:
        """Return the state tensors of all decoder layers; see `DenseBridge.forward`."""
        pairs = [pair for layer in self.layers for pair in zip(self.specs, states[layer], strict=True)]
        return tuple(_zero_state(spec, final) if spec.kind == "auxiliary" else final for spec, final in pairs)


def _zero_state(spec: StateSpec, like: Tensor) -> Tensor:
    """Return a zero state tensor [B, spec.size] for an auxiliary state, which is not taken from the encoder."""
    return like.new_zeros(len(like), spec.size)


class DecoderBlock(nn.Module):
    """A pre-norm decoder block of three sublayers: a recurrent layer, attention, and a feed-forward network.

    Each sublayer has layer normalisation before it and a residual connection around it.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.recurrent_norm = nn.LayerNorm(config.width)
        [self.recurrent] = build_decoder_layers(config, config.width, 1)
        self.attention = build_attention(config.attention, config.width, config.heads)
        self.attention_norm = nn.LayerNorm(config.width) if self.attention else None
        self.feed_forward_norm = nn.LayerNorm(config.width)
        self.feed_forward = FeedForward(config.width, config.feed_forward_width, config.dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)

    def run_recurrent_sublayer(self, x: Tensor, state: LayerState) -> tuple[Tensor, LayerState]:
        """Run the recurrent sublayer over x [rows, steps, D]; return the outputs and the new state."""
        y, state = self.recurrent(self.recurrent_norm(x), state)
        return x + self.dropout(y), state

    def run_attention_and_feed_forward(
        self, x: Tensor, memory: AttentionMemory | None, layer: int
    ) -> tuple[Tensor, Tensor | None]:
        """Run the attention and feed-forward sublayers over x [rows, steps, D]; without ``memory``, skip attention.

        ``layer`` is the index of this block. Returns the outputs and the attention weights [B, H, Q, S].
        """
        weights = None
        if self.attention is not None and self.attention_norm is not None and memory is not None:
            queries = self.attention_norm(x).reshape(len(memory.mask), -1, x.shape[-1])
            context, weights = self.attention(queries, memory.keys_and_values[layer], memory.mask)
            x = x + self.dropout(context.reshape(x.shape))
        x = x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))
        return x, weights


class BlockDecoder(nn.Module):
    """A stack of decoder blocks.

    A step does not depend on the attention of the previous step, so teacher forcing needs no loop over time steps.
    """

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.bridge = DenseBridge(config)
        self.tensors_per_layer = len(state_specs(config.cell, config.width))
        self.blocks = nn.ModuleList(DecoderBlock(config) for _ in range(config.decoder_layers))
        self.norm = nn.LayerNorm(config.width)

    def initial_memory_and_state(self, encoded: EncoderOutput) -> tuple[AttentionMemory, DecoderState]:
        """Return the memory for the attention of all steps, and the initial state [B, ...]."""
        attentions = [block.attention for block in self._blocks() if block.attention is not None]
        projected = tuple(attention.project_memory(encoded.memory) for attention in attentions)
        return AttentionMemory(projected, encoded.mask), self.bridge(encoded.states)

    def forward(self, target: Tensor, memory: AttentionMemory | None, state: DecoderState) -> DecoderOutput:
        """Decode whole sequences (teacher forcing).

        Args:
            target: input ids [B, T].
            memory: encoded source; None for a language model.
            state: initial state [B, ...].

        Returns:
            Outputs [B, T, D], the final state, and the attention weights [B, H, T, S] of the top layer.
        """
        return self._run_blocks(self.dropout(self.word_dropout(self.embedding(target))), memory, state)

    def step(self, tokens: Tensor, memory: AttentionMemory, state: DecoderState) -> DecoderOutput:
        """Decode one token of each row, from input ids [R] and a state [R, ...].

        Returns the outputs [R, D], the new state, and the attention weights [B, H, K, S] of the top layer.
        """
        output, state, weights = self._run_blocks(self.embedding(tokens).unsqueeze(1), memory, state)
        return output.squeeze(1), state, weights

    def _run_blocks(self, x: Tensor, memory: AttentionMemory | None, state: DecoderState) -> DecoderOutput:
        """Run all blocks over embeddings x [rows, steps, D]."""
        weights, new_state = None, list[Tensor]()
        for layer, block in enumerate(self._blocks()):
            layer_state = state[layer * self.tensors_per_layer : (layer + 1) * self.tensors_per_layer]
            x, layer_state = block.run_recurrent_sublayer(x, layer_state)
            new_state += layer_state
            x, weights = block.run_attention_and_feed_forward(x, memory, layer)
        return self.norm(x), tuple(new_state), weights

    def _blocks(self) -> list[DecoderBlock]:
        return [block for block in self.blocks if isinstance(block, DecoderBlock)]


class ClassicDecoder(nn.Module):
    """A stack of recurrent layers with an optional attention above it.

    With attention, the output is the attentional vector tanh(W [context; h]). With input feeding, the first layer reads
    the previous token and the previous attentional vector (Luong et al. 2015, section 3.3), so teacher forcing is a
    loop over time steps. Without attention, the output is that of the top layer (Sutskever et al. 2014).
    """

    def __init__(self, config: ModelConfig, embedding: ScaledEmbedding) -> None:
        super().__init__()
        width, self.input_feeding, self.residual = config.width, config.input_feeding, config.residual
        self.embedding = embedding
        self.word_dropout = WordDropout(config.word_dropout)
        self.attention = build_attention(config.attention, width, config.heads)
        self.dropout = Dropout(config.dropout, config.locked_dropout)
        self.bridge = DenseBridge(config) if config.design == "blocks" else CopyBridge(config)
        self.stacked, self.depth = CELL_TRAITS[config.cell].stacked, config.decoder_layers
        self.layers = nn.ModuleList(build_decoder_layers(config, width * (1 + self.input_feeding), self.depth))
        self.tensors_per_module = len(state_specs(config.cell, width)) * (self.depth if self.stacked else 1)
        self.combine = nn.Linear(2 * width, width) if self.attention else None

    def initial_memory_and_state(self, encoded: EncoderOutput) -> tuple[AttentionMemory, DecoderState]:
        """Return the memory and the initial state; see `BlockDecoder.initial_memory_and_state`.

        With input feeding, the last tensor of the state is the attentional vector, which starts at zero.
        """
        state = self.bridge(encoded.states)
        attentional = (torch.zeros_like(state[0]),) if self.input_feeding else ()
        projected = (self.attention.project_memory(encoded.memory),) if self.attention else ()
        return AttentionMemory(projected, encoded.mask), (*state, *attentional)

    def forward(self, target: Tensor, memory: AttentionMemory | None, state: DecoderState) -> DecoderOutput:
        """Decode whole sequences; see `BlockDecoder.forward`."""
        x = self.dropout(self.word_dropout(self.embedding(target)))
        dropout = self._layer_dropout(x)
        if not self.input_feeding:
            output, state, weights = self._run_layers(x, memory, state, dropout)
            return self.dropout(output), state, weights
        outputs, step_weights = [], []
        for step in x.split(1, dim=1):
            output, state, weights = self._run_layers(step, memory, state, dropout)
            outputs.append(output)
            step_weights.append(weights)
        all_weights = torch.cat([weights for weights in step_weights if weights is not None], dim=2)
        return self.dropout(torch.cat(outputs, dim=1)), state, all_weights

    def step(self, tokens: Tensor, memory: AttentionMemory, state: DecoderState) -> DecoderOutput:
        """Decode one token of each row; see `BlockDecoder.step`."""
        output, state, weights = self._run_layers(self.embedding(tokens).unsqueeze(1), memory, state, nn.Identity())
        return output.squeeze(1), state, weights

    def _layer_dropout(self, x: Tensor) -> DropoutFunction:
        """Return the dropout of layer outputs for x [B, T, D]; in a loop over steps, locked dropout keeps its masks."""
        has_loop = self.input_feeding or self.stacked
        return locked_dropout(self.dropout, x[:, 0], self.depth) if self.dropout.locked and has_loop else self.dropout

    def _run_layers(
        self, x: Tensor, memory: AttentionMemory | None, state: DecoderState, dropout: DropoutFunction
    ) -> DecoderOutput:
        """Run all layers and the attention over embeddings x [rows, steps, D]; with input feeding, over one step."""
        new_state: list[Tensor] = []
        y = torch.cat((x, state[-1].unsqueeze(1)), dim=-1) if self.input_feeding else x
        for layer, module in enumerate(self.layers):
            module_state = state[layer * self.tensors_per_module : (layer + 1) * self.tensors_per_module]
            if self.stacked:
                y, module_state = module(y, module_state, dropout)
            else:
                h, module_state = module(y, module_state)
                y = y + dropout(h) if self.residual and layer else dropout(h)
            new_state += module_state
        if self.attention is None or self.combine is None or memory is None:
            return y, tuple(new_state), None
        queries = y.reshape(len(memory.mask), -1, y.shape[-1])
        context, weights = self.attention(queries, memory.keys_and_values[0], memory.mask)
        output = self.combine(torch.cat((context.reshape(y.shape), y), dim=-1)).tanh()
        return output, (*new_state, output.squeeze(1)) if self.input_feeding else tuple(new_state), weights


Decoder = BlockDecoder | ClassicDecoder


def build_decoder(config: ModelConfig, embedding: ScaledEmbedding) -> Decoder:
    """Create the decoder of a configuration."""
    return (BlockDecoder if config.has_decoder_blocks else ClassicDecoder)(config, embedding)
