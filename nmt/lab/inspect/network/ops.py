"""Operations of recurrent cells on NumPy arrays."""

from __future__ import annotations

from itertools import accumulate

import numpy as np

from nmt.lab.inspect.network.weights import NetworkWeights, normalise_rows
from nmt.utils.arrays import Float32Array


def sigmoid(x: Float32Array) -> Float32Array:
    """Return the logistic function of x; expressed by tanh, it does not overflow."""
    half = np.float32(0.5)
    values: Float32Array = half * np.tanh(half * x) + half
    return values


class ArrayOps:
    """`nmt.model.cells.base.Ops` on arrays; the results of σ and tanh are appended to ``results``."""

    def __init__(self, weights: NetworkWeights, prefix: str) -> None:
        """The names of the cell's weights start with ``prefix``."""
        self._weights, self._prefix = weights, prefix
        self.results: list[Float32Array] = []

    def matmul(self, x: Float32Array, weight: str) -> Float32Array:
        """Multiply by a transposed weight matrix; see `Ops.matmul`."""
        return x @ self.weight_vector(weight).T

    def add_matmul(self, addend: Float32Array, x: Float32Array, weight: str) -> Float32Array:
        """Multiply by a transposed weight matrix and add; see `Ops.add_matmul`."""
        return addend + self.matmul(x, weight)

    def weight_vector(self, weight: str) -> Float32Array:
        """Return a weight of the cell."""
        return self._weights[f"{self._prefix}.{weight}"]

    def sigmoid(self, x: Float32Array) -> Float32Array:
        """Apply the logistic function elementwise, and record the result."""
        self.results.append(sigmoid(x))
        return self.results[-1]

    def tanh(self, x: Float32Array) -> Float32Array:
        """Apply the hyperbolic tangent elementwise, and record the result."""
        self.results.append(np.tanh(x))
        return self.results[-1]

    def split(self, x: Float32Array, *sizes: int) -> list[Float32Array]:
        """Split the last dimension; see `Ops.split`."""
        return np.split(x, list(accumulate(sizes))[:-1], axis=-1)

    def concat(self, *parts: Float32Array) -> Float32Array:
        """Concatenate along the last dimension."""
        return np.concatenate(parts, axis=-1)

    def repeat_interleave(self, x: Float32Array, repeats: int) -> Float32Array:
        """Repeat each element; see `Ops.repeat_interleave`."""
        return np.repeat(x, repeats, axis=-1)

    def layer_norm(self, x: Float32Array, gain: str) -> Float32Array:
        """Normalise the last dimension; see `Ops.layer_norm`."""
        return normalise_rows(x) * self.weight_vector(gain)

    def is_multiple(self, clock: Float32Array, periods: list[int]) -> Float32Array:
        """Return 1 where the clock is a multiple of the period; see `Ops.is_multiple`."""
        remainders = np.mod(clock, np.array(periods, dtype=np.float32))
        return np.equal(remainders, 0).astype(np.float32)

    def next_layer_input(self, layer_input: Float32Array | None, h: Float32Array) -> Float32Array:
        """Add the residual connection, if there is one; see `Ops.next_layer_input`."""
        return h if layer_input is None or not self._weights.config.residual else layer_input + h
