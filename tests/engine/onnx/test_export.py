"""Exported graphs: validity, reproducibility, padding, shared weights and quantisation."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from engines import DESIGNS, network
from hypothesis import given
from hypothesis import strategies as st

from nmt.engine.onnx.export import build_graphs
from nmt.engine.onnx.graph_builder import WEIGHT_FILE
from nmt.engine.onnx.quantisation import MAX_LEVEL, quantise
from nmt.engine.onnx.runtime import ort


def write(folder: Path, precision: str, **design: object) -> Path:
    net = network(**design)
    weights = {name: parameter.detach().numpy() for name, parameter in net.named_parameters()}
    for name, content in build_graphs(net.config, weights, precision).items():  # type: ignore[arg-type]
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_graphs_are_valid_and_declare_dynamic_dimensions(
    tmp_path: Path, design: dict[str, object], precision: str
) -> None:
    write(tmp_path, precision, **design)
    for path in tmp_path.glob("*.onnx"):
        onnx.checker.check_model(path)
    encoder = ort.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    assert {value.name: value.shape for value in encoder.get_inputs()} == {
        "source": ["sentences", "source"],
        "lengths": ["sentences"],
    }


def test_equal_weights_give_equal_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(tmp_path / folder, "int8", attention="multihead")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.mark.parametrize("design", DESIGNS, ids=str)
def test_padding_does_not_affect_the_encoder(tmp_path: Path, design: dict[str, object]) -> None:
    """A sentence in a batch with longer ones is encoded exactly as alone, whatever ids pad it."""
    session = ort.InferenceSession(write(tmp_path, "int8", **design) / "encoder.onnx")
    random = np.random.default_rng(4)
    ids = random.integers(68, 98, size=(3, 40))
    lengths = np.array([5, 40, 17], dtype=np.int32)
    shapes = {value.name: value.shape for value in session.get_outputs()}
    names = list(shapes)
    together = dict(zip(names, session.run(names, {"source": ids, "lengths": lengths}), strict=True))
    for row, length in enumerate(lengths):
        alone = session.run(names, {"source": ids[row : row + 1, :length], "lengths": lengths[row : row + 1]})
        for name, expected in zip(names, alone, strict=True):
            found = together[name][row : row + 1]
            if "blocks" in shapes[name]:
                found = found[:, : expected.shape[1]]
            np.testing.assert_array_equal(found, expected)


def test_weights_shared_by_several_graphs_are_stored_once(tmp_path: Path) -> None:
    net = network(attention="multihead")
    write(tmp_path, "fp32", attention="multihead")
    largest = sum(p.numel() for p in net.parameters() if p.numel() * 4 > 4096) * 4
    assert (tmp_path / WEIGHT_FILE).stat().st_size < largest + 4096 * 60


@given(st.integers(1, 6), st.integers(1, 9), st.integers(0, 99))
def test_quantised_weights_are_within_half_a_level(rows: int, columns: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    weight = random.normal(size=(rows, columns)).astype(np.float32) * random.choice([0, 1e-6, 1, 1e6], size=(rows, 1))
    levels, scales = quantise(weight.astype(np.float32))
    assert np.abs(levels).max() <= MAX_LEVEL
    assert (np.abs(levels * scales[:, None] - weight) <= scales[:, None] * 0.5001).all()


def test_sums_of_two_products_fit_16_bits() -> None:
    """Processors without VNNI add pairs of products in 16 bits."""
    assert 2 * 255 * MAX_LEVEL < 2**15


def test_int8_is_close_to_fp32(tmp_path: Path) -> None:
    torch.manual_seed(0)
    results = {}
    for precision in ("fp32", "int8"):
        (tmp_path / precision).mkdir()
        session = ort.InferenceSession(write(tmp_path / precision, precision, attention="dot") / "encoder.onnx")
        ids = np.arange(70, 90)[None]
        results[precision] = session.run(["state"], {"source": ids, "lengths": np.array([20], dtype=np.int32)})[0]
    error = np.abs(results["int8"] - results["fp32"]).mean()
    assert 0 < error < 0.05 * np.abs(results["fp32"]).mean()
