"""Drawing tokens from distributions; every engine draws alike.

M rows, m of them sampled, T tokens, C drawn.
"""

from __future__ import annotations

import numpy as np

from nmt.search.protocol import StepRequest
from nmt.utils.arrays import Float32Array, Int64Array


def draw(proposals: Float32Array, request: StepRequest, rows: Int64Array) -> Int64Array:
    """Places [M, C] in the log-probabilities [M, T] of the request's ``rows`` [M], drawn without replacement.

    Adding Gumbel noise and taking the largest draws from the softmax of scores over temperature (Kool et al. 2019). A
    row's noise comes from its own seed: its draw does not depend on other rows. What top-k and top-p leave out becomes
    -inf in ``proposals``, and comes last.
    """
    assert request.temperature is not None
    assert request.seeds is not None
    sampled = np.flatnonzero(request.temperature[rows])
    who = rows[sampled]
    temperature = request.temperature[who][:, None]
    if request.top_k is not None and request.top_p is not None:
        proposals[sampled] = _narrowed(proposals[sampled], temperature, request.top_k[who], request.top_p[who])
    drawn = proposals.copy()
    noise = [np.random.default_rng(int(seed)).gumbel(size=proposals.shape[1]) for seed in request.seeds[who]]
    drawn[sampled] += temperature * np.array(noise, dtype=np.float32).reshape(len(sampled), -1)
    return np.argsort(-drawn, axis=1, kind="stable")[:, : request.candidates]


def _narrowed(scores: Float32Array, temperature: Float32Array, top_k: Int64Array, top_p: Float32Array) -> Float32Array:
    """The scores [m, T] of each row's ``top_k`` [m] likeliest tokens, and of these of the nucleus of ``top_p`` [m].

    Nucleus: Holtzman et al. 2020.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    ranked = np.take_along_axis(scores, order, axis=1)
    outside = (np.arange(scores.shape[1]) >= top_k[:, None]) & (top_k > 0)[:, None]
    tempered = np.exp((np.where(outside, -np.inf, ranked) - ranked[:, :1]) / temperature)
    before = np.cumsum(tempered, axis=1) - tempered
    # Where nothing is asked for, rounding shall not cut the tail.
    outside |= (before >= top_p[:, None] * tempered.sum(axis=1, keepdims=True)) & (top_p < 1)[:, None]
    narrowed = np.empty_like(scores)
    np.put_along_axis(narrowed, order, np.where(outside, np.float32(-np.inf), ranked), axis=1)
    return narrowed
