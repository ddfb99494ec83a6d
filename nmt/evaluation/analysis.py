"""Scores of subsets of a test set: by sentence length and by word frequency, after compare-mt (Neubig et al. 2019)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

FREQUENCY_CLASSES = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 99), (100, 999), (1000, None))
"""Classes of words by the number of occurrences in the training text: inclusive bounds, None for no upper bound."""

Words = Sequence[str]


@dataclass(frozen=True)
class LengthBin:
    """Sentences of similar length."""

    shortest: int
    """Length of the shortest sentence."""
    longest: int
    """Length of the longest sentence."""
    sentences: tuple[int, ...]
    """Indices of the sentences, ascending."""


def length_bins(lengths: Sequence[int], max_bins: int) -> list[LengthBin]:
    """Group sentences by length into at most ``max_bins`` bins of similar size; equal lengths share a bin."""
    if not lengths:
        return []
    values = np.asarray(lengths)
    # A bin ends at the length at which it has its share of the sentences.
    ends = np.unique(np.quantile(values, np.arange(1, max_bins + 1) / max_bins, method="inverted_cdf"))
    bins = np.searchsorted(ends, values)
    members = [np.flatnonzero(bins == index) for index in range(len(ends))]
    return [LengthBin(int(values[m].min()), int(values[m].max()), tuple(m.tolist())) for m in members]


@dataclass(frozen=True)
class FrequencyClassScore:
    """Quality of the translation of the words of one frequency class."""

    least: int
    """Lowest frequency of the class."""
    most: int | None
    """Highest frequency of the class; None for no upper bound."""
    reference: int
    """Number of occurrences in the references."""
    translated: int
    """Number of occurrences in the translations."""
    matched: int
    """Number of matching occurrences: per sentence and word, the smaller of the two counts."""

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, between 0 and 1; None if there are no words of the class."""
        total = self.reference + self.translated
        return 2 * self.matched / total if total else None


def word_f1_by_frequency(
    translations: Sequence[Words], references: Sequence[Words], frequencies: Counter[str]
) -> list[FrequencyClassScore]:
    """Score the target words of each frequency class, as compare-mt does.

    Args:
        translations: Words of each translation.
        references: Words of each reference.
        frequencies: Number of occurrences of each word in the training text.
    """
    totals = np.zeros((len(FREQUENCY_CLASSES), 3), dtype=np.int64)
    for translation, reference in zip(translations, references, strict=True):
        translated, expected = Counter(translation), Counter(reference)
        for word in translated.keys() | expected.keys():
            counts = expected[word], translated[word], min(expected[word], translated[word])
            totals[_frequency_class(frequencies[word])] += counts
    return [
        FrequencyClassScore(least, most, *map(int, counts))
        for (least, most), counts in zip(FREQUENCY_CLASSES, totals, strict=True)
    ]


def count_words(texts: Iterable[str], split: Callable[[str], Words], vocabulary: set[str]) -> Counter[str]:
    """Count the occurrences in texts of the words of a vocabulary; other words are ignored to save memory."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word in split(text) if word in vocabulary)
    return counts


def _frequency_class(frequency: int) -> int:
    """Return the index of the class that a frequency belongs to."""
    return sum(least <= frequency for least, _ in FREQUENCY_CLASSES) - 1
