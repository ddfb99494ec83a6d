"""The ONNX graphs that advance hypotheses by one token, and the graph that gathers the output layer of shortlists.

Shapes: N sentences, K hypotheses per sentence, S source length, H attention heads, P positions per block
(`BLOCK_SIZE`), D width, V vocabulary, L tokens of a shortlist, C candidates per row, Q scored ids per row, Z total size
of the decoder state.
"""

from __future__ import annotations

import numpy as np

from nmt.config.cells import CELL_TRAITS
from nmt.config.model import ModelConfig
from nmt.corpus.tokenizer import reserved_mask
from nmt.engine.onnx.cell_graphs import add_cell_step
from nmt.engine.onnx.graph_builder import GraphBuilder, WeightFile
from nmt.engine.onnx.layer_graphs import (
    OUTPUT_LAYER,
    LayerBuilder,
    Precision,
    Weights,
    decoder_state_sizes,
    num_attention_heads,
)
from nmt.engine.onnx.quantisation import LSTM_INPUT_GAIN, quantise
from nmt.engine.slot_storage import BLOCK_SIZE
from nmt.model.cells.registry import build_cell, state_specs
from nmt.utils.arrays import AnyArray

ScaledValues = list[tuple[str, float]]
"""Values of the graph, each with the factor by which it was multiplied."""


