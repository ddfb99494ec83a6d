"""From trained weights to ONNX graphs, operator by operator.

``encoder.onnx`` reads sentences; ``step.onnx`` advances hypotheses by a token with the whole vocabulary,
``step_list.onnx`` with a list of each sentence's own, for which ``rows.onnx`` gathers the output layer; ``scores.onnx``
and ``scores_list.onnx`` are steps without the top-k, for sampling and ensembles; ``weights.bin`` holds what they share.

The graphs are written by hand instead of traced: the step must gather states by parent, keep each sentence's memory
once for all its hypotheses, and quantise each row by itself, none of which the network in torch does.

N sentences, K hypotheses a sentence, R = N × K rows, S source length, H heads, D width, L tokens of a list, V
vocabulary, Z numbers of a row's state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from nmt import bundle as bundles
from nmt.bundle import GRAPHS, SHORTLIST, WEIGHTS, Bundle
from nmt.config import ModelConfig
from nmt.corpus.tokenizer import is_reserved
from nmt.engine.graph import WEIGHT_FILE, Array, Graph, WeightFile
from nmt.engine.quantise import quantise
from nmt.errors import CarouselError

Precision = Literal["fp32", "int8"]
Weights = Mapping[str, Array]
"""The trained arrays by their names in torch."""

EMBEDDING = "output"
"""The name of the output layer's rows [V, D], which are also the embeddings where the two are tied."""

# Normalised inputs reach to about 4, outputs of an LSTM to 1. One scale serves both sides of a row, so the recurrent
# side is brought to the input's size; a power of two costs no precision.
_RECURRENT_GAIN = 4.0


def export(model: ModelConfig, weights: Weights, precision: Precision) -> dict[str, bytes]:
    """The files of a bundle's folder ``onnx``, by name."""
    shared = WeightFile()
    files = {
        "encoder.onnx": EncoderGraph(model, weights, precision, shared).build(),
        "rows.onnx": _rows_graph(model, weights, precision, shared),
    }
    for name, top_k, listed in (
        ("step.onnx", True, False),
        ("step_list.onnx", True, True),
        ("scores.onnx", False, False),
        ("scores_list.onnx", False, True),
    ):
        files[name] = StepGraph(model, weights, precision, shared).build(top_k, listed)
    files[WEIGHT_FILE] = shared.content()
    return files


def export_bundle(bundle: Bundle, out: Path, precision: Precision, shortlist: bool) -> None:
    """Write a bundle for serving: graphs and tokenizer, without the weights that only torch reads.

    Raises CarouselError when the bundle has no weights, or no shortlist where one is wanted.
    """
    if bundle.weights is None:
        raise CarouselError(f"{bundle.path}: has no {WEIGHTS}, so it was exported before; export the model of the run")
    files = graph_files(bundle.card.model, bundle.weights, precision)
    if shortlist:
        if bundle.shortlist is None:
            raise CarouselError(f"{bundle.path}: has no {SHORTLIST}; export without --shortlist, or train again")
        files[SHORTLIST] = bundle.shortlist.read_bytes()
    bundles.write(out, bundle.card.model_copy(update={"precision": precision}), bundle.tokenizer, files)


def graph_files(model: ModelConfig, weights: Path, precision: Precision) -> dict[str, bytes]:
    """The graphs of trained weights, by their names in a bundle. Raises CarouselError when the file is damaged."""
    try:
        tensors = load_file(weights)
    except (SafetensorError, OSError) as error:
        raise CarouselError(f"{weights}: is damaged ({error}); copy the model directory again") from None
    return {f"{GRAPHS}/{name}": content for name, content in export(model, tensors, precision).items()}


