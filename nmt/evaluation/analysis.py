"""Where a system is good and where it is not: scores of the parts of a test set.

By sentence length and by word frequency, in the manner of compare-mt (Neubig et al. 2019).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

FREQUENCY_CLASSES = ((0, 0), (1, 1), (2, 4), (5, 9), (10, 99), (100, 999), (1000, None))
"""How often a word stands in the training text: the least and the most, both counted in; None for no limit."""

Words = Sequence[str]


@dataclass(frozen=True)
class LengthBin:
    """The sentences of like length."""

    shortest: int
    longest: int
    """Both counted in; and both occur."""
    sentences: tuple[int, ...]
    """Their numbers, in order."""


def length_bins(lengths: Sequence[int], most: int) -> list[LengthBin]:
    """At most ``most`` bins of about as many sentences each; sentences of one length are never parted."""
    if not lengths:
        return []
    values = np.asarray(lengths)
    # Each bin ends with the length at which it has its share.
    ends = np.unique(np.quantile(values, np.arange(1, most + 1) / most, method="inverted_cdf"))
    places = np.searchsorted(ends, values)
    members = [np.flatnonzero(places == place) for place in range(len(ends))]
    return [LengthBin(int(values[m].min()), int(values[m].max()), tuple(m.tolist())) for m in members]


@dataclass(frozen=True)
class FrequencyClassScore:
    """How well the words of one frequency class are translated."""

    least: int
    most: int | None
    reference: int
    """Occurrences in the references."""
    translated: int
    """Occurrences in the translations."""
    matched: int
    """Occurrences in both: in each sentence, the smaller number of the two."""

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall, 0 to 1; None where the class has no words."""
        total = self.reference + self.translated
        return 2 * self.matched / total if total else None


def word_f1_by_frequency(
    translations: Sequence[Words], references: Sequence[Words], frequencies: Counter[str]
) -> list[FrequencyClassScore]:
    """The F1 of the target words of each frequency class, as compare-mt measures it."""
    totals = np.zeros((len(FREQUENCY_CLASSES), 3), dtype=np.int64)
    for translation, reference in zip(translations, references, strict=True):
        found, wanted = Counter(translation), Counter(reference)
        for word in found.keys() | wanted.keys():
            counts = wanted[word], found[word], min(wanted[word], found[word])
            totals[_frequency_class(frequencies[word])] += counts
    return [
        FrequencyClassScore(least, most, *map(int, counts))
        for (least, most), counts in zip(FREQUENCY_CLASSES, totals, strict=True)
    ]


def count_words(texts: Iterable[str], split: Callable[[str], Words], wanted: set[str]) -> Counter[str]:
    """How often the ``wanted`` words stand in texts; memory holds no others."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(word for word in split(text) if word in wanted)
    return counts


def _frequency_class(frequency: int) -> int:
    """The number of the last class that begins at or below a frequency."""
    return sum(least <= frequency for least, _ in FREQUENCY_CLASSES) - 1
