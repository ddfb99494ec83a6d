"""Weights recovered from ONNX graphs equal those that were exported, up to rounding or quantisation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from nmt.config.model import ModelConfig
from nmt.engine.onnx.export import build_graphs
from nmt.engine.onnx.graph_weights import read_graph_weights
from nmt.engine.onnx.initializers import read_initializers
from nmt.engine.onnx.layer_graphs import Precision
from nmt.engine.onnx.quantisation import LSTM_INPUT_GAIN, MAX_LEVEL
from nmt.model.seq2seq import build_network

SETTINGS = [
    {},
    {"tie_embeddings": False, "bidirectional_layers": 1},
    {"attention": "additive", "design": "classic", "input_feeding": True},
    {"attention": "dot", "input_feeding": True, "decoder_layers": 3},
    {"attention": "none", "design": "classic"},
    {"cell": "gru"},
    {"cell": "layer_norm", "attention": "additive"},
    {"cell": "grid", "design": "classic"},
    {"cell": "clockwork", "attention": "dot", "design": "classic"},
]


def export(folder: Path, precision: Precision, **settings: object) -> tuple[ModelConfig, dict[str, np.ndarray]]:
    """Write the graphs of a random network; return its configuration and weights."""
    config = ModelConfig.model_validate({"width": 48, "heads": 4, **settings})
    network = build_network(config, 70, 70, True, seed=4)
    weights = {name: parameter.detach().numpy() for name, parameter in network.named_parameters()}
    generator = np.random.default_rng(1)  # initial biases and gains are constant
    vectors = {name: generator.normal(size=each.shape) for name, each in weights.items() if each.ndim == 1}
    weights |= {name: vector.astype(np.float32) for name, vector in vectors.items()}
    for name, content in build_graphs(config, weights, precision).items():
        (folder / name).write_bytes(content)
    return config, weights


def with_summed_biases(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace the two biases of each LSTM by their sum, which is all that graphs contain."""
    summed = dict(weights)
    for name in weights:
        if ".bias_ih_" in name:
            summed[name] = weights[name] + summed.pop(name.replace("bias_ih", "bias_hh"))
    return summed


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("settings", SETTINGS)
def test_recovered_weights_equal_the_exported_ones(
    settings: dict[str, object], precision: Precision, tmp_path: Path
) -> None:
    config, weights = export(tmp_path, precision, **settings)
    found, expected = with_summed_biases(read_graph_weights(tmp_path, config)), with_summed_biases(weights)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name].shape == value.shape
        peak = np.abs(value).max()
        if name.startswith("decoder") and ".lstm.weight" in name:  # some columns of each row are scaled up
            peak = max(np.abs(expected[f"{name[: -len('ih_l0')]}{kind}_l0"]).max() for kind in ("ih", "hh"))
            peak /= LSTM_INPUT_GAIN
        step = peak / MAX_LEVEL if precision == "int8" and value.ndim == 2 else 0.0
        assert np.abs(found[name] - value).max() <= 1.01 * step / 2 + 1e-6, name


def test_initializers_equal_those_that_the_onnx_package_reads(tmp_path: Path) -> None:
    export(tmp_path, "int8")
    for file in tmp_path.glob("*.onnx"):
        found = read_initializers(file)
        graph = onnx.load(file).graph
        assert found.keys() == {tensor.name for tensor in graph.initializer}
        for tensor in graph.initializer:
            expected = numpy_helper.to_array(tensor, base_dir=str(tmp_path))
            np.testing.assert_array_equal(found[tensor.name], expected)
            assert found[tensor.name].dtype == expected.dtype
