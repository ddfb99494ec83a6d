"""Sampling of tokens from distributions over the vocabulary, shared by all engines.

Shapes: M rows, m sampled rows among them, V tokens to choose from, C candidates per row.
"""

from __future__ import annotations

import numpy as np

from nmt.search.protocol import StepRequest
from nmt.utils.arrays import Float32Array, Int64Array


def sample_tokens(scores: Float32Array, request: StepRequest, rows: Int64Array) -> Int64Array:
    """Sample tokens without replacement, by Gumbel top-k (Kool et al. 2019).

    The tokens with the largest sums of score and Gumbel noise are samples of the softmax of the scores over the
    temperature. Each row has a seed of its own for its noise, so its samples do not depend on other rows.

    Args:
        scores: log-probabilities [M, V]. Those of tokens that top-k or top-p excludes are set to -inf in place.
        request: request with the sampling parameters and seeds of all rows.
        rows: index in the request of each row of the scores, [M].

    Returns:
        Tokens [M, C] in the order drawn, excluded tokens last. A row with temperature 0 gets its best tokens.
    """
    assert request.temperature is not None
    assert request.seeds is not None
    sampled = np.flatnonzero(request.temperature[rows])
    sampled_rows = rows[sampled]
    temperature = request.temperature[sampled_rows][:, None]
    if request.top_k is not None and request.top_p is not None:
        top_k, top_p = request.top_k[sampled_rows], request.top_p[sampled_rows]
        scores[sampled] = _filter_top_k_top_p(scores[sampled], temperature, top_k, top_p)
    perturbed = scores.copy()
    noise = [np.random.default_rng(int(seed)).gumbel(size=scores.shape[1]) for seed in request.seeds[sampled_rows]]
    perturbed[sampled] += temperature * np.array(noise, dtype=np.float32).reshape(len(sampled), -1)
    return np.argsort(-perturbed, axis=1, kind="stable")[:, : request.num_candidates]


def _filter_top_k_top_p(
    scores: Float32Array, temperature: Float32Array, top_k: Int64Array, top_p: Float32Array
) -> Float32Array:
    """Return log-probabilities [m, V] with -inf outside of the ``top_k`` [m] best tokens and of their nucleus.

    The nucleus is the smallest set of tokens with a total probability of ``top_p`` [m] (Holtzman et al. 2020). If
    ``top_k`` is 0, it excludes no tokens.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    excluded = (np.arange(scores.shape[1]) >= top_k[:, None]) & (top_k > 0)[:, None]
    weights = np.exp((np.where(excluded, -np.inf, ranked) - ranked[:, :1]) / temperature)
    mass_before = np.cumsum(weights, axis=1) - weights
    # A top-p of 1 must not cut the tail because of rounding.
    excluded |= (mass_before >= top_p[:, None] * weights.sum(axis=1, keepdims=True)) & (top_p < 1)[:, None]
    filtered = np.empty_like(scores)
    np.put_along_axis(filtered, order, np.where(excluded, np.float32(-np.inf), ranked), axis=1)
    return filtered
