"""The kernels of every instruction set that this processor has compute what NumPy computes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.engine.native import library as native
from nmt.engine.onnx.quantisation import MAX_LEVEL, quantise
from nmt.utils.arrays import AnyArray

NAMES = ("avx512", "avxvnni", "avx2", "neon", "portable")


def kernels(name: str) -> tuple[native.Library, int]:
    library = native.load_library()
    if library is None:
        pytest.skip("the native engine is not compiled; run python -m nmt.engine.native.build")
    found = library.find_kernels(name)
    if found is None:
        pytest.skip(f"this processor has no {name}")
    return library, found


def multiply(name: str, rows: AnyArray, values: AnyArray, scales: AnyArray | None, bias: AnyArray) -> AnyArray:
    library, found = kernels(name)
    output = np.empty((len(rows), len(values)), dtype=np.float32)
    library.call(
        "multiply", found, *map(native.pointer, (values, scales, bias)), *values.shape, native.pointer(rows), len(rows),
        native.pointer(output),
    )  # fmt: skip
    return output


SHAPES = st.tuples(st.integers(1, 14), st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**32 - 1))
"""Rows, inputs and outputs in units of 16, and a seed."""


@pytest.mark.parametrize("name", NAMES)
@given(SHAPES)
@settings(max_examples=25)
def test_int8_products_are_exact(name: str, shape: tuple[int, int, int, int]) -> None:
    """The product of the levels is a whole number; only its scaling is rounded, as in NumPy."""
    count, inputs, outputs, seed = shape
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 16 * inputs)).astype(np.float32)
    rows[0] = 0
    levels, scales = quantise(random.normal(size=(16 * outputs, 16 * inputs)).astype(np.float32))
    levels[-1] = np.where(levels[-1] > 0, MAX_LEVEL, -MAX_LEVEL)  # the largest sums
    bias = random.normal(size=16 * outputs).astype(np.float32)
    peaks = np.abs(rows).max(axis=1, keepdims=True)
    factors = np.divide(np.float32(127), peaks, out=np.zeros_like(peaks), where=peaks > 0)
    sums = np.rint(rows * factors).astype(np.int64) @ levels.T.astype(np.int64)
    expected = sums.astype(np.float32) * (scales / np.float32(127) * peaks) + bias
    np.testing.assert_array_equal(multiply(name, rows, levels, scales, bias), expected)


@pytest.mark.parametrize("name", NAMES)
@given(SHAPES)
@settings(max_examples=25)
def test_fp32_products(name: str, shape: tuple[int, int, int, int]) -> None:
    count, inputs, outputs, seed = shape
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 16 * inputs)).astype(np.float32)
    matrix = random.normal(size=(16 * outputs, 16 * inputs)).astype(np.float32)
    bias = random.normal(size=16 * outputs).astype(np.float32)
    result = multiply(name, rows, matrix, None, bias)
    np.testing.assert_allclose(result, rows.astype(np.float64) @ matrix.T + bias, atol=1e-4)
    alone = [multiply(name, row[None].copy(), matrix, None, bias)[0] for row in rows]
    np.testing.assert_array_equal(alone, result)


@pytest.mark.parametrize("name", NAMES)
def test_quantised_levels_round_halves_to_even_and_reach_both_ends(name: str) -> None:
    library, found = kernels(name)
    row = np.array([127, -127, 0.5, 1.5, -0.5, -1.5, 126.5, 0, *[1.0] * 8], dtype=np.float32)
    levels = np.zeros(16, dtype=np.uint8)
    assert library.functions["quantise"](found, native.pointer(row), 16, native.pointer(levels)) == 127
    assert levels.tolist() == [255, 1, 128, 130, 128, 126, 254, 128, *[129] * 8]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [1, 7, 16, 20, 384])
def test_layer_norm_ignores_the_padding(name: str, width: int) -> None:
    library, found = kernels(name)
    size = -(-width // 16) * 16
    random = np.random.default_rng(width)
    row, weight, bias, output = np.zeros((4, size), dtype=np.float32)
    for vector in (row, weight, bias):
        vector[:width] = random.normal(loc=3, size=width)
    library.functions["layer_norm"](
        found, native.pointer(row), width, size, *map(native.pointer, (weight, bias, output))
    )
    x = row[:width].astype(np.float64)
    expected = (x - x.mean()) / np.sqrt(x.var() + 1e-5) * weight[:width] + bias[:width]
    np.testing.assert_allclose(output[:width], expected, atol=1e-5)
    assert (output[width:] == 0).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scale", [0.1, 10, 1000])
def test_softmax_and_log_sum_exp(name: str, scale: float) -> None:
    library, found = kernels(name)
    scores = np.random.default_rng(1).normal(scale=scale, size=48).astype(np.float32)
    largest = scores[:37].max()
    exponentials = np.exp(scores[:37].astype(np.float64) - largest)
    padded = np.where(np.arange(48) < 37, scores, np.float32(-np.inf)).astype(np.float32)
    result = library.functions["log_sum_exp"](found, native.pointer(padded), 48)
    assert result == pytest.approx(largest + np.log(exponentials.sum()), rel=1e-6)
    library.functions["softmax"](found, native.pointer(scores), 37, 48)
    np.testing.assert_allclose(scores[:37], exponentials / exponentials.sum(), rtol=1e-5, atol=1e-30)
    assert (scores[37:] == 0).all()


@pytest.mark.parametrize("name", NAMES)
@given(st.integers(1, 6), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_largest_scores_are_in_order_and_the_first_of_equal_ones_wins(
    name: str, blocks: int, count: int, seed: int
) -> None:
    library, found = kernels(name)
    scores = np.random.default_rng(seed).integers(0, 12, size=16 * blocks).astype(np.float32)
    scores[scores == 0] = -np.inf
    largest, positions = np.empty(count, dtype=np.float32), np.empty(count, dtype=np.int32)
    pointers = map(native.pointer, (largest, positions))
    library.functions["select_largest"](found, native.pointer(scores), len(scores), count, *pointers)
    order = [i for i in np.argsort(-scores, kind="stable").tolist() if np.isfinite(scores[i])][:count]
    assert positions.tolist() == order + [-1] * (count - len(order))
    assert largest[: len(order)].tolist() == scores[order].tolist()
    assert np.isneginf(largest[len(order) :]).all()
