"""The graph that advances hypotheses by a token, and the one that gathers the output layer of a list.

N sentences, K hypotheses a sentence, R = N × K rows, S source length, H heads, D width, C candidates, Q asked tokens,
L tokens of a list, V vocabulary, Z numbers of a row's state.
"""

from __future__ import annotations

import numpy as np

from nmt.config.model import ModelConfig
from nmt.corpus.tokenizer import reserved_mask
from nmt.engine.onnx.cell_graphs import cell_step
from nmt.engine.onnx.graph_builder import Array, Graph, WeightFile
from nmt.engine.onnx.layer_graphs import EMBEDDING, Layers, Precision, Weights, attention_heads, state_sizes
from nmt.engine.onnx.quantisation import quantise
from nmt.engine.slot_storage import BLOCK
from nmt.model.cells.families import CELLS, equations

# Normalised inputs reach to about 4, outputs of an LSTM to 1. One scale serves both sides of a row, so the input's side
# is made as small as the recurrent one; a power of two costs no precision.
_INPUT_GAIN = 0.25


class StepGraph(Layers):
    """One token of every hypothesis.

    In: ``tokens`` [N, K]; ``parents`` [N, K], the rows of ``state`` [rows before, Z] that go on; the encoder's memory;
    and for a list its output layer: ``rows`` [N, D, L], ``list_bias`` [N, 1, L], which is -inf where a list is shorter,
    and in int8 ``row_scales`` [N, 1, L]. Out: ``next_state`` [N, K, Z], ``attention`` [N, K, S], and log-probabilities.

    Without the top-k these are ``scores`` [N, K, V or L]. With it they are ``asked_scores`` [N, K, Q] of the tokens
    ``asked``, and ``top_scores`` of the tokens ``top`` [N, K, C], for ``candidates`` [1] = C, without those that
    ``suppressed`` [P, 3] names (sentence, hypothesis, token), which get the score ``never`` [P]. Tokens of a list are
    counted by their place in it.
    """

    def __init__(self, model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile) -> None:
        super().__init__("step", model, weights, precision, shared)

    def build(self, top_k: bool, listed: bool) -> bytes:
        """The graph's file."""
        graph, sizes = self.graph, state_sizes(self.model)
        tokens = graph.input("tokens", np.int64, "sentences", "beam")
        parents = graph.input("parents", np.int64, "sentences", "beam")
        state = graph.op("Gather", graph.input("state", np.float32, "rows_before", sum(sizes)), parents, axis=0)
        parts = self._split(state, sizes) if len(sizes) > 1 else [state]
        decode = self._blocks if self.model.has_decoder_blocks else self._classic
        hidden, parts, attention = decode(self.embed(tokens, "decoder.embedding.weight"), parts)
        graph.output(graph.op("Concat", *parts, axis=2), "next_state", np.float32, "sentences", "beam", sum(sizes))
        scores = graph.op("LogSoftmax", self._logits(hidden, listed), axis=-1)
        if attention is not None:
            graph.output(attention, "attention", np.float32, "sentences", "beam", "source")
        if top_k:
            self._top(scores, listed)
        else:
            graph.output(scores, "scores", np.float32, "sentences", "beam", "tokens")
        return graph.serialise()

    def _split(self, x: str, widths: list[int]) -> list[str]:
        """The parts of x [N, K, sum of widths]."""
        return self.graph.ops("Split", x, self.graph.whole(*widths), axis=2, outputs=len(widths))

    def _blocks(self, x: str, state: list[str]) -> tuple[str, list[str], str | None]:
        """See `nmt.model.decoder.BlockDecoder.step`; x is [N, K, D]."""
        attention, parts = None, list[str]()
        for layer in range(self.model.decoder_layers):
            name = f"decoder.blocks.{layer}"
            normal = self.layer_norm(x, f"{name}.recurrent_norm", self._input_gain)
            y, after = self._recurrent(
                [(normal, self._input_gain)], self._layer_state(state, layer), f"{name}.recurrent"
            )
            parts += after
            x = self.add(x, y)
            if self.model.attention != "none":
                query = self.layer_norm(x, f"{name}.attention_norm")
                context, attention = self._attend(query, layer, f"{name}.attention")
                x = self.add(x, context)
            x = self.add(x, self.feed_forward(self.layer_norm(x, f"{name}.feed_forward_norm"), f"{name}.feed_forward"))
        return self.layer_norm(x, "decoder.norm"), parts, attention

    def _classic(self, x: str, state: list[str]) -> tuple[str, list[str], str | None]:
        """See `nmt.model.decoder.ClassicDecoder.step`; x is [N, K, D]."""
        model, parts, stacked = self.model, list[str](), CELLS[self.model.cell].stacked
        inputs = [(x, 1.0)]
        if self._input_gain != 1:
            inputs = [(self.graph.op("Mul", x, self.graph.constant(self._input_gain)), self._input_gain)]
        if model.input_feeding:
            inputs.append((state[-1], 1.0))
        y = x
        for layer in range(1 if stacked else model.decoder_layers):
            before = state[: len(state) - model.input_feeding] if stacked else self._layer_state(state, layer)
            h, after = self._recurrent(inputs, before, f"decoder.layers.{layer}")
            parts += after
            y = self.add(y, h) if model.residual and layer else h
            inputs = [(y, 1.0)]
        if model.attention == "none":
            return y, parts, None
        context, attention = self._attend(y, 0, "decoder.attention")
        output = self.linear(self.graph.op("Concat", context, y, axis=2), "decoder.combine")
        output = self.graph.op("Tanh", output)
        return output, [*parts, output] if model.input_feeding else parts, attention

    @property
    def _input_gain(self) -> float:
        return _INPUT_GAIN if self.model.cell == "lstm" else 1.0

    def _layer_state(self, state: list[str], layer: int) -> list[str]:
        parts = len(CELLS[self.model.cell].parts(self.model.width))
        return state[layer * parts : (layer + 1) * parts]

    def _recurrent(self, inputs: list[tuple[str, float]], state: list[str], name: str) -> tuple[str, list[str]]:
        """One step of a layer, or of a stack: the output and the next state."""
        model = self.model
        if model.cell == "lstm":
            h, c = self._lstm(inputs, state[0], state[1], f"{name}.lstm")
            return h, [h, c]
        cell = equations(model.cell, model.width * len(inputs), model.width, model.decoder_layers, model.forget_bias)
        values = [value for value, _ in inputs]
        x = values[0] if len(values) == 1 else self.graph.op("Concat", *values, axis=2)
        return cell_step(self, cell, f"{name}.cell", x, state)

    def _lstm(self, inputs: list[tuple[str, float]], h: str, c: str, name: str) -> tuple[str, str]:
        """One step of a layer; each part of the input comes with the gain that it has had."""
        graph, width = self.graph, self.model.width
        matrix = np.concatenate((self.weights[f"{name}.weight_ih_l0"], self.weights[f"{name}.weight_hh_l0"]), axis=1)
        parts = [*inputs, (h, 1.0)]
        matrix = matrix / np.repeat([gain for _, gain in parts], width).astype(np.float32)
        bias = self.weights[f"{name}.bias_ih_l0"] + self.weights[f"{name}.bias_hh_l0"]
        row = graph.op("Concat", *(value for value, _ in parts), axis=2)
        gates = self.product(row, f"{name}.both", _step_gates(matrix))
        gates = graph.op("Add", gates, graph.weight(f"{name}.bias", _step_gates(bias)))
        # Three sigmoids in one call: input, forget, output; the candidate comes last.
        open_, candidate = self._split(gates, [3 * width, width])
        input_, forget, output = self._split(graph.op("Sigmoid", open_), [width] * 3)
        kept, new = graph.op("Mul", forget, c), graph.op("Mul", input_, graph.op("Tanh", candidate))
        c = graph.op("Add", kept, new)
        return graph.op("Mul", output, graph.op("Tanh", c)), c

    def _attend(self, query: str, layer: int, name: str) -> tuple[str, str]:
        """Context [N, K, D] of the queries [N, K, D], and the weights to be reported [N, K, S]."""
        graph, width, heads = self.graph, self.model.width, attention_heads(self.model)
        places = heads * BLOCK
        bias = graph.input(f"bias.{layer}", np.float32, "sentences", "blocks", 1, places)
        values = graph.input(f"values.{layer}", np.float32, "sentences", "blocks", places, width)
        if self.model.attention == "additive":
            scores = self._additive_scores(query, layer, name, bias)
        else:
            keys = graph.input(f"keys.{layer}", np.float32, "sentences", "blocks", width, places)
            query = graph.op("Unsqueeze", query, graph.whole(1))
            scores = graph.op("Add", graph.op("MatMul", query, keys), bias)  # [N, S / B, K, H × B]
            scores = graph.op("Reshape", scores, graph.whole(0, 0, 0, heads, BLOCK))
            scores = graph.op("Transpose", scores, perm=[0, 2, 3, 1, 4])
            scores = graph.op("Reshape", scores, graph.whole(0, 0, heads, -1))
        weights = graph.op("Softmax", scores, axis=-1)  # [N, K, H, S]
        blocks = graph.op("Reshape", weights, graph.whole(0, 0, heads, -1, BLOCK))
        blocks = graph.op("Transpose", blocks, perm=[0, 3, 1, 2, 4])
        blocks = graph.op("Reshape", blocks, graph.whole(0, 0, 0, places))
        context = graph.op("ReduceSum", graph.op("MatMul", blocks, values), graph.whole(1), keepdims=0)
        if self.model.attention == "multihead":
            context = graph.op("Add", context, self.vector(f"{name}.output.bias"))
        if self.model.alignment_head:
            return context, graph.op("Gather", weights, graph.constant(0, np.int64), axis=2)
        return context, graph.op("ReduceMean", weights, graph.whole(2), keepdims=0)

    def _additive_scores(self, query: str, layer: int, name: str, bias: str) -> str:
        """[N, K, 1, S], by the network of Bahdanau et al. (2015)."""
        graph, width = self.graph, self.model.width
        keys = graph.input(f"keys.{layer}", np.float32, "sentences", "blocks", BLOCK, width)
        query = graph.op("Unsqueeze", self.linear(query, f"{name}.of_query"), graph.whole(2))
        pairs = graph.op("Add", query, graph.op("Reshape", keys, graph.whole(0, 1, -1, width)))
        vector = graph.weight(f"{name}.score.column", self.weights[f"{name}.score.weight"].T)
        scores = graph.op("Transpose", graph.op("MatMul", graph.op("Tanh", pairs), vector), perm=[0, 1, 3, 2])
        return graph.op("Add", scores, graph.op("Reshape", bias, graph.whole(0, 1, 1, -1)))

    def _logits(self, hidden: str, listed: bool) -> str:
        """[N, K, V or L] of hidden [N, K, D]."""
        if not listed:
            return self.product(hidden, EMBEDDING, self.weights[EMBEDDING])
        graph, width = self.graph, self.model.width
        kind = np.int8 if self.int8 else np.float32
        rows = graph.input("rows", kind, "sentences", width, "list")
        bias = graph.input("list_bias", np.float32, "sentences", 1, "list")
        if not self.int8:
            return graph.op("Add", graph.op("MatMul", hidden, rows), bias)
        scales = graph.input("row_scales", np.float32, "sentences", 1, "list")
        levels, peaks = self.quantised_rows(hidden)
        zero = graph.constant(128, np.uint8)
        products = graph.op("MatMulIntegerToFloat", levels, rows, graph.constant(1 / 127), scales, zero)
        return graph.op("Add", graph.op("Mul", products, peaks), bias)

    def _top(self, scores: str, listed: bool) -> None:
        graph = self.graph
        asked = graph.input("asked", np.int64, "sentences", "beam", "questions")
        answers = graph.op("GatherElements", scores, asked, axis=2)
        graph.output(answers, "asked_scores", np.float32, "sentences", "beam", "questions")
        candidates = graph.input("candidates", np.int64, 1)
        suppressed = graph.input("suppressed", np.int64, "suppressions", 3)
        never = graph.input("never", np.float32, "suppressions")
        proposals = graph.op("ScatterND", scores, suppressed, never)
        if not listed:  # lists hold no reserved pieces
            reserved = reserved_mask(len(self.weights[EMBEDDING]))
            never_proposed = np.where(reserved, np.float32(-np.inf), np.float32(0))
            proposals = graph.op("Add", proposals, graph.weight("never_proposed", never_proposed))
        top_scores, top = graph.ops("TopK", proposals, candidates, outputs=2)
        graph.output(top_scores, "top_scores", np.float32, "sentences", "beam", "candidates")
        graph.output(top, "top", np.int64, "sentences", "beam", "candidates")


def rows_graph(model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile) -> bytes:
    """``list`` [N, L] to the output layer of its tokens: ``rows`` [N, D, L], in int8 with ``row_scales`` [N, 1, L]."""
    graph, table = Graph("rows", shared), weights[EMBEDDING]
    ids = graph.input("list", np.int64, "sentences", "list")
    kind: type[np.generic] = np.float32
    name = EMBEDDING
    if precision == "int8":
        table, scales = quantise(table)
        kind, name = np.int8, f"{EMBEDDING}.levels"
        factors = graph.op("Gather", graph.weight(f"{EMBEDDING}.scales", scales), ids)
        factors = graph.op("Unsqueeze", factors, graph.whole(1))
        graph.output(factors, "row_scales", np.float32, "sentences", 1, "list")
    rows = graph.op("Transpose", graph.op("Gather", graph.weight(name, table), ids), perm=[0, 2, 1])
    graph.output(rows, "rows", kind, "sentences", model.width, "list")
    return graph.serialise()


def _step_gates(weight: Array) -> Array:
    """Torch's order of gates to input, forget, output, candidate."""
    input_, forget, candidate, output = np.split(weight, 4)
    return np.concatenate((input_, forget, output, candidate))