class Layers:
    """What encoder and decoder have in common, in either precision. Rows are over all dimensions but the last."""

    def __init__(
        self, name: str, model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile
    ) -> None:
        self.model, self.weights, self.int8 = model, weights, precision == "int8"
        self.graph = Graph(name, shared)

    def vector(self, name: str) -> str:
        """A trained vector as it is."""
        return self.graph.weight(name, self.weights[name])

    def linear(self, x: str, name: str, bias: bool = True) -> str:
        """A layer of torch's `Linear`: [..., in] to [..., out]."""
        y = self.product(x, f"{name}.weight", self.weights[f"{name}.weight"])
        return self.graph.op("Add", y, self.vector(f"{name}.bias")) if bias else y

    def product(self, x: str, name: str, weight: Array) -> str:
        """X [..., in] times a constant ``weight`` [out, in], transposed."""
        graph = self.graph
        if not self.int8:
            return graph.op("MatMul", x, graph.weight(f"{name}.transposed", weight.T))
        levels, scales = quantise(weight)
        x_levels, peaks = self.quantised_rows(x)
        y = graph.op(
            "MatMulIntegerToFloat",
            x_levels,
            graph.weight(f"{name}.levels", levels.T),
            graph.constant(1 / 127),
            graph.weight(f"{name}.scales", scales),
            graph.constant(128, np.uint8),
        )
        return graph.op("Mul", y, peaks)

    def quantised_rows(self, x: str) -> tuple[str, str]:
        """Levels 1 to 255 of x over the largest magnitude of its row, 128 for zero; and that magnitude [..., 1].

        A scale for each row makes a row's result independent of the others. A row of zeros gives 0 / 0, some level
        and a magnitude of 0, whose product is 0 again.
        """
        graph = self.graph
        peaks = graph.op("ReduceMax", graph.op("Abs", x), graph.constant([-1], np.int64), keepdims=1)
        ratio = graph.op("Div", x, peaks)
        return graph.op("QuantizeLinear", ratio, graph.constant(1 / 127), graph.constant(128, np.uint8)), peaks

    def constant_matrix(self, name: str, matrix: Array) -> str:
        """A matrix [rows, columns] for operators that compute in fp32; int8 where it is stored."""
        graph = self.graph
        if not self.int8:
            return graph.weight(name, matrix)
        levels, scales = quantise(matrix)
        wide = graph.op("Cast", graph.weight(f"{name}.levels", levels), to=1)
        return graph.op("Mul", wide, graph.weight(f"{name}.scales_column", scales[:, None]))

    def embed(self, ids: str, name: str) -> str:
        """Scaled embeddings [..., D] of ids [...]."""
        graph = self.graph
        name = name if name in self.weights else EMBEDDING  # shared tables are stored once
        table, scale = self.weights[name], math.sqrt(self.model.width)
        if not self.int8:
            return graph.op("Mul", graph.op("Gather", graph.weight(name, table), ids), graph.constant(scale))
        levels, scales = quantise(table)
        rows = graph.op("Cast", graph.op("Gather", graph.weight(f"{name}.levels", levels), ids), to=1)
        factors = graph.weight(f"{name}.input_scales", scales[:, None] * np.float32(scale))
        return graph.op("Mul", rows, graph.op("Gather", factors, ids))

    def layer_norm(self, x: str, name: str) -> str:
        """Torch's `LayerNorm` over the last dimension."""
        gain, bias = self.vector(f"{name}.weight"), self.vector(f"{name}.bias")
        return self.graph.op("LayerNormalization", x, gain, bias, epsilon=1e-5)

    def feed_forward(self, x: str, name: str) -> str:
        """See `nmt.model.layers.FeedForward`."""
        inner = self.graph.op("Relu", self.linear(x, f"{name}.widen"))
        return self.linear(inner, f"{name}.narrow")

    def add(self, x: str, y: str) -> str:
        """A residual connection."""
        return self.graph.op("Add", x, y)


