"""Drawing tokens from distributions.

M rows, T tokens, C drawn.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nmt.search.protocol import StepRequest

Floats = np.ndarray[Any, np.dtype[np.float32]]
Ints = np.ndarray[Any, np.dtype[np.int64]]


def draw(scores: Floats, request: StepRequest, rows: Ints) -> Ints:
    """Places [M, C] in the log-probabilities [M, T] of the request's ``rows`` [M], drawn without replacement.

    Adding Gumbel noise and taking the largest draws from the softmax of scores over temperature (Kool et al. 2019). A
    row's noise comes from its own seed: its draw does not depend on other rows. What top-k and top-p leave out comes
    last.
    """
    assert request.temperature is not None
    assert request.seeds is not None
    temperature = request.temperature[rows][:, None]
    allowed = np.array(scores)
    if request.top_k is not None:
        _keep_best(allowed, request.top_k[rows])
    if request.top_p is not None:
        _keep_nucleus(allowed, temperature, request.top_p[rows])
    noise = np.stack([np.random.default_rng(int(seed)).gumbel(size=scores.shape[1]) for seed in request.seeds[rows]])
    return np.argsort(-(allowed + temperature * noise), axis=1, kind="stable")[:, : request.candidates]


def _keep_best(scores: Floats, counts: Ints) -> None:
    """Leave each row its best ``counts`` [M] tokens; all where it is 0."""
    ranks = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    scores[(ranks >= counts[:, None]) & (counts > 0)[:, None]] = -np.inf


def _keep_nucleus(scores: Floats, temperature: Floats, shares: Floats) -> None:
    """Leave each row the fewest tokens that together have ``shares`` [M] of the probability (Holtzman et al. 2020)."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1) / np.maximum(temperature, 1e-6)
    probabilities = np.exp(ranked - ranked[:, :1])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    before = np.cumsum(probabilities, axis=1) - probabilities
    np.put_along_axis(
        scores, order, np.where(before < shares[:, None], np.take_along_axis(scores, order, 1), -np.inf), 1
    )
