"""Shares of corpora and translation directions in the training text."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.config.data import DataConfig, DataSection


def mixture_weights(data: DataSection, sizes: Sequence[int]) -> list[float]:
    """Return how many times an epoch contains each training corpus, given the numbers of pairs of all corpora.

    With a temperature, directions are resampled, while the size of an epoch stays the same; the corpora of a direction
    keep their proportions.
    """
    directions = data.all_directions
    weights = [weighted.weight for direction in directions for weighted in direction.train]
    if isinstance(data, DataConfig):
        return weights
    pairs, first = list[float](), 0
    for direction in directions:
        corpora = slice(first, first + len(direction.train))
        pairs.append(sum(w * size for w, size in zip(weights[corpora], sizes[corpora], strict=True)))
        first = corpora.stop
    factors = [direction.weight for direction in directions]
    if data.temperature > 1:
        shares = [d.weight * size ** (1 / data.temperature) for d, size in zip(directions, pairs, strict=True)]
        epoch = sum(d.weight * size for d, size in zip(directions, pairs, strict=True))
        factors = [epoch * share / sum(shares) / size for share, size in zip(shares, pairs, strict=True)]
    of_corpora = [factor for factor, d in zip(factors, directions, strict=True) for _ in d.train]
    return [weight * factor for weight, factor in zip(weights, of_corpora, strict=True)]