class EncoderGraph(Layers):
    """``source`` [N, S] and ``lengths`` [N] to a ``state`` [N, Z] and what the step calls its memory.

    For each layer l that attends: ``keys.l``, ``bias.l`` and ``values.l``. The query's projection is multiplied into
    the keys and the output's into the values, so that a step has two products for all heads together: with x [K, D]
    the layer's input, softmax(x · keys [D, H × S] + bias [H × S]) · values [H × S, D]. Bias is -inf in the padding.
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
        states = []
        for layer in range(self.model.encoder_layers):
            x, state = self._block(x, lengths, f"encoder.blocks.{layer}")
            states.append(state)
        memory = graph.op("Transpose", self.layer_norm(x, "encoder.norm"), perm=[1, 0, 2])  # [N, S, D]
        if order is not None:
            places = graph.op("Unsqueeze", order, graph.constant([2], np.int64))
            memory = graph.op("GatherElements", memory, graph.op("Expand", places, graph.op("Shape", memory)), axis=1)
        words = self._words(source, lengths)
        column = graph.op("Unsqueeze", words, graph.constant([2], np.int64))
        memory = graph.op("Where", column, memory, graph.constant(0.0))
        for layer, name in enumerate(attending(self.model)):
            self._memory(layer, name, memory, words)
        self._first_state(states)
        return graph.serialise()

    def _block(self, x: str, lengths: str, name: str) -> tuple[str, tuple[str, str]]:
        """See `nmt.model.encoder.EncoderBlock`; x is [S, N, D]."""
        graph, half = self.graph, self.model.width // 2
        lstm = f"{name}.recurrent.lstm"

        def both(kind: str) -> Array:
            return np.concatenate([_onnx_gates(self.weights[f"{lstm}.{kind}_l0{d}"]) for d in ("", "_reverse")])

        inputs = self._directions(f"{lstm}.input", both("weight_ih"))
        recurrent = self._directions(f"{lstm}.recurrent", both("weight_hh"))
        # torch has two biases for each gate; their sum is what matters.
        biases = (both("bias_ih") + both("bias_hh")).reshape(2, -1)
        bias = graph.weight(f"{lstm}.bias", np.concatenate((biases, np.zeros_like(biases)), axis=1))
        y, h, c = graph.ops(
            "LSTM", self.layer_norm(x, f"{name}.recurrent_norm"), inputs, recurrent, bias, lengths,
            outputs=3, hidden_size=half, direction="bidirectional",
        )  # fmt: skip
        y = graph.op("Reshape", graph.op("Transpose", y, perm=[0, 2, 1, 3]), graph.shape(0, 0, -1))
        x = self.add(x, y)
        x = self.add(x, self.feed_forward(self.layer_norm(x, f"{name}.feed_forward_norm"), f"{name}.feed_forward"))
        return x, (self._side_by_side(h), self._side_by_side(c))

    def _directions(self, name: str, matrix: Array) -> str:
        """Weights [8 × D/2, in] of both directions as [2, 4 × D/2, in]."""
        graph = self.graph
        return graph.op("Reshape", self.constant_matrix(name, matrix), graph.shape(2, -1, matrix.shape[1]))

    def _side_by_side(self, state: str) -> str:
        """[2, N, D/2] to [N, D]."""
        return self.graph.op("Reshape", self.graph.op("Transpose", state, perm=[1, 0, 2]), self.graph.shape(0, -1))

    def _memory(self, layer: int, name: str, memory: str, words: str) -> None:
        """The keys, bias and values of one attending layer."""
        graph, model = self.graph, self.model
        width = model.width
        heads = model.heads if model.attention == "multihead" else 1
        if model.attention == "additive":
            keys = self.linear(memory, f"{name}.of_memory", bias=False)
            graph.output(keys, f"keys.{layer}", np.float32, "sentences", "source", width)
        if model.attention == "dot":
            keys = graph.op("Transpose", self.linear(memory, f"{name}.project", bias=False), perm=[0, 2, 1])
            keys = graph.op("Unsqueeze", keys, graph.constant([2], np.int64))
            graph.output(keys, f"keys.{layer}", np.float32, "sentences", width, 1, "source")
        if model.attention == "multihead":
            bias, values = self._heads(layer, name, memory)
        else:
            bias = graph.constant(np.zeros((1, 1, 1)))
            values = graph.op("Unsqueeze", memory, graph.constant([1], np.int64))
        mask = graph.op("Unsqueeze", words, graph.constant([1], np.int64))
        bias = graph.op("Where", mask, bias, graph.constant(-np.inf))
        graph.output(bias, f"bias.{layer}", np.float32, "sentences", heads, "source")
        graph.output(values, f"values.{layer}", np.float32, "sentences", heads, "source", width)

    def _heads(self, layer: int, name: str, memory: str) -> tuple[str, str]:
        """Output the keys [N, D, H, S]; give bias [N, H, S] and values [N, H, S, D] of multi-head attention."""
        graph, width, heads = self.graph, self.model.width, self.model.heads
        size = width // heads
        both = graph.op("Reshape", self.linear(memory, f"{name}.key_value"), graph.shape(0, 0, 2 * heads, size))
        both = graph.op("Transpose", both, perm=[0, 2, 1, 3])  # [N, 2H, S, D/H]
        key, value = graph.ops("Split", both, graph.constant([heads, heads], np.int64), axis=1, outputs=2)
        query = self.weights[f"{name}.query.weight"] / math.sqrt(size)
        of_query = self.constant_matrix(f"{name}.query.scaled", query)  # [D, D]
        of_query = graph.op("Reshape", of_query, graph.shape(heads, size, width))
        keys = graph.op("Transpose", graph.op("MatMul", key, of_query), perm=[0, 3, 1, 2])
        graph.output(keys, f"keys.{layer}", np.float32, "sentences", width, heads, "source")
        # A product with a single column is summed in another order when a sentence has a single piece: multiply, add.
        offset = (self.weights[f"{name}.query.bias"] / math.sqrt(size)).reshape(heads, 1, size)
        shifted = graph.op("Mul", key, graph.weight(f"{name}.query.offset", offset))
        bias = graph.op("ReduceSum", shifted, graph.constant([3], np.int64), keepdims=0)
        output = self.constant_matrix(f"{name}.output.transposed", self.weights[f"{name}.output.weight"].T)
        values = graph.op("MatMul", value, graph.op("Reshape", output, graph.shape(heads, size, width)))
        return bias, values

    def _first_state(self, states: list[tuple[str, str]]) -> None:
        """See `nmt.model.decoder.Bridge`."""
        graph, parts = self.graph, []
        for layer in range(self.model.decoder_layers):
            h, c = states[min(layer, len(states) - 1)]
            parts += [
                graph.op("Tanh", self.linear(h, f"decoder.bridge.outputs.{layer}")),
                self.linear(c, f"decoder.bridge.cells.{layer}"),
            ]
        if self.model.input_feeding:
            parts.append(graph.op("Sub", parts[0], parts[0]))
        graph.output(graph.op("Concat", *parts, axis=1), "state", np.float32, "sentences", state_size(self.model))

    def _places(self, source: str) -> str:
        """0, 1, … S - 1."""
        graph = self.graph
        count = graph.op("Squeeze", graph.op("Shape", source, start=1, end=2))
        return graph.op("Range", graph.constant(0, np.int64), count, graph.constant(1, np.int64))

    def _words(self, source: str, lengths: str) -> str:
        """[N, S]: true at pieces, false in the padding."""
        graph = self.graph
        column = graph.op("Unsqueeze", graph.op("Cast", lengths, to=7), graph.constant([1], np.int64))
        return graph.op("Less", self._places(source), column)

    def _backwards(self, source: str, lengths: str) -> str:
        """See `nmt.model.encoder.reversed_places`."""
        graph, places = self.graph, self._places(source)
        column = graph.op("Unsqueeze", graph.op("Cast", lengths, to=7), graph.constant([1], np.int64))
        mirrored = graph.op("Sub", graph.op("Sub", column, graph.constant(2, np.int64)), places)
        return graph.op("Where", graph.op("GreaterOrEqual", mirrored, graph.constant(0, np.int64)), mirrored, places)


class StepGraph(Layers):
    """One token of every hypothesis.

    In: ``tokens`` [N, K]; ``parents`` [R], the rows of ``state`` [rows before, Z] that go on; the encoder's memory; and
    for a list its output layer: ``rows`` [N, D, L], ``list_bias`` [N, L], which is -inf where a list is shorter, and in
    int8 ``row_scales`` [N, L]. Out: ``next_state`` [R, Z], ``attention`` [N, K, S], and log-probabilities.

    Without the top-k these are ``scores`` [N, K, V or L]. With it they are ``asked_scores`` [N, K, Q] of the tokens
    ``asked``, and ``top_scores`` of the tokens ``top`` [N, K, C], for ``candidates`` [1] = C, without those that
    ``suppressed`` [P, 3] names (sentence, hypothesis, token). Tokens of a list are counted by their place in it.
    """

    def __init__(self, model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile) -> None:
        super().__init__("step", model, weights, precision, shared)

    def build(self, top_k: bool, listed: bool) -> bytes:
        """The graph's file."""
        graph = self.graph
        tokens = graph.input("tokens", np.int64, "sentences", "beam")
        parents = graph.input("parents", np.int64, "rows")
        state = graph.input("state", np.float32, "rows_before", state_size(self.model))
        x = self.embed(graph.op("Reshape", tokens, graph.shape(-1)), "decoder.embedding.weight")
        parts = self._split_state(graph.op("Gather", state, parents, axis=0))
        decode = self._input_feeding if self.model.input_feeding else self._blocks
        hidden, parts, attention = decode(x, parts, tokens)
        graph.output(graph.op("Concat", *parts, axis=1), "next_state", np.float32, "rows", state_size(self.model))
        scores = graph.op("LogSoftmax", self._logits(self._by_sentence(hidden, tokens), listed), axis=-1)
        if attention is not None:
            graph.output(attention, "attention", np.float32, "sentences", "beam", "source")
        if top_k:
            self._top(scores, listed)
        else:
            graph.output(scores, "scores", np.float32, "sentences", "beam", "tokens")
        return graph.serialise()

    def _split_state(self, state: str) -> list[str]:
        count = state_size(self.model) // self.model.width
        return self.graph.ops("Split", state, self.graph.shape(*[self.model.width] * count), axis=1, outputs=count)

    def _by_sentence(self, x: str, tokens: str) -> str:
        """[R, D] to [N, K, D]."""
        graph = self.graph
        shape = graph.op("Concat", graph.op("Shape", tokens), graph.shape(-1), axis=0)
        return graph.op("Reshape", x, shape)

    def _blocks(self, x: str, state: list[str], tokens: str) -> tuple[str, list[str], str | None]:
        """See `nmt.model.decoder.BlockDecoder.step`; x is [R, D]."""
        attention, parts = None, []
        for layer in range(self.model.decoder_layers):
            name = f"decoder.blocks.{layer}"
            normal = self.layer_norm(x, f"{name}.recurrent_norm")
            h, c = self._lstm([(normal, 1.0)], state[2 * layer], state[2 * layer + 1], f"{name}.recurrent.lstm")
            parts += [h, c]
            x = self.add(x, h)
            if self.model.attention != "none":
                query = self.layer_norm(x, f"{name}.attention_norm")
                context, attention = self._attend(query, layer, f"{name}.attention", tokens)
                x = self.add(x, context)
            x = self.add(x, self.feed_forward(self.layer_norm(x, f"{name}.feed_forward_norm"), f"{name}.feed_forward"))
        return self.layer_norm(x, "decoder.norm"), parts, attention

    def _input_feeding(self, x: str, state: list[str], tokens: str) -> tuple[str, list[str], str | None]:
        """See `nmt.model.decoder.InputFeedingDecoder.step`; x is [R, D]."""
        inputs, parts = [(x, 1.0), (state[-1], _RECURRENT_GAIN)], []
        for layer in range(self.model.decoder_layers):
            h, c = self._lstm(inputs, state[2 * layer], state[2 * layer + 1], f"decoder.layers.{layer}.lstm")
            parts += [h, c]
            inputs = [(h, _RECURRENT_GAIN)]
        context, attention = self._attend(h, 0, "decoder.attention", tokens)
        output = self.linear(self.graph.op("Concat", context, h, axis=1), "decoder.combine")
        output = self.graph.op("Tanh", output)
        return output, [*parts, output], attention

    def _lstm(self, inputs: list[tuple[str, float]], h: str, c: str, name: str) -> tuple[str, str]:
        """One step of a layer; each part of the input comes with the gain that it gets before quantisation."""
        graph, width = self.graph, self.model.width
        matrix = np.concatenate((self.weights[f"{name}.weight_ih_l0"], self.weights[f"{name}.weight_hh_l0"]), axis=1)
        parts = [*inputs, (h, _RECURRENT_GAIN)]
        if self.int8:
            gains = np.repeat([gain for _, gain in parts], width).astype(np.float32)
            matrix = matrix / gains
            values = [v if gain == 1.0 else graph.op("Mul", v, graph.constant(gain)) for v, gain in parts]
        else:
            values = [value for value, _ in parts]
        bias = self.weights[f"{name}.bias_ih_l0"] + self.weights[f"{name}.bias_hh_l0"]
        gates = self.product(graph.op("Concat", *values, axis=1), f"{name}.both", _step_gates(matrix))
        gates = graph.op("Add", gates, graph.weight(f"{name}.bias", _step_gates(bias)))
        # Three sigmoids in one call: input, forget, output; the candidate comes last.
        open_, candidate = graph.ops("Split", gates, graph.shape(3 * width, width), axis=1, outputs=2)
        input_, forget, output = graph.ops(
            "Split", graph.op("Sigmoid", open_), graph.shape(width, width, width), axis=1, outputs=3
        )
        kept, new = graph.op("Mul", forget, c), graph.op("Mul", input_, graph.op("Tanh", candidate))
        c = graph.op("Add", kept, new)
        return graph.op("Mul", output, graph.op("Tanh", c)), c

    def _attend(self, query: str, layer: int, name: str, tokens: str) -> tuple[str, str]:
        """Context [R, D] of the queries [R, D], and the weights to be reported [N, K, S]."""
        graph, width = self.graph, self.model.width
        heads = self.model.heads if self.model.attention == "multihead" else 1
        bias = graph.input(f"bias.{layer}", np.float32, "sentences", heads, "source")
        values = graph.input(f"values.{layer}", np.float32, "sentences", heads, "source", width)
        if self.model.attention == "additive":
            scores = self._additive_scores(query, layer, name, tokens)
        else:
            keys = graph.input(f"keys.{layer}", np.float32, "sentences", width, heads, "source")
            flat = graph.op("Reshape", keys, graph.shape(0, 0, -1))
            scores = graph.op("MatMul", self._by_sentence(query, tokens), flat)  # [N, K, H × S]
            scores = graph.op("Reshape", scores, graph.op("Concat", graph.op("Shape", tokens),
                                                          graph.shape(heads, -1), axis=0))  # fmt: skip
        row = graph.op("Unsqueeze", bias, graph.constant([1], np.int64))
        weights = graph.op("Softmax", graph.op("Add", scores, row), axis=-1)  # [N, K, H, S]
        flat = graph.op("Reshape", weights, graph.shape(0, 0, -1))
        context = graph.op("MatMul", flat, graph.op("Reshape", values, graph.shape(0, -1, width)))
        context = graph.op("Reshape", context, graph.shape(-1, width))
        if self.model.attention == "multihead":
            context = graph.op("Add", context, self.vector(f"{name}.output.bias"))
        if self.model.alignment_head:
            return context, graph.op("Gather", weights, graph.constant(0, np.int64), axis=2)
        return context, graph.op("ReduceMean", weights, graph.constant([2], np.int64), keepdims=0)

    def _additive_scores(self, query: str, layer: int, name: str, tokens: str) -> str:
        """[N, K, 1, S], by the network of Bahdanau et al. (2015)."""
        graph, width = self.graph, self.model.width
        keys = graph.input(f"keys.{layer}", np.float32, "sentences", "source", width)
        query = self._by_sentence(self.linear(query, f"{name}.of_query"), tokens)
        pairs = graph.op("Add", graph.op("Unsqueeze", query, graph.constant([2], np.int64)),
                         graph.op("Unsqueeze", keys, graph.constant([1], np.int64)))  # fmt: skip
        vector = graph.weight(f"{name}.score.column", self.weights[f"{name}.score.weight"].T)
        scores = graph.op("MatMul", graph.op("Tanh", pairs), vector)  # [N, K, S, 1]
        return graph.op("Transpose", scores, perm=[0, 1, 3, 2])

    def _logits(self, hidden: str, listed: bool) -> str:
        """[N, K, V or L] of hidden [N, K, D]."""
        graph, width = self.graph, self.model.width
        name, table = EMBEDDING, self.weights[EMBEDDING]
        if not listed:
            if not self.int8:
                rows = graph.op("Transpose", graph.weight(name, table), perm=[1, 0])
                return graph.op("MatMul", hidden, rows)
            return self._whole_vocabulary(hidden, name, table)
        kind = np.int8 if self.int8 else np.float32
        rows = graph.input("rows", kind, "sentences", width, "list")
        bias = graph.op("Unsqueeze", graph.input("list_bias", np.float32, "sentences", "list"),
                        graph.constant([1], np.int64))  # fmt: skip
        if not self.int8:
            return graph.op("Add", graph.op("MatMul", hidden, rows), bias)
        scales = graph.input("row_scales", np.float32, "sentences", "list")
        levels, peaks = self.quantised_rows(hidden)
        sums = graph.op("MatMulInteger", levels, rows, graph.constant(128, np.uint8))
        columns = graph.op("Unsqueeze", scales, graph.constant([1], np.int64))
        factors = graph.op("Mul", graph.op("Mul", peaks, graph.constant(1 / 127)), columns)
        return graph.op("Add", graph.op("Mul", graph.op("Cast", sums, to=1), factors), bias)

    def _whole_vocabulary(self, hidden: str, name: str, table: Array) -> str:
        graph = self.graph
        levels, scales = quantise(table)
        columns = graph.op("Transpose", graph.weight(f"{name}.levels", levels), perm=[1, 0])
        hidden_levels, peaks = self.quantised_rows(hidden)
        y = graph.op(
            "MatMulIntegerToFloat", hidden_levels, columns, graph.constant(1 / 127),
            graph.weight(f"{name}.scales", scales), graph.constant(128, np.uint8),
        )  # fmt: skip
        return graph.op("Mul", y, peaks)

    def _top(self, scores: str, listed: bool) -> None:
        graph = self.graph
        asked = graph.input("asked", np.int64, "sentences", "beam", "questions")
        answers = graph.op("GatherElements", scores, asked, axis=2)
        graph.output(answers, "asked_scores", np.float32, "sentences", "beam", "questions")
        candidates = graph.input("candidates", np.int64, 1)
        suppressed = graph.input("suppressed", np.int64, "suppressions", 3)
        never = graph.op("Expand", graph.constant(-np.inf), graph.op("Shape", suppressed, start=0, end=1))
        proposals = graph.op("ScatterND", scores, suppressed, never)
        if not listed:  # lists hold no reserved pieces
            reserved = is_reserved(len(self.weights[EMBEDDING]))
            never_proposed = np.where(reserved, np.float32(-np.inf), np.float32(0))
            proposals = graph.op("Add", proposals, graph.weight("never_proposed", never_proposed))
        top_scores, top = graph.ops("TopK", proposals, candidates, outputs=2)
        graph.output(top_scores, "top_scores", np.float32, "sentences", "beam", "candidates")
        graph.output(top, "top", np.int64, "sentences", "beam", "candidates")