class StepGraph(LayerBuilder):
    """Builder of a step graph, which advances every hypothesis by one token.

    Inputs:
        ``tokens`` [N, K]: last token of each row.
        ``parents`` [N, K]: row of ``state`` that each row continues.
        ``state`` [rows before, Z].
        ``keys.l``, ``bias.l``, ``values.l``: attention memory; see `nmt.engine.onnx.encoder_graph.EncoderGraph`.
        With a shortlist: ``rows`` [N, D, L], its output layer; ``list_bias`` [N, 1, L], which is -inf beyond the end of
        a shorter list; and in int8 ``row_scales`` [N, 1, L].

    Outputs: ``next_state`` [N, K, Z], ``attention`` [N, K, S], and log-probabilities. Without top-k the latter are
    ``scores`` [N, K, V or L].

    With top-k there are further inputs ``asked`` [N, K, Q], ids to be scored; ``candidates`` [1], the number C;
    ``suppressed`` [suppressions, 3], triples of sentence, row and token that are no candidates; and ``never``
    [suppressions], the score that they get instead, -inf. The outputs are ``asked_scores`` [N, K, Q], ``top`` [N, K, C]
    and ``top_scores`` [N, K, C]. With a shortlist, tokens are given by their positions in it.
    """

    def __init__(self, model: ModelConfig, weights: Weights, precision: Precision, weight_file: WeightFile) -> None:
        super().__init__("step", model, weights, precision, weight_file)

    def build(self, with_top_k: bool, with_shortlist: bool) -> bytes:
        """Return the graph as the content of an ONNX file."""
        graph, sizes = self.graph, decoder_state_sizes(self.model)
        tokens = graph.add_input("tokens", np.int64, "sentences", "beam")
        parents = graph.add_input("parents", np.int64, "sentences", "beam")
        state = graph.op("Gather", graph.add_input("state", np.float32, "rows_before", sum(sizes)), parents, axis=0)
        tensors = self._split_last_dim(state, sizes) if len(sizes) > 1 else [state]
        decode = self._add_block_decoder if self.model.has_decoder_blocks else self._add_classic_decoder
        hidden, tensors, attention = decode(self.embed(tokens, "decoder.embedding.weight"), tensors)
        next_state = graph.op("Concat", *tensors, axis=2)
        graph.add_output(next_state, "next_state", np.float32, "sentences", "beam", sum(sizes))
        scores = graph.op("LogSoftmax", self._add_output_layer(hidden, with_shortlist), axis=-1)
        if attention is not None:
            graph.add_output(attention, "attention", np.float32, "sentences", "beam", "source")
        if with_top_k:
            self._add_top_k(scores, with_shortlist)
        else:
            graph.add_output(scores, "scores", np.float32, "sentences", "beam", "tokens")
        return graph.serialise()

    def _split_last_dim(self, x: str, sizes: list[int]) -> list[str]:
        """Split the last dimension of x [N, K, sum(sizes)]."""
        return self.graph.multi_output_op("Split", x, self.graph.int64_vector(*sizes), axis=2, outputs=len(sizes))

    def _add_block_decoder(self, x: str, state: list[str]) -> tuple[str, list[str], str | None]:
        """Add a step of `nmt.model.decoder.BlockDecoder` for embeddings x [N, K, D].

        Returns the outputs [N, K, D], the new state, and the attention [N, K, S].
        """
        attention, new_state = None, list[str]()
        for layer in range(self.model.decoder_layers):
            name = f"decoder.blocks.{layer}"
            normalised = self.layer_norm(x, f"{name}.recurrent_norm", self._input_gain)
            inputs = [(normalised, self._input_gain)]
            y, layer_state = self._add_recurrent_layer(inputs, self._layer_state(state, layer), f"{name}.recurrent")
            new_state += layer_state
            x = self.graph.op("Add", x, y)
            if self.model.attention != "none":
                query = self.layer_norm(x, f"{name}.attention_norm")
                context, attention = self._add_attention(query, layer, f"{name}.attention")
                x = self.graph.op("Add", x, context)
            x = self.feed_forward_sublayer(x, name)
        return self.layer_norm(x, "decoder.norm"), new_state, attention

    def _add_classic_decoder(self, x: str, state: list[str]) -> tuple[str, list[str], str | None]:
        """Add a step of `nmt.model.decoder.ClassicDecoder`; see `_add_block_decoder`."""
        model, new_state, stacked = self.model, list[str](), CELL_TRAITS[self.model.cell].stacked
        inputs = [(x, 1.0)]
        if self._input_gain != 1:
            inputs = [(self.graph.op("Mul", x, self.graph.constant(self._input_gain)), self._input_gain)]
        if model.input_feeding:
            inputs.append((state[-1], 1.0))
        y = x
        for layer in range(1 if stacked else model.decoder_layers):
            layer_state = state[: len(state) - model.input_feeding] if stacked else self._layer_state(state, layer)
            h, layer_state = self._add_recurrent_layer(inputs, layer_state, f"decoder.layers.{layer}")
            new_state += layer_state
            y = self.graph.op("Add", y, h) if model.residual and layer else h
            inputs = [(y, 1.0)]
        if model.attention == "none":
            return y, new_state, None
        context, attention = self._add_attention(y, 0, "decoder.attention")
        output = self.linear(self.graph.op("Concat", context, y, axis=2), "decoder.combine")
        output = self.graph.op("Tanh", output)
        return output, [*new_state, output] if model.input_feeding else new_state, attention

    @property
    def _input_gain(self) -> float:
        """Factor by which the inputs of recurrent layers are scaled before quantisation."""
        return LSTM_INPUT_GAIN if self.model.cell == "lstm" else 1.0

    def _layer_state(self, state: list[str], layer: int) -> list[str]:
        count = len(state_specs(self.model.cell, self.model.width))
        return state[layer * count : (layer + 1) * count]

    def _add_recurrent_layer(self, inputs: ScaledValues, state: list[str], name: str) -> tuple[str, list[str]]:
        """Add a step of a recurrent layer, or of a stacked cell; return the output [N, K, D] and the new state.

        The input of the layer is the concatenation of the values in ``inputs``.
        """
        model = self.model
        if model.cell == "lstm":
            h, c = self._add_lstm_layer(inputs, state[0], state[1], f"{name}.lstm")
            return h, [h, c]
        cell = build_cell(model.cell, model.width * len(inputs), model.width, model.decoder_layers, model.forget_bias)
        values = [value for value, _ in inputs]
        x = values[0] if len(values) == 1 else self.graph.op("Concat", *values, axis=2)
        return add_cell_step(self, cell, f"{name}.cell", x, state)

    def _add_lstm_layer(self, inputs: ScaledValues, h: str, c: str, name: str) -> tuple[str, str]:
        """Add a step of an LSTM layer; return the new h and c. See `_add_recurrent_layer` for ``inputs``."""
        graph, width = self.graph, self.model.width
        matrix = np.concatenate((self.weights[f"{name}.weight_ih_l0"], self.weights[f"{name}.weight_hh_l0"]), axis=1)
        parts = [*inputs, (h, 1.0)]
        matrix = matrix / np.repeat([gain for _, gain in parts], width).astype(np.float32)
        bias = self.weights[f"{name}.bias_ih_l0"] + self.weights[f"{name}.bias_hh_l0"]
        row = graph.op("Concat", *(value for value, _ in parts), axis=2)
        sums = self.matmul(row, f"{name}.both", _step_gate_order(matrix))
        sums = graph.op("Add", sums, graph.weight(f"{name}.bias", _step_gate_order(bias)))
        gates, candidate = self._split_last_dim(sums, [3 * width, width])
        input_, forget, output = self._split_last_dim(graph.op("Sigmoid", gates), [width] * 3)
        kept, added = graph.op("Mul", forget, c), graph.op("Mul", input_, graph.op("Tanh", candidate))
        c = graph.op("Add", kept, added)
        return graph.op("Mul", output, graph.op("Tanh", c)), c

    def _add_attention(self, query: str, layer: int, name: str) -> tuple[str, str]:
        """Add attention for the queries [N, K, D]; return the context [N, K, D] and the attention [N, K, S]."""
        graph, width, heads = self.graph, self.model.width, num_attention_heads(self.model)
        columns = heads * BLOCK_SIZE
        bias = graph.add_input(f"bias.{layer}", np.float32, "sentences", "blocks", 1, columns)
        values = graph.add_input(f"values.{layer}", np.float32, "sentences", "blocks", columns, width)
        if self.model.attention == "additive":
            scores = self._add_additive_scores(query, layer, name, bias)
        else:
            keys = graph.add_input(f"keys.{layer}", np.float32, "sentences", "blocks", width, columns)
            query = graph.op("Unsqueeze", query, graph.int64_vector(1))
            scores = graph.op("Add", graph.op("MatMul", query, keys), bias)  # [N, S / P, K, H × P]
            scores = graph.op("Reshape", scores, graph.int64_vector(0, 0, 0, heads, BLOCK_SIZE))
            scores = graph.op("Transpose", scores, perm=[0, 2, 3, 1, 4])
            scores = graph.op("Reshape", scores, graph.int64_vector(0, 0, heads, -1))
        weights = graph.op("Softmax", scores, axis=-1)  # [N, K, H, S]
        blocks = graph.op("Reshape", weights, graph.int64_vector(0, 0, heads, -1, BLOCK_SIZE))
        blocks = graph.op("Transpose", blocks, perm=[0, 3, 1, 2, 4])
        blocks = graph.op("Reshape", blocks, graph.int64_vector(0, 0, 0, columns))
        context = graph.op("ReduceSum", graph.op("MatMul", blocks, values), graph.int64_vector(1), keepdims=0)
        if self.model.attention == "multihead":
            context = graph.op("Add", context, self.weight_vector(f"{name}.output.bias"))
        if self.model.alignment_head:
            return context, graph.op("Gather", weights, graph.constant(0, np.int64), axis=2)
        return context, graph.op("ReduceMean", weights, graph.int64_vector(2), keepdims=0)

    def _add_additive_scores(self, query: str, layer: int, name: str, bias: str) -> str:
        """Return the scores [N, K, 1, S] of `nmt.model.attention.AdditiveAttention`."""
        graph, width = self.graph, self.model.width
        keys = graph.add_input(f"keys.{layer}", np.float32, "sentences", "blocks", BLOCK_SIZE, width)
        query = graph.op("Unsqueeze", self.linear(query, f"{name}.of_query"), graph.int64_vector(2))
        pairs = graph.op("Add", query, graph.op("Reshape", keys, graph.int64_vector(0, 1, -1, width)))
        vector = graph.weight(f"{name}.score.column", self.weights[f"{name}.score.weight"].T)
        scores = graph.op("Transpose", graph.op("MatMul", graph.op("Tanh", pairs), vector), perm=[0, 1, 3, 2])
        return graph.op("Add", scores, graph.op("Reshape", bias, graph.int64_vector(0, 1, 1, -1)))

    def _add_output_layer(self, hidden: str, with_shortlist: bool) -> str:
        """Return the logits [N, K, V or L] of hidden [N, K, D]."""
        if not with_shortlist:
            return self.matmul(hidden, OUTPUT_LAYER, self.weights[OUTPUT_LAYER])
        graph, width = self.graph, self.model.width
        rows = graph.add_input("rows", np.int8 if self.int8 else np.float32, "sentences", width, "list")
        bias = graph.add_input("list_bias", np.float32, "sentences", 1, "list")
        if not self.int8:
            return graph.op("Add", graph.op("MatMul", hidden, rows), bias)
        scales = graph.add_input("row_scales", np.float32, "sentences", 1, "list")
        levels, peaks = self.quantise_rows(hidden)
        zero = graph.constant(128, np.uint8)
        products = graph.op("MatMulIntegerToFloat", levels, rows, graph.constant(1 / 127), scales, zero)
        return graph.op("Add", graph.op("Mul", products, peaks), bias)

    def _add_top_k(self, scores: str, with_shortlist: bool) -> None:
        """Add the outputs with top-k, which are described in `StepGraph`, from log-probabilities [N, K, V or L]."""
        graph = self.graph
        score_ids = graph.add_input("asked", np.int64, "sentences", "beam", "questions")
        id_scores = graph.op("GatherElements", scores, score_ids, axis=2)
        graph.add_output(id_scores, "asked_scores", np.float32, "sentences", "beam", "questions")
        candidates = graph.add_input("candidates", np.int64, 1)
        suppressed = graph.add_input("suppressed", np.int64, "suppressions", 3)
        never = graph.add_input("never", np.float32, "suppressions")
        candidate_scores = graph.op("ScatterND", scores, suppressed, never)
        if not with_shortlist:  # shortlists contain only required reserved tokens
            reserved = reserved_mask(len(self.weights[OUTPUT_LAYER]))
            penalty = np.where(reserved, np.float32(-np.inf), np.float32(0))
            candidate_scores = graph.op("Add", candidate_scores, graph.weight("never_proposed", penalty))
        top_scores, top = graph.multi_output_op("TopK", candidate_scores, candidates, outputs=2)
        graph.add_output(top_scores, "top_scores", np.float32, "sentences", "beam", "candidates")
        graph.add_output(top, "top", np.int64, "sentences", "beam", "candidates")


