"""Word aligner against EM in plain loops, and symmetrisation against examples worked out by hand."""

from collections import defaultdict
from math import exp

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.corpus import word_aligner as word_aligner
from nmt.corpus.word_aligner import WordAligner, learn_translation_table, select_training_rows, symmetrise

PAIRS = [([5, 6, 7], [8, 9]), ([5, 6], [8, 8]), ([7], [9, 10, 8]), ([6, 7, 5], [9, 11]), ([5, 6, 7], [10, 8])]
SOURCES, TARGETS = ([np.array(side, dtype=np.int32) for side in sides] for sides in zip(*PAIRS, strict=True))


def naive_prior(t: int, targets: int, sources: int) -> list[float]:
    """Return the prior of the null word and of each source position."""
    near = [exp(-4 * abs((t + 0.5) / targets - (s + 0.5) / sources)) for s in range(sources)]
    return [0.08, *(0.92 * p / sum(near) for p in near)]


def naive_translation_table(pairs: list[tuple[list[int], list[int]]]) -> dict[tuple[int, int], tuple[float, float]]:
    """Return (source, target) → probability and count after three rounds of model 1 and five of the diagonal model."""
    table: dict[tuple[int, int], float] = defaultdict(lambda: 1.0)
    for round_ in range(8):
        counts: dict[tuple[int, int], float] = defaultdict(float)
        for source, target in pairs:
            for t, piece in enumerate(target):
                prior = naive_prior(t, len(target), len(source)) if round_ >= 3 else [1.0] * (1 + len(source))
                scores = [p * table[s, piece] for p, s in zip(prior, [0, *source], strict=True)]
                for s, score in zip([0, *source], scores, strict=True):
                    counts[s, piece] += score / sum(scores)
        sums: dict[int, float] = defaultdict(float)
        for (s, _), count in counts.items():
            sums[s] += count
        table = defaultdict(float, {(s, t): count / sums[s] for (s, t), count in counts.items()})
    return {key: (table[key], counts[key]) for key in sorted(counts)}


@pytest.mark.parametrize("block", [1, 500_000])
def test_translation_table_equals_em_in_plain_loops(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_aligner, "_BLOCK_CELLS", block)
    learned = learn_translation_table(SOURCES, TARGETS)
    expected = naive_translation_table(PAIRS)
    assert list(zip(learned.sources.tolist(), learned.targets.tolist(), strict=True)) == list(expected)
    np.testing.assert_allclose(learned.probabilities, [p for p, _ in expected.values()], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(learned.counts, [count for _, count in expected.values()], rtol=1e-9, atol=1e-12)


def test_translations_are_aligned_in_unseen_pairs() -> None:
    random = np.random.default_rng(1)
    sources = [random.permutation(np.arange(100, 120, dtype=np.int32))[: random.integers(2, 9)] for _ in range(400)]
    targets = [
        100 + np.concatenate((source[1::-1], source[2:])) for source in sources
    ]  # the first two words are swapped
    aligner = WordAligner(sources[:300], targets[:300])
    of_sources, of_targets = aligner.align(sources, targets)
    for source, target, s, t in zip(sources, targets, of_sources, of_targets, strict=True):
        assert t.tolist() == list(range(len(target)))
        assert (source[s] + 100 == target[t]).all()


def test_unseen_tokens_are_aligned() -> None:
    (source,), (target,) = WordAligner(SOURCES, TARGETS).align(
        [np.array([5, 90], np.int32)], [np.array([91], np.int32)]
    )
    assert len(source) == len(target)


def test_symmetrise_grows_from_the_intersection() -> None:
    """Links are written target-source: one direction has 0-0, 1-1, 2-1, the other 0-0, 1-2, 3-3.

    The intersection is 0-0. Its neighbour 1-1 is added, then the neighbours 2-1 and 1-2, each of which has an unaligned
    token, and finally 3-3, whose tokens are both unaligned.
    """
    forward = np.array([[0, 1, 1, -1]])
    backward = np.array([[0, -1, 1, 3]])
    links = symmetrise(forward, backward)
    assert np.argwhere(links[0]).tolist() == [[0, 0], [1, 1], [1, 2], [2, 1], [3, 3]]


def test_symmetrise_skips_links_between_aligned_tokens() -> None:
    """The neighbours 1-0 and 0-1 of 0-0 are added; 3-0 has no neighbour, and its source token is aligned."""
    links = symmetrise(np.array([[0, 0, -1, 0]]), np.array([[0, 0]]))
    assert np.argwhere(links[0]).tolist() == [[0, 0], [0, 1], [1, 0]]


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_symmetrised_links_lie_between_intersection_and_union(sources: int, targets: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    forward = random.integers(-1, sources, size=(3, targets))
    backward = random.integers(-1, targets, size=(3, sources))
    together = symmetrise(forward, backward)
    for pair, links in enumerate(together):
        one = {(t, s) for t, s in enumerate(forward[pair].tolist()) if s >= 0}
        other = {(t, s) for s, t in enumerate(backward[pair].tolist()) if t >= 0}
        found = {(t, s) for t, s in np.argwhere(links).tolist()}
        assert one & other <= found <= one | other
        assert np.array_equal(symmetrise(forward[pair : pair + 1], backward[pair : pair + 1])[0], links)


def test_large_corpora_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_aligner, "_MAX_TRAINING_CELLS", 100)
    monkeypatch.setattr(word_aligner, "_MAX_SHORT_PAIR_CELLS", 30)
    assert select_training_rows(np.full(10, 3), np.full(10, 3)).tolist() == list(range(10))
    assert select_training_rows(np.full(10, 5), np.full(10, 5)).tolist() == [0, 3, 6, 9]
    mixed = np.array([5, 9] * 10)
    assert select_training_rows(mixed, mixed).tolist() == [0, 6, 12, 18]  # the short pairs suffice
    scarce = np.array([5, 9, 9, 9])
    assert select_training_rows(scarce, scarce).tolist() == [0, 3]  # the short pairs do not suffice
