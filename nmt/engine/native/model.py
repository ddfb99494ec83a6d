"""Models of the native engine."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nmt.config.model import ModelConfig
from nmt.corpus.tokenizer import EOS, reserved_mask
from nmt.engine.native import library as native
from nmt.engine.native.weights import MatrixWeights, NetworkWeights, convert_weights
from nmt.engine.onnx.initializers import read_initializers
from nmt.engine.onnx.quantisation import LSTM_INPUT_GAIN
from nmt.utils.arrays import AnyArray
from nmt.utils.errors import CarouselError

_ATTENTION_KINDS = ("none", "dot", "additive", "multihead")


class NativeModel:
    """A network whose weights are packed for the kernels; threads may share it."""

    def __init__(
        self,
        weights: NetworkWeights,
        model: ModelConfig,
        vocabularies: tuple[int, int],
        with_whole_vocabulary: bool,
        instruction_set: str | None = None,
    ) -> None:
        """Pack the weights.

        Args:
            weights: all weights of the network; not used afterwards.
            model: architecture.
            vocabularies: sizes of the source and the target vocabulary.
            with_whole_vocabulary: whether to pack the output layer for sentences without a shortlist.
            instruction_set: name of the kernels; by default those of `nmt.engine.native.library.select_kernels`.

        Raises:
            CarouselError: The library is not compiled.
            ValueError: The weights do not match the architecture.
        """
        self.library = native.require_library()
        self.vocab_size = vocabularies[1]
        self.has_attention, self.with_whole_vocabulary = model.attention != "none", with_whole_vocabulary
        kernels = native.select_kernels(self.library, instruction_set)
        architecture = _architecture(model, vocabularies)
        self.address = self.library.create("model_new", ctypes.byref(architecture), kernels)
        self._finalizer = weakref.finalize(self, self.library.functions["model_delete"], self.address)
        self._set_weights(weights)
        layers = native.contiguous(model.initial_state_layers, np.int32)
        reserved = np.flatnonzero(reserved_mask(self.vocab_size)).astype(np.int32)
        self.library.call(
            "model_complete", self.address, native.pointer(layers), native.pointer(reserved), len(reserved),
            with_whole_vocabulary,
        )  # fmt: skip

    def _set_weights(self, weights: NetworkWeights) -> None:
        for name, matrix in weights.matrices.items():
            values, scales, bias = _arrays(matrix)
            self.library.call(
                "model_set_matrix", self.address, name.encode(), *map(native.pointer, (values, scales, bias)),
                *values.shape, matrix.output_parts, matrix.input_parts, matrix.is_lstm,
            )  # fmt: skip
        for name, vector in weights.vectors.items():
            values = native.contiguous(vector, np.float32)
            self.library.call("model_set_vector", self.address, name.encode(), native.pointer(values), len(values))
        for name, table in weights.tables.items():
            values, scales, _ = _arrays(table)
            self.library.call(
                "model_set_table", self.address, name.encode(), native.pointer(values), native.pointer(scales),
                *values.shape,
            )  # fmt: skip
        for name, other in weights.shared_tables.items():
            self.library.call("model_share_table", self.address, name.encode(), other.encode())


def load_native_model(
    graphs: Path,
    model: ModelConfig,
    vocabularies: tuple[int, int],
    with_whole_vocabulary: bool,
    instruction_set: str | None = None,
) -> NativeModel:
    """Read the weights in a folder of graphs; see `NativeModel`.

    Raises:
        CarouselError: The graphs are damaged or belong to another architecture, or the library is not compiled.
    """
    try:
        tensors = read_initializers(graphs / "encoder.onnx") | read_initializers(graphs / "step.onnx")
        return native_model_from_tensors(tensors, model, vocabularies, with_whole_vocabulary, instruction_set)
    except (ValueError, OSError) as error:
        raise CarouselError(f"{graphs}: is damaged ({error}); copy the model directory again") from None


def native_model_from_tensors(
    tensors: Mapping[str, AnyArray],
    model: ModelConfig,
    vocabularies: tuple[int, int],
    with_whole_vocabulary: bool,
    instruction_set: str | None = None,
) -> NativeModel:
    """Return the model of the tensors of its graphs; see `NativeModel`. Raises ValueError if they do not match."""
    weights = convert_weights(tensors, model, *vocabularies)
    return NativeModel(weights, model, vocabularies, with_whole_vocabulary, instruction_set)


def _architecture(model: ModelConfig, vocabularies: tuple[int, int]) -> native.Architecture:
    return native.Architecture(
        width=model.width,
        feed_forward=model.feed_forward_width,
        encoder_layers=model.encoder_layers,
        decoder_layers=model.decoder_layers,
        bidirectional_layers=sum(map(model.is_bidirectional, range(model.encoder_layers))),
        encoder_blocks=model.design == "blocks",
        decoder_blocks=model.has_decoder_blocks,
        attention=_ATTENTION_KINDS.index(model.attention),
        heads=model.heads if model.attention == "multihead" else 1,
        input_feeding=model.input_feeding,
        reverse_source=model.reverse_source,
        residual=model.residual,
        alignment_head=model.alignment_head,
        source_vocabulary=vocabularies[0],
        target_vocabulary=vocabularies[1],
        end_of_sentence=EOS,
        embedding_gain=LSTM_INPUT_GAIN,
    )


def _arrays(matrix: MatrixWeights) -> tuple[AnyArray, AnyArray | None, AnyArray | None]:
    """Return the values, scales and bias of a matrix as contiguous arrays."""
    values = native.contiguous(matrix.values, np.float32 if matrix.scales is None else np.int8)
    scales, bias = (
        None if vector is None else native.contiguous(vector, np.float32) for vector in (matrix.scales, matrix.bias)
    )
    return values, scales, bias