def build_shortlist_graph(model: ModelConfig, weights: Weights, precision: Precision, weight_file: WeightFile) -> bytes:
    """Build the graph that gathers the output layer of shortlists.

    The input is ``list`` [N, L], token ids; the outputs are ``rows`` [N, D, L] and, in int8, ``row_scales`` [N, 1, L].
    """
    graph, table = GraphBuilder("rows", weight_file), weights[OUTPUT_LAYER]
    ids = graph.add_input("list", np.int64, "sentences", "list")
    dtype: type[np.generic] = np.float32
    name = OUTPUT_LAYER
    if precision == "int8":
        table, scales = quantise(table)
        dtype, name = np.int8, f"{OUTPUT_LAYER}.levels"
        factors = graph.op("Gather", graph.weight(f"{OUTPUT_LAYER}.scales", scales), ids)
        factors = graph.op("Unsqueeze", factors, graph.int64_vector(1))
        graph.add_output(factors, "row_scales", np.float32, "sentences", 1, "list")
    rows = graph.op("Transpose", graph.op("Gather", graph.weight(name, table), ids), perm=[0, 2, 1])
    graph.add_output(rows, "rows", dtype, "sentences", model.width, "list")
    return graph.serialise()


def _step_gate_order(weight: AnyArray) -> AnyArray:
    """Reorder gates from torch's order (input, forget, candidate, output) to input, forget, output, candidate.

    The sigmoid of the three gates is then a single operation.
    """
    input_, forget, candidate, output = np.split(weight, 4)
    return np.concatenate((input_, forget, output, candidate))
