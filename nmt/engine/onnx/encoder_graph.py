"""The ONNX graph that encodes source sentences.

Shapes: N sentences, S source length, H attention heads, D width, P positions per block (`BLOCK_SIZE`), Z total size of
the decoder state.
"""

from __future__ import annotations

import math

import numpy as np

from nmt.config.cells import CELL_TRAITS
from nmt.config.model import ModelConfig
from nmt.engine.onnx.cell_graphs import add_cell_loop
from nmt.engine.onnx.graph_builder import WeightFile
from nmt.engine.onnx.layer_graphs import (
    LayerBuilder,
    Precision,
    Weights,
    attention_layer_names,
    decoder_state_sizes,
    num_attention_heads,
)
from nmt.engine.slot_storage import BLOCK_SIZE
from nmt.model.cells.registry import build_cell, state_specs
from nmt.utils.arrays import AnyArray


class EncoderGraph(LayerBuilder):
    """Builder of the graph from ``source`` [N, S] and ``lengths`` [N] to ``state`` [N, Z] and attention memory.

    The memory consists of ``keys.l``, ``bias.l`` and ``values.l`` for each attention layer l. The keys include the
    query projection and the values include the output projection, so that a decoding step needs two products for all
    heads together: with x [K, D] the input of the layer, softmax(x · keys [D, H × S] + bias [H × S]) · values
    [H × S, D]. The bias is -inf in the padding.

    The source is cut into blocks of P positions, and each block is a product of its own. The summation order of a
    matrix product depends on its shape; without blocks, a longer sentence in the batch would change the last bits. So
    keys are [N, S / P, D, H × P], the bias is [N, S / P, 1, H × P] and values are [N, S / P, H × P, D].
    """

    def __init__(self, model: ModelConfig, weights: Weights, precision: Precision, weight_file: WeightFile) -> None:
        super().__init__("encoder", model, weights, precision, weight_file)

    def build(self) -> bytes:
        """Return the graph as the content of an ONNX file."""
        graph = self.graph
        source = graph.add_input("source", np.int64, "sentences", "source")
        lengths = graph.add_input("lengths", np.int32, "sentences")
        order = self._reversal_indices(source, lengths) if self.model.reverse_source else None
        ids = source if order is None else graph.op("GatherElements", source, order, axis=1)
        # [S, N, D], the layout of the LSTM operator.
        x = self.embed(graph.op("Transpose", ids, perm=[1, 0]), "encoder.embedding.weight")
        self._step_mask = "" if self.model.cell == "lstm" else self._to_time_major(self._padding_mask(source, lengths))
        states: list[list[str]] = []
        add_layer = self._add_block if self.model.design == "blocks" else self._add_classic_layer
        for layer in range(1 if CELL_TRAITS[self.model.cell].stacked else self.model.encoder_layers):
            x, layer_states = add_layer(x, lengths, layer)
            states += layer_states
        x = self.layer_norm(x, "encoder.norm") if self.model.design == "blocks" else x
        memory = graph.op("Transpose", x, perm=[1, 0, 2])  # [N, S, D]
        if order is not None:
            indices = graph.op("Unsqueeze", order, graph.int64_vector(2))
            memory = graph.op("GatherElements", memory, graph.op("Expand", indices, graph.op("Shape", memory)), axis=1)
        length = graph.op("Shape", source, start=1, end=2)
        missing = graph.op("Mod", graph.op("Neg", length), graph.int64_vector(BLOCK_SIZE))
        pads = graph.op("Concat", graph.int64_vector(0), missing, axis=0)
        memory = graph.op("Pad", memory, pads, "", graph.int64_vector(1))
        mask = self._padding_mask(memory, lengths)
        column = graph.op("Unsqueeze", mask, graph.int64_vector(2))
        memory = graph.op("Where", column, memory, graph.constant(0.0))
        for layer, name in enumerate(attention_layer_names(self.model)):
            self._add_attention_memory(layer, name, memory, mask)
        self._add_initial_state(states)
        return graph.serialise()

    def _add_block(self, x: str, lengths: str, layer: int) -> tuple[str, list[list[str]]]:
        """Add a `nmt.model.encoder.EncoderBlock` over x [S, N, D]."""
        name = f"encoder.blocks.{layer}"
        y, state = self._add_recurrent_layer(self.layer_norm(x, f"{name}.recurrent_norm"), lengths, layer)
        x = self.graph.op("Add", x, y)
        return self.feed_forward_sublayer(x, name), state

    def _add_classic_layer(self, x: str, lengths: str, layer: int) -> tuple[str, list[list[str]]]:
        """Add a `nmt.model.encoder.ClassicEncoderLayer` or `ClassicEncoderStack` over x [S, N, D]."""
        y, states = self._add_recurrent_layer(x, lengths, layer)
        return self.graph.op("Add", x, y) if self.model.residual and layer else y, states

    def _add_recurrent_layer(self, x: str, lengths: str, layer: int) -> tuple[str, list[list[str]]]:
        """Return the outputs [S, N, D], and the final state of the layer or of each layer of a stacked cell."""
        if self.model.cell == "lstm":
            y, state = self._add_lstm_layer(x, lengths, layer)
            return y, [state]
        y, states = self._add_cell_layer(x, layer)
        count = len(state_specs(self.model.cell, self.model.width))
        return y, [states[n : n + count] for n in range(0, len(states), count)]

    def _add_cell_layer(self, x: str, layer: int) -> tuple[str, list[str]]:
        """Add a `nmt.model.recurrent_layers.EncoderCellLayer` over x [S, N, D]."""
        graph, model = self.graph, self.model
        count = 1 + model.is_bidirectional(layer)
        width, name = model.width // count, f"encoder.blocks.{layer}.recurrent.directions"
        cell = build_cell(model.cell, model.width, width, model.encoder_layers, model.forget_bias)
        results = [add_cell_loop(self, cell, f"{name}.{n}", x, self._step_mask, backward=n == 1) for n in range(count)]
        if count == 1:
            return results[0]
        outputs, states = zip(*results, strict=True)
        state = [graph.op("Concat", *values, axis=1) for values in zip(*states, strict=True)]
        return graph.op("Concat", *outputs, axis=2), state

    def _add_lstm_layer(self, x: str, lengths: str, layer: int) -> tuple[str, list[str]]:
        """Add a `nmt.model.recurrent_layers.EncoderLSTMLayer` over x [S, N, D]."""
        graph, lstm = self.graph, f"encoder.blocks.{layer}.recurrent.lstm"
        directions = ("", "_reverse") if self.model.is_bidirectional(layer) else ("",)

        def concat_directions(kind: str) -> AnyArray:
            return np.concatenate([_onnx_gate_order(self.weights[f"{lstm}.{kind}_l0{d}"]) for d in directions])

        inputs = self._add_lstm_matrix(f"{lstm}.input", concat_directions("weight_ih"), len(directions))
        recurrent = self._add_lstm_matrix(f"{lstm}.recurrent", concat_directions("weight_hh"), len(directions))
        # torch has two biases per gate, which are added; ONNX reads the sum as the first and zeros as the second.
        biases = (concat_directions("bias_ih") + concat_directions("bias_hh")).reshape(len(directions), -1)
        bias = graph.weight(f"{lstm}.bias", np.concatenate((biases, np.zeros_like(biases)), axis=1))
        y, h, c = graph.multi_output_op(
            "LSTM", x, inputs, recurrent, bias, lengths, outputs=3,
            hidden_size=self.model.width // len(directions), direction="bidirectional" if directions[1:] else "forward",
        )  # fmt: skip
        y = graph.op("Reshape", graph.op("Transpose", y, perm=[0, 2, 1, 3]), graph.int64_vector(0, 0, -1))
        return y, [self._join_directions(h), self._join_directions(c)]

    def _add_lstm_matrix(self, name: str, matrix: AnyArray, directions: int) -> str:
        """Add the weights [4 × D, in] of one or two directions, reshaped to [1, 4 × D, in] or [2, 4 × D/2, in]."""
        graph = self.graph
        return graph.op("Reshape", self.fp32_matrix(name, matrix), graph.int64_vector(directions, -1, matrix.shape[1]))

    def _join_directions(self, state: str) -> str:
        """Reshape a final state [1, N, D] or [2, N, D/2] to [N, D]."""
        transposed = self.graph.op("Transpose", state, perm=[1, 0, 2])
        return self.graph.op("Reshape", transposed, self.graph.int64_vector(0, -1))

    def _add_attention_memory(self, layer: int, name: str, memory: str, mask: str) -> None:
        """Add the outputs for one attention layer, from the memory [N, S, D] padded to a whole number of blocks."""
        graph, model = self.graph, self.model
        if model.attention == "multihead":
            keys, bias, values = self._add_multihead_memory(name, memory)
        else:
            projection = "project" if model.attention == "dot" else "of_memory"
            keys = graph.op("Unsqueeze", self.linear(memory, f"{name}.{projection}", bias=False), graph.int64_vector(1))
            bias = graph.constant(np.zeros((1, 1, 1)))
            values = graph.op("Unsqueeze", memory, graph.int64_vector(1))
        bias = graph.op("Where", graph.op("Unsqueeze", mask, graph.int64_vector(1)), bias, graph.constant(-np.inf))
        width, columns = model.width, num_attention_heads(model) * BLOCK_SIZE
        keys = self._split_into_blocks(keys, [0, 2, 1, 3, 4] if model.attention == "additive" else [0, 2, 4, 1, 3])
        keys_shape = (columns, width) if model.attention == "additive" else (width, columns)
        keys = graph.op("Reshape", keys, graph.int64_vector(0, 0, *keys_shape))
        values = self._split_into_blocks(values, [0, 2, 1, 3, 4])
        values = graph.op("Reshape", values, graph.int64_vector(0, 0, columns, width))
        bias = graph.op("Reshape", self._split_into_blocks(bias, [0, 2, 1, 3]), graph.int64_vector(0, 0, 1, columns))
        graph.add_output(keys, f"keys.{layer}", np.float32, "sentences", "blocks", *keys_shape)
        graph.add_output(bias, f"bias.{layer}", np.float32, "sentences", "blocks", 1, columns)
        graph.add_output(values, f"values.{layer}", np.float32, "sentences", "blocks", columns, width)

    def _split_into_blocks(self, x: str, order: list[int]) -> str:
        """Reshape x [N, H, S, ...] to blocks [N, H, S / P, P, ...], then permute the axes to ``order``."""
        graph = self.graph
        rest = [self.model.width] * (len(order) - 4)
        shape = graph.int64_vector(0, num_attention_heads(self.model), -1, BLOCK_SIZE, *rest)
        return graph.op("Transpose", graph.op("Reshape", x, shape), perm=order)

    def _add_multihead_memory(self, name: str, memory: str) -> tuple[str, str, str]:
        """Return keys [N, H, S, D], bias [N, H, S] and values [N, H, S, D] of multi-head attention."""
        graph, width, heads = self.graph, self.model.width, self.model.heads
        size = width // heads
        both = graph.op("Reshape", self.linear(memory, f"{name}.key_value"), graph.int64_vector(0, 0, 2 * heads, size))
        both = graph.op("Transpose", both, perm=[0, 2, 1, 3])  # [N, 2H, S, D/H]
        key, value = graph.multi_output_op("Split", both, graph.int64_vector(heads, heads), axis=1, outputs=2)
        query = self.fp32_matrix(f"{name}.query.scaled", self.weights[f"{name}.query.weight"] / math.sqrt(size))
        keys = graph.op("MatMul", key, graph.op("Reshape", query, graph.int64_vector(heads, size, width)))
        # Multiply and add: a matrix product with one column has another summation order for sentences of one token.
        offset = (self.weights[f"{name}.query.bias"] / math.sqrt(size)).reshape(heads, 1, size)
        shifted = graph.op("Mul", key, graph.weight(f"{name}.query.offset", offset))
        bias = graph.op("ReduceSum", shifted, graph.int64_vector(3), keepdims=0)
        output = self.fp32_matrix(f"{name}.output.transposed", self.weights[f"{name}.output.weight"].T)
        values = graph.op("MatMul", value, graph.op("Reshape", output, graph.int64_vector(heads, size, width)))
        return keys, bias, values

    def _add_initial_state(self, states: list[list[str]]) -> None:
        """Add the initial decoder state; see `nmt.model.decoder.DenseBridge` and `nmt.model.decoder.CopyBridge`."""
        graph, model, initial = self.graph, self.model, list[str]()
        blocks = model.design == "blocks"
        for layer, encoder_layer in enumerate(model.initial_state_layers):
            for spec, final in zip(state_specs(model.cell, model.width), states[encoder_layer], strict=True):
                if spec.kind == "auxiliary":
                    initial.append(self._zero_state(final, spec.size))
                elif not blocks:
                    initial.append(final)
                elif spec.kind == "hidden":
                    initial.append(graph.op("Tanh", self.linear(final, f"decoder.bridge.outputs.{layer}")))
                else:
                    initial.append(self.linear(final, f"decoder.bridge.cells.{layer}"))
        if model.input_feeding:  # the attentional vector starts at zero
            initial.append(graph.op("Sub", initial[0], initial[0]))
        size = sum(decoder_state_sizes(model))
        graph.add_output(graph.op("Concat", *initial, axis=1), "state", np.float32, "sentences", size)

    def _zero_state(self, like: str, width: int) -> str:
        """Return zeros [N, width] for a value [N, ...]."""
        graph = self.graph
        shape = graph.op("Concat", graph.op("Shape", like, start=0, end=1), graph.int64_vector(width), axis=0)
        return graph.op("Expand", graph.constant(np.zeros((1, 1))), shape)

    def _position_range(self, x: str) -> str:
        """Return the positions 0, 1, ..., S - 1 for a value [N, S, ...]."""
        graph = self.graph
        length = graph.op("Squeeze", graph.op("Shape", x, start=1, end=2))
        return graph.op("Range", graph.constant(0, np.int64), length, graph.constant(1, np.int64))

    def _padding_mask(self, x: str, lengths: str) -> str:
        """Return the mask [N, S] of a value [N, S, ...]: true at tokens, false in the padding."""
        graph = self.graph
        column = graph.op("Unsqueeze", graph.op("Cast", lengths, to=7), graph.int64_vector(1))
        return graph.op("Less", self._position_range(x), column)

    def _to_time_major(self, mask: str) -> str:
        """Reshape a mask [N, S] to [S, N, 1]."""
        graph = self.graph
        return graph.op("Unsqueeze", graph.op("Transpose", mask, perm=[1, 0]), graph.int64_vector(2))

    def _reversal_indices(self, source: str, lengths: str) -> str:
        """Return the indices [N, S] that reverse each sentence; see `nmt.model.encoder.reversal_indices`."""
        graph, positions = self.graph, self._position_range(source)
        column = graph.op("Unsqueeze", graph.op("Cast", lengths, to=7), graph.int64_vector(1))
        mirrored = graph.op("Sub", graph.op("Sub", column, graph.constant(2, np.int64)), positions)
        is_word = graph.op("GreaterOrEqual", mirrored, graph.constant(0, np.int64))
        return graph.op("Where", is_word, mirrored, positions)


def _onnx_gate_order(weight: AnyArray) -> AnyArray:
    """Reorder torch's gates (input, forget, candidate, output) to ONNX's order (input, output, forget, candidate)."""
    input_, forget, candidate, output = np.split(weight, 4)
    return np.concatenate((input_, output, forget, candidate))
