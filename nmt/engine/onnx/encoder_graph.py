"""The graph that reads sentences.

N sentences, S source length, H heads, D width, Z numbers of a row's state.
"""

from __future__ import annotations

import math

import numpy as np

from nmt.config.model import ModelConfig
from nmt.engine.onnx.cell_graphs import cell_sequence
from nmt.engine.onnx.graph_builder import Array, WeightFile
from nmt.engine.onnx.layer_graphs import Layers, Precision, Weights, attending, attention_heads, state_sizes
from nmt.engine.slot_storage import BLOCK
from nmt.model.cells.families import CELLS, equations


class EncoderGraph(Layers):
    """``source`` [N, S] and ``lengths`` [N] to a ``state`` [N, Z] and what the step calls its memory.

    For each layer l that attends: ``keys.l``, ``bias.l`` and ``values.l``. The query's projection is multiplied into
    the keys and the output's into the values, so that a step has two products for all heads together: with x [K, D]
    the layer's input, softmax(x · keys [D, H × S] + bias [H × S]) · values [H × S, D]. Bias is -inf in the padding.

    The source is cut into blocks of B places, and each block is a product of its own. In which order a product sums
    depends on its shape: were it of all places at once, a longer companion would change the last bits. So keys are
    [N, S / B, D, H × B], bias [N, S / B, 1, H × B] and values [N, S / B, H × B, D].
    """

    def __init__(self, model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile) -> None:
        super().__init__("encoder", model, weights, precision, shared)

    def build(self) -> bytes:
        """The graph's file."""
        graph = self.graph
        source = graph.input("source", np.int64, "sentences", "source")
        lengths = graph.input("lengths", np.int32, "sentences")
        order = self._backwards(source, lengths) if self.model.reverse_source else None
        ids = source if order is None else graph.op("GatherElements", source, order, axis=1)
        # [S, N, D], as the LSTM operator wants it.
        x = self.embed(graph.op("Transpose", ids, perm=[1, 0]), "encoder.embedding.weight")
        self._inside = "" if self.model.cell == "lstm" else self._by_step(self._words(source, lengths))
        states: list[list[str]] = []
        layer_of_design = self._block if self.model.design == "blocks" else self._classic_layer
        for layer in range(1 if CELLS[self.model.cell].stacked else self.model.encoder_layers):
            x, state = layer_of_design(x, lengths, layer)
            states += state
        x = self.layer_norm(x, "encoder.norm") if self.model.design == "blocks" else x
        memory = graph.op("Transpose", x, perm=[1, 0, 2])  # [N, S, D]
        if order is not None:
            places = graph.op("Unsqueeze", order, graph.whole(2))
            memory = graph.op("GatherElements", memory, graph.op("Expand", places, graph.op("Shape", memory)), axis=1)
        missing = graph.op("Mod", graph.op("Neg", graph.op("Shape", source, start=1, end=2)), graph.whole(BLOCK))
        pads = graph.op("Concat", graph.whole(0), missing, axis=0)
        memory = graph.op("Pad", memory, pads, "", graph.whole(1))
        words = self._words(memory, lengths)
        column = graph.op("Unsqueeze", words, graph.whole(2))
        memory = graph.op("Where", column, memory, graph.constant(0.0))
        for layer, name in enumerate(attending(self.model)):
            self._memory(layer, name, memory, words)
        self._first_state(states)
        return graph.serialise()

    def _block(self, x: str, lengths: str, layer: int) -> tuple[str, list[list[str]]]:
        """See `nmt.model.encoder.EncoderBlock`; x is [S, N, D]."""
        name = f"encoder.blocks.{layer}"
        y, state = self._recurrent(self.layer_norm(x, f"{name}.recurrent_norm"), lengths, layer)
        x = self.add(x, y)
        x = self.add(x, self.feed_forward(self.layer_norm(x, f"{name}.feed_forward_norm"), f"{name}.feed_forward"))
        return x, state

    def _classic_layer(self, x: str, lengths: str, layer: int) -> tuple[str, list[list[str]]]:
        """See `nmt.model.encoder.ClassicEncoderLayer` and `nmt.model.encoder.ClassicEncoderStack`; x is [S, N, D]."""
        y, states = self._recurrent(x, lengths, layer)
        return self.add(x, y) if self.model.residual and layer else y, states

    def _recurrent(self, x: str, lengths: str, layer: int) -> tuple[str, list[list[str]]]:
        """The outputs [S, N, D], and the last state of the layer, or of each layer of a stack."""
        if self.model.cell == "lstm":
            y, state = self._lstm(x, lengths, layer)
            return y, [state]
        y, states = self._cell(x, layer)
        parts = len(CELLS[self.model.cell].parts(self.model.width))
        return y, [states[n : n + parts] for n in range(0, len(states), parts)]

    def _cell(self, x: str, layer: int) -> tuple[str, list[str]]:
        """See `nmt.model.recurrent_layers.EncoderCellLayer`; x is [S, N, D]."""
        graph, model = self.graph, self.model
        count = 1 + model.is_bidirectional(layer)
        width, name = model.width // count, f"encoder.blocks.{layer}.recurrent.directions"
        cell = equations(model.cell, model.width, width, model.encoder_layers, model.forget_bias)
        found = [cell_sequence(self, cell, f"{name}.{n}", x, self._inside, backwards=n == 1) for n in range(count)]
        if count == 1:
            return found[0]
        outputs, states = zip(*found, strict=True)
        side_by_side = [graph.op("Concat", *parts, axis=1) for parts in zip(*states, strict=True)]
        return graph.op("Concat", *outputs, axis=2), side_by_side

    def _lstm(self, x: str, lengths: str, layer: int) -> tuple[str, list[str]]:
        """See `nmt.model.recurrent_layers.EncoderLSTMLayer`; x is [S, N, D]."""
        graph, lstm = self.graph, f"encoder.blocks.{layer}.recurrent.lstm"
        directions = ("", "_reverse") if self.model.is_bidirectional(layer) else ("",)

        def all_of(kind: str) -> Array:
            return np.concatenate([_onnx_gates(self.weights[f"{lstm}.{kind}_l0{d}"]) for d in directions])

        inputs = self._directions(f"{lstm}.input", all_of("weight_ih"), len(directions))
        recurrent = self._directions(f"{lstm}.recurrent", all_of("weight_hh"), len(directions))
        # torch has two biases for each gate; their sum is what matters.
        biases = (all_of("bias_ih") + all_of("bias_hh")).reshape(len(directions), -1)
        bias = graph.weight(f"{lstm}.bias", np.concatenate((biases, np.zeros_like(biases)), axis=1))
        y, h, c = graph.ops(
            "LSTM", x, inputs, recurrent, bias, lengths, outputs=3,
            hidden_size=self.model.width // len(directions), direction="bidirectional" if directions[1:] else "forward",
        )  # fmt: skip
        y = graph.op("Reshape", graph.op("Transpose", y, perm=[0, 2, 1, 3]), graph.whole(0, 0, -1))
        return y, [self._side_by_side(h), self._side_by_side(c)]

    def _directions(self, name: str, matrix: Array, count: int) -> str:
        """Weights [4 × D, in] of one or two directions as [1, 4 × D, in] or [2, 4 × D/2, in]."""
        graph = self.graph
        return graph.op("Reshape", self.constant_matrix(name, matrix), graph.whole(count, -1, matrix.shape[1]))

    def _side_by_side(self, state: str) -> str:
        """[1, N, D] or [2, N, D/2] to [N, D]."""
        return self.graph.op("Reshape", self.graph.op("Transpose", state, perm=[1, 0, 2]), self.graph.whole(0, -1))

    def _memory(self, layer: int, name: str, memory: str, words: str) -> None:
        """Output the keys, bias and values of one attending layer, of the memory [N, S, D] with S a whole of blocks."""
        graph, model = self.graph, self.model
        if model.attention == "multihead":
            keys, bias, values = self._heads(name, memory)
        else:
            projection = "project" if model.attention == "dot" else "of_memory"
            keys = graph.op("Unsqueeze", self.linear(memory, f"{name}.{projection}", bias=False), graph.whole(1))
            bias = graph.constant(np.zeros((1, 1, 1)))
            values = graph.op("Unsqueeze", memory, graph.whole(1))
        bias = graph.op("Where", graph.op("Unsqueeze", words, graph.whole(1)), bias, graph.constant(-np.inf))
        width, places = model.width, attention_heads(model) * BLOCK
        keys = self._blocks(keys, [0, 2, 1, 3, 4] if model.attention == "additive" else [0, 2, 4, 1, 3])
        keys_shape = (places, width) if model.attention == "additive" else (width, places)
        keys = graph.op("Reshape", keys, graph.whole(0, 0, *keys_shape))
        values = graph.op("Reshape", self._blocks(values, [0, 2, 1, 3, 4]), graph.whole(0, 0, places, width))
        bias = graph.op("Reshape", self._blocks(bias, [0, 2, 1, 3]), graph.whole(0, 0, 1, places))
        graph.output(keys, f"keys.{layer}", np.float32, "sentences", "blocks", *keys_shape)
        graph.output(bias, f"bias.{layer}", np.float32, "sentences", "blocks", 1, places)
        graph.output(values, f"values.{layer}", np.float32, "sentences", "blocks", places, width)

    def _blocks(self, x: str, order: list[int]) -> str:
        """[N, H, S, …] with S cut into blocks [N, H, S / BLOCK, BLOCK, …], its axes in that order."""
        graph = self.graph
        rest = [0] * (len(order) - 4)
        heads = graph.op(
            "Reshape", x, graph.whole(0, attention_heads(self.model), -1, BLOCK, *rest and [self.model.width])
        )
        return graph.op("Transpose", heads, perm=order)

    def _heads(self, name: str, memory: str) -> tuple[str, str, str]:
        """Keys [N, H, S, D], bias [N, H, S] and values [N, H, S, D] of multi-head attention."""
        graph, width, heads = self.graph, self.model.width, self.model.heads
        size = width // heads
        both = graph.op("Reshape", self.linear(memory, f"{name}.key_value"), graph.whole(0, 0, 2 * heads, size))
        both = graph.op("Transpose", both, perm=[0, 2, 1, 3])  # [N, 2H, S, D/H]
        key, value = graph.ops("Split", both, graph.whole(heads, heads), axis=1, outputs=2)
        query = self.weights[f"{name}.query.weight"] / math.sqrt(size)
        of_query = self.constant_matrix(f"{name}.query.scaled", query)  # [D, D]
        keys = graph.op("MatMul", key, graph.op("Reshape", of_query, graph.whole(heads, size, width)))
        # A product with a single column is summed in another order when a sentence has a single piece: multiply, add.
        offset = (self.weights[f"{name}.query.bias"] / math.sqrt(size)).reshape(heads, 1, size)
        shifted = graph.op("Mul", key, graph.weight(f"{name}.query.offset", offset))
        bias = graph.op("ReduceSum", shifted, graph.whole(3), keepdims=0)
        output = self.constant_matrix(f"{name}.output.transposed", self.weights[f"{name}.output.weight"].T)
        values = graph.op("MatMul", value, graph.op("Reshape", output, graph.whole(heads, size, width)))
        return keys, bias, values

    def _first_state(self, states: list[list[str]]) -> None:
        """See `nmt.model.decoder.DenseBridge` and `nmt.model.decoder.CopyBridge`."""
        graph, model, parts = self.graph, self.model, list[str]()
        blocks = model.design == "blocks"
        for layer, below in enumerate(model.initial_state_layers):
            for part, last in zip(CELLS[model.cell].parts(model.width), states[below], strict=True):
                if part.kind == "own":
                    parts.append(self._zeros(last, part.size))
                elif not blocks:
                    parts.append(last)
                elif part.kind == "output":
                    parts.append(graph.op("Tanh", self.linear(last, f"decoder.bridge.outputs.{layer}")))
                else:
                    parts.append(self.linear(last, f"decoder.bridge.cells.{layer}"))
        if model.input_feeding:
            parts.append(graph.op("Sub", parts[0], parts[0]))
        graph.output(graph.op("Concat", *parts, axis=1), "state", np.float32, "sentences", sum(state_sizes(model)))

    def _zeros(self, like: str, size: int) -> str:
        """[N, size] for a value [N, …]."""
        graph = self.graph
        shape = graph.op("Concat", graph.op("Shape", like, start=0, end=1), graph.whole(size), axis=0)
        return graph.op("Expand", graph.constant(np.zeros((1, 1))), shape)

    def _places(self, source: str) -> str:
        """0, 1, … S - 1, of anything [N, S, …]."""
        graph = self.graph
        count = graph.op("Squeeze", graph.op("Shape", source, start=1, end=2))
        return graph.op("Range", graph.constant(0, np.int64), count, graph.constant(1, np.int64))

    def _words(self, source: str, lengths: str) -> str:
        """[N, S]: true at pieces, false in the padding."""
        graph = self.graph
        column = graph.op("Unsqueeze", graph.op("Cast", lengths, to=7), graph.whole(1))
        return graph.op("Less", self._places(source), column)

    def _by_step(self, words: str) -> str:
        """[N, S] to [S, N, 1]."""
        graph = self.graph
        return graph.op("Unsqueeze", graph.op("Transpose", words, perm=[1, 0]), graph.whole(2))

    def _backwards(self, source: str, lengths: str) -> str:
        """See `nmt.model.encoder.reversal_indices`."""
        graph, places = self.graph, self._places(source)
        column = graph.op("Unsqueeze", graph.op("Cast", lengths, to=7), graph.whole(1))
        mirrored = graph.op("Sub", graph.op("Sub", column, graph.constant(2, np.int64)), places)
        return graph.op("Where", graph.op("GreaterOrEqual", mirrored, graph.constant(0, np.int64)), mirrored, places)


def _onnx_gates(weight: Array) -> Array:
    """Torch's order of gates (input, forget, candidate, output) to ONNX's (input, output, forget, candidate)."""
    input_, forget, candidate, output = np.split(weight, 4)
    return np.concatenate((input_, output, forget, candidate))