def _rows_graph(model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile) -> bytes:
    """``list`` [N, L] to the output layer of its tokens: ``rows`` [N, D, L], in int8 with ``row_scales`` [N, L]."""
    graph, table = Graph("rows", shared), weights[EMBEDDING]
    ids = graph.input("list", np.int64, "sentences", "list")
    kind: type[np.generic] = np.float32
    name = EMBEDDING
    if precision == "int8":
        table, scales = quantise(table)
        kind, name = np.int8, f"{EMBEDDING}.levels"
        factors = graph.op("Gather", graph.weight(f"{EMBEDDING}.scales", scales), ids)
        graph.output(factors, "row_scales", np.float32, "sentences", "list")
    rows = graph.op("Transpose", graph.op("Gather", graph.weight(name, table), ids), perm=[0, 2, 1])
    graph.output(rows, "rows", kind, "sentences", model.width, "list")
    return graph.serialise()


def attending(model: ModelConfig) -> list[str]:
    """The names of the layers that attend."""
    if model.attention == "none":
        return []
    if model.input_feeding:
        return ["decoder.attention"]
    return [f"decoder.blocks.{layer}.attention" for layer in range(model.decoder_layers)]


def state_size(model: ModelConfig) -> int:
    """Z: h and c of each layer of the decoder, and the attentional vector of input feeding."""
    return model.width * (2 * model.decoder_layers + model.input_feeding)


def _onnx_gates(weight: Array) -> Array:
    """Torch's order of gates (input, forget, candidate, output) to ONNX's (input, output, forget, candidate)."""
    input_, forget, candidate, output = np.split(weight, 4)
    return np.concatenate((input_, output, forget, candidate))


def _step_gates(weight: Array) -> Array:
    """Torch's order of gates to input, forget, output, candidate."""
    input_, forget, candidate, output = np.split(weight, 4)
    return np.concatenate((input_, forget, output, candidate))
