"""The graph that advances hypotheses by a token, and the one that gathers the output layer of a list.

N sentences, K hypotheses a sentence, R = N × K rows, S source length, H heads, D width, C candidates, Q asked tokens,
L tokens of a list, V vocabulary, Z numbers of a row's state.
"""

from __future__ import annotations

import numpy as np

from nmt.config import ModelConfig
from nmt.corpus.tokenizer import is_reserved
from nmt.engine.graphs.builder import Array, Graph, WeightFile
from nmt.engine.graphs.layers import EMBEDDING, Layers, Precision, Weights, state_size
from nmt.engine.graphs.quantise import quantise

# Normalised inputs reach to about 4, outputs of an LSTM to 1. One scale serves both sides of a row, so the recurrent
# side is brought to the input's size; a power of two costs no precision.
_RECURRENT_GAIN = 4.0


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
        if not listed:
            return self.product(hidden, EMBEDDING, self.weights[EMBEDDING])
        graph, width = self.graph, self.model.width
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


def rows_graph(model: ModelConfig, weights: Weights, precision: Precision, shared: WeightFile) -> bytes:
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


def _step_gates(weight: Array) -> Array:
    """Torch's order of gates to input, forget, output, candidate."""
    input_, forget, candidate, output = np.split(weight, 4)
    return np.concatenate((input_, forget, output, candidate))
