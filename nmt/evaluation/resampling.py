"""A test set drawn again and again: what the bootstrap and approximate randomisation have in common.

Both need only what each sentence adds to the sums that a metric is made of, sacreBLEU's statistics. The draws are
sacreBLEU's own, by the same generator in the same order, but made a block at a time: its memory would grow with their
number times that of the sentences.

N sentences, K statistics, S systems, R draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

SEED = 12345
"""SacreBLEU's, unless its environment says otherwise."""
RESAMPLES, TRIALS = 1_000, 10_000
"""Of the bootstrap and of randomisation, as sacreBLEU has them."""

_BLOCK = 2**21  # numbers of draws that are held at a time
_WORD = 32  # bits of the generator; what it draws for one block must not leave some for the next


def statistics(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> Numbers:
    """What each sentence adds to the sums [N, K]."""
    return np.array(metric._extract_corpus_statistics(list(hypotheses), [list(references)]), dtype=np.float64)


def score(metric: Any, totals: Numbers) -> float:
    """The corpus score by sums [K]."""
    return float(metric._compute_score_from_stats(totals).score)


def bootstrap(metric: Any, systems: Sequence[Numbers], samples: int, seed: int) -> Numbers:
    """Scores [S, R] of each system [N, K] for sentences drawn with replacement, the same for all (Koehn 2004)."""
    count = len(systems[0])
    rng = np.random.default_rng(seed)
    found = np.empty((len(systems), samples))
    for draws in _blocks(samples, max(1, _BLOCK // count)):
        rows = rng.choice(count, size=(len(draws), count), replace=True)
        rows += count * np.arange(len(draws))[:, None]
        times = np.bincount(rows.ravel(), minlength=len(draws) * count).reshape(len(draws), count).astype(np.float64)
        for n, system in enumerate(systems):
            found[n, draws] = [score(metric, totals) for totals in times @ system]
    return found


def randomisation(metric: Any, base: Numbers, others: Sequence[Numbers], trials: int, seed: int) -> Numbers:
    """Differences [S, R] of each system to the base, both [N, K], where some sentences' translations are swapped.

    Riezler & Maxwell 2005; which are swapped is the same for all.
    """
    count = len(base)
    rng = np.random.default_rng(seed)
    found = np.empty((len(others), trials))
    for draws in _blocks(trials, max(1, _BLOCK // (_WORD * count)) * _WORD):
        kept = rng.integers(2, size=(len(draws), count), dtype=bool).astype(np.float64)
        for n, other in enumerate(others):
            moved = kept @ (base - other)
            pairs = zip(other.sum(0) + moved, base.sum(0) - moved, strict=True)
            found[n, draws] = [abs(score(metric, one) - score(metric, two)) for one, two in pairs]
    return found


def half_width(scores: Numbers) -> float:
    """Of the interval that holds 95% of the scores [R]."""
    from sacrebleu.significance import estimate_ci

    _, half = estimate_ci(scores)
    return float(half)


def _blocks(draws: int, size: int) -> Iterator[range]:
    for start in range(0, draws, size):
        yield range(start, min(start + size, draws))
