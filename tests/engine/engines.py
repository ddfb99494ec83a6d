"""Small networks of every design, and engines for them."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from nmt.config.cells import CELL_TRAITS
from nmt.config.model import ModelConfig
from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.engine.factory import EngineFactory
from nmt.engine.native.engine import NativeEngine
from nmt.engine.native.library import load_library
from nmt.engine.native.model import NativeModel, load_native_model
from nmt.engine.onnx.engine import OnnxEngine
from nmt.engine.onnx.export import build_graphs
from nmt.engine.onnx.layer_graphs import Precision
from nmt.engine.onnx.sessions import OnnxSessions
from nmt.engine.torch_engine import TorchEngine
from nmt.model.seq2seq import Seq2Seq, build_network

VOCABULARY = FIRST_TEXT_ID + 30
DESIGNS: list[dict[str, object]] = [
    {"attention": "none", "reverse_source": True},
    {"attention": "dot", "reverse_source": True},
    {"attention": "additive"},
    {"attention": "additive", "input_feeding": True},
    {"attention": "multihead"},
    {"attention": "multihead", "input_feeding": True, "tie_embeddings": False},
    {"design": "classic", "attention": "none", "bidirectional_layers": 0, "reverse_source": True},
    {"design": "classic", "attention": "dot", "bidirectional_layers": 1, "residual": True},
    {"design": "classic", "attention": "additive", "residual": True, "input_feeding": True},
]

CELL_DESIGNS: list[dict[str, object]] = [
    {"cell": name, "design": "classic", "attention": "dot", "residual": True}
    if traits.stacked
    else {"cell": name, "attention": "multihead"}
    for name, traits in CELL_TRAITS.items()
    if name != "lstm"
]
"""One network for each cell but the LSTM."""
WIDE_INPUT_DESIGNS: list[dict[str, object]] = [
    {"cell": "sru", "design": "classic", "attention": "dot", "bidirectional_layers": 1, "input_feeding": True},
    {
        "cell": "gated_feedback",
        "design": "classic",
        "attention": "additive",
        "bidirectional_layers": 0,
        "input_feeding": True,
    },
]
"""Networks with cells whose input is wider than the layer."""


@functools.cache
def network(**design: object) -> Seq2Seq:
    """Return a network with larger weights than initial ones, so that hypotheses differ."""
    config = ModelConfig(width=16, heads=2, encoder_layers=2, decoder_layers=2, **design)  # type: ignore[arg-type]
    net = build_network(config, VOCABULARY, VOCABULARY, shared_vocab=True, seed=3).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.15 * torch.randn(parameter.shape, generator=generator)
    return net


@functools.cache
def wide_network() -> Seq2Seq:
    """Return a network of a realistic width."""
    config = ModelConfig(width=256, heads=4, encoder_layers=1, decoder_layers=1)
    return build_network(config, VOCABULARY, VOCABULARY, shared_vocab=True, seed=3).eval()


class HalfVocabularyShortlist:
    """A shortlist of half of the vocabulary; the first source token decides which half."""

    def target_ids_for_sentence(self, source: Sequence[int], required_ids: Sequence[int]) -> np.ndarray:
        selected = np.random.default_rng(source[0]).choice(VOCABULARY - FIRST_TEXT_ID, 15, replace=False)
        return np.unique([EOS, *(selected + FIRST_TEXT_ID), *required_ids])


def torch_factory(net: Seq2Seq) -> EngineFactory:
    return lambda num_slots, beam_size: TorchEngine(net, num_slots, beam_size)


def onnx_factory(
    net: Seq2Seq, precision: Precision = "fp32", shortlist: HalfVocabularyShortlist | None = None
) -> EngineFactory:
    loaded = onnx_sessions(net, precision)
    return lambda num_slots, beam_size: OnnxEngine(loaded, num_slots, beam_size, shortlist)  # type: ignore[arg-type]


def native_factory(
    net: Seq2Seq,
    precision: Precision = "fp32",
    shortlist: HalfVocabularyShortlist | None = None,
    instruction_set: str | None = None,
) -> EngineFactory:
    model = native_model(net, precision, instruction_set)
    return lambda num_slots, beam_size: NativeEngine(model, num_slots, beam_size, shortlist)  # type: ignore[arg-type]


@functools.cache
def native_model(net: Seq2Seq, precision: Precision, instruction_set: str | None = None) -> NativeModel:
    """Export a network and return its graphs' weights, packed for the native engine."""
    if load_library() is None:
        pytest.skip("the native engine is not compiled; run python -m nmt.engine.native.build")
    return load_native_model(graphs(net, precision), net.config, (VOCABULARY, VOCABULARY), True, instruction_set)


_FOLDER = tempfile.TemporaryDirectory()


@functools.cache
def onnx_sessions(net: Seq2Seq, precision: Precision) -> OnnxSessions:
    """Export a network and return sessions of its graphs."""
    return OnnxSessions(graphs(net, precision), VOCABULARY)


@functools.cache
def graphs(net: Seq2Seq, precision: Precision) -> Path:
    """Export a network and return the folder of its graphs."""
    folder = Path(tempfile.mkdtemp(dir=_FOLDER.name))
    weights = {name: parameter.detach().numpy() for name, parameter in net.named_parameters()}
    for name, content in build_graphs(net.config, weights, precision).items():
        (folder / name).write_bytes(content)
    return folder
