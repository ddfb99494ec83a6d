"""Analysis of translations by sentence length and by word frequency, after compare-mt (Neubig et al. 2019)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

FREQUENCY_CLASSES = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 99), (100, 999), (1000, None))
"""Lowest and highest number of occurrences in the training text of the words of each class; None for no upper bound."""

Words = Sequence[str]
"""Words of one sentence."""


@dataclass(frozen=True)
class LengthBin:
    """Group of sentences of similar length."""

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
    # Each bin ends at a quantile of the lengths.
    ends = np.unique(np.quantile(values, np.arange(1, max_bins + 1) / max_bins, method="inverted_cdf"))
    bins = np.searchsorted(ends, values)
    members = [np.flatnonzero(bins == index) for index in range(len(ends))]
    return [LengthBin(int(values[m].min()), int(values[m].max()), tuple(m.tolist())) for m in members]


@dataclass(frozen=True)
class FrequencyClassScore:
    """Quality of the translation of the words in one frequency class."""

    min_frequency: int
    """Lowest frequency of the class."""
    max_frequency: int | None
    """Highest frequency of the class; None for no upper bound."""
    reference_count: int
    """Number of words of the class in the references."""
    translation_count: int
    """Number of words of the class in the translations."""
    match_count: int
    """Number of words that match: for each sentence and word, the smaller of the two numbers of occurrences."""

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, between 0 and 1; None if there are no words of the class."""
        total = self.reference_count + self.translation_count
        return 2 * self.match_count / total if total else None


def word_f1_by_frequency(
    translations: Sequence[Words], references: Sequence[Words], frequencies: Counter[str]
) -> list[FrequencyClassScore]:
    """Return the F1 of the target words in each frequency class, as compare-mt computes it.

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
            totals[_frequency_class_index(frequencies[word])] += counts
    return [
        FrequencyClassScore(min_frequency, max_frequency, *map(int, counts))
        for (min_frequency, max_frequency), counts in zip(FREQUENCY_CLASSES, totals, strict=True)
    ]


def count_words(texts: Iterable[str], split: Callable[[str], Words], vocabulary: set[str]) -> Counter[str]:
    """Count how often each word of a vocabulary occurs in texts; other words are ignored to save memory."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word in split(text) if word in vocabulary)
    return counts


def _frequency_class_index(frequency: int) -> int:
    """Return the index of the frequency class of a word with this number of occurrences."""
    return sum(min_frequency <= frequency for min_frequency, _ in FREQUENCY_CLASSES) - 1
