"""Resampling of test sets: paired bootstrap and approximate randomisation over sacreBLEU's sentence statistics.

Both methods need only the statistics of each sentence, such as n-gram matches; a metric is computed from their sums.
The draws equal those of sacreBLEU, with the same generator in the same order, but are made in blocks, because the
memory use of sacreBLEU grows with the number of draws times the number of sentences.

SacreBLEU has no public function that scores sums of statistics, so this module calls two private methods of its
metrics. A test checks that they exist, and pyproject.toml bounds the version of sacreBLEU.

Shapes: N sentences, K statistics, S systems, R draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nmt.utils.arrays import Float64Array

SEED = 12345
"""Default seed of sacreBLEU."""
BOOTSTRAP_SAMPLES, RANDOMISATION_TRIALS = 1_000, 10_000
"""Number of draws that sacreBLEU uses by default."""

_BLOCK_SIZE = 2**21  # number of random numbers drawn at a time
_WORD_BITS = 32  # NumPy draws random booleans in words of 32 bits, so a block must not end within a word


def sentence_statistics(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> Float64Array:
    """Return the statistics [N, K] of each sentence whose sums determine a sacreBLEU metric."""
    return np.array(metric._extract_corpus_statistics(list(hypotheses), [list(references)]), dtype=np.float64)


def score_from_sums(metric: Any, sums: Float64Array) -> float:
    """Return the corpus score of a sacreBLEU metric from the sums [K] of its statistics."""
    return float(metric._compute_score_from_stats(sums).score)


def bootstrap_scores(metric: Any, systems: Sequence[Float64Array], samples: int, seed: int) -> Float64Array:
    """Return the scores [S, R] of all systems on test sets drawn with replacement (Koehn 2004).

    Args:
        metric: A sacreBLEU metric.
        systems: Sentence statistics [N, K] of each system; all systems are scored on the same draws.
        samples: Number of draws R.
        seed: Seed of the draws.
    """
    count = len(systems[0])
    rng = np.random.default_rng(seed)
    scores = np.empty((len(systems), samples))
    for draws in _split_draws(samples, max(1, _BLOCK_SIZE // count)):
        rows = rng.choice(count, size=(len(draws), count), replace=True)
        rows += count * np.arange(len(draws))[:, None]
        times = np.bincount(rows.ravel(), minlength=len(draws) * count).reshape(len(draws), count).astype(np.float64)
        for index, statistics in enumerate(systems):
            scores[index, draws] = [score_from_sums(metric, sums) for sums in times @ statistics]
    return scores


def randomisation_differences(
    metric: Any, baseline: Float64Array, systems: Sequence[Float64Array], trials: int, seed: int
) -> Float64Array:
    """Return the absolute score differences [S, R] to the baseline after random swaps (Riezler & Maxwell 2005).

    In each trial, the translations of the baseline and of the other system are swapped for random sentences.

    Args:
        metric: A sacreBLEU metric.
        baseline: Sentence statistics [N, K] of the baseline.
        systems: Sentence statistics [N, K] of each other system; the same sentences are swapped for all systems.
        trials: Number of trials R.
        seed: Seed of the trials.
    """
    count = len(baseline)
    rng = np.random.default_rng(seed)
    differences = np.empty((len(systems), trials))
    for draws in _split_draws(trials, max(1, _BLOCK_SIZE // (_WORD_BITS * count)) * _WORD_BITS):
        swapped = rng.integers(2, size=(len(draws), count), dtype=bool).astype(np.float64)
        for index, system in enumerate(systems):
            moved = swapped @ (baseline - system)
            pairs = zip(system.sum(0) + moved, baseline.sum(0) - moved, strict=True)
            differences[index, draws] = [abs(score_from_sums(metric, a) - score_from_sums(metric, b)) for a, b in pairs]
    return differences


def confidence_half_width(scores: Float64Array) -> float:
    """Return the half-width of the interval that contains 95% of the scores [R]."""
    from sacrebleu.significance import estimate_ci

    _, half_width = estimate_ci(scores)
    return float(half_width)


def _split_draws(draws: int, size: int) -> Iterator[range]:
    """Yield consecutive ranges of at most ``size`` draws."""
    for start in range(0, draws, size):
        yield range(start, min(start + size, draws))
