"""Statistics of the words in a parallel corpus: which side a text belongs to, and whether two texts belong together.

The association of two words is the Dice coefficient of the pairs that contain them, less the coefficient that is
expected by chance (compare Melamed 2000). It needs no language resources.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from statistics import median

from nmt.corpus.parallel_corpus import TextPair
from nmt.text.scripts import UNSPACED

_TOKEN = re.compile(rf"[{UNSPACED}]|\d+|[^\W\d_{UNSPACED}]+")
_MAX_PAIRS = 20_000  # evenly spaced pairs of a larger corpus are sampled
_MAX_TOKENS = 40
_MIN_SHARED_LETTERS = 4  # a longer word that occurs on both sides is probably a name


def tokenise(text: str) -> list[str]:
    """Return the words and numbers of a text, or the characters of scripts without spaces."""
    return _TOKEN.findall(text.casefold())[:_MAX_TOKENS]


class WordAssociation:
    """Word statistics of a parallel corpus."""

    def __init__(self, pairs: Sequence[TextPair]) -> None:
        step = -(-len(pairs) // _MAX_PAIRS) or 1
        sample = [(tokenise(source), tokenise(target)) for source, target in pairs[::step]]
        self.sides = Counter[str](), Counter[str]()
        """Number of texts of each side that contain a word."""
        for texts in sample:
            for counter, tokens in zip(self.sides, texts, strict=True):
                counter.update(set(tokens))
        self._num_pairs = max(len(sample), 1)
        self._joint = Counter[tuple[str, str]]()
        for source, target in sample:
            targets = [word for word in set(target) if self.sides[1][word] > 1]
            self._joint.update((word, other) for word in set(source) if self.sides[0][word] > 1 for other in targets)
        ratios = [math.log((len(source) + 1) / (len(target) + 1)) for source, target in pairs[::step]]
        self.log_length_ratio = median(ratios) if ratios else 0.0
        """Median of the logarithmic ratio of the lengths of source and target, in characters."""

    def source_evidence(self, text: str) -> float:
        """Return the log odds that a text belongs to the source side, from the words in it (naive Bayes)."""
        source, target = self.sides
        return sum(math.log((source[word] + 0.5) / (target[word] + 0.5)) for word in tokenise(text))

    def known_share(self, text: str, side: int) -> float:
        """Return the share of the words of a text that occur in at least three texts of a side (0 or 1)."""
        tokens = tokenise(text)
        return sum(self.sides[side][token] >= 3 for token in tokens) / len(tokens) if tokens else 1.0

    def similarity(self, source: str, target: str) -> float:
        """Return a measure, 1 at most, of how well a target text translates a source text."""
        sources, targets = tokenise(source), tokenise(target)
        total = weights = 0.0
        for word in sources:
            weight = math.log(1 + self._num_pairs / (1 + self.sides[0][word]))
            weights += weight
            total += weight * max((self._association(word, other) for other in targets), default=0.0)
        excess = abs(math.log((len(source) + 1) / (len(target) + 1)) - self.log_length_ratio)
        return (total / weights if weights else 0.0) - 0.2 * excess

    def _association(self, word: str, other: str) -> float:
        if word == other and (word.isdigit() or len(word) >= _MIN_SHARED_LETTERS):
            return 1.0
        joint = self._joint.get((word, other), 0)
        if joint < 2:
            return 0.0
        first, second = self.sides[0][word], self.sides[1][other]
        # A pair must not prove itself, so that one joint occurrence does not count.
        return max(joint - 1 - first * second / self._num_pairs, 0.0) * 2 / (first + second)


def find_shifted_stretches(pairs: Sequence[TextPair], association: WordAssociation) -> list[tuple[int, int, int]]:
    """Return stretches ``(start, stop, shift)`` of pairs in which source i translates target i + shift."""
    own = [association.similarity(*pair) for pair in pairs]
    low = 0.4 * median(own) if own else 0.0
    found = list[tuple[int, int, int]]()
    for shift in (1, -1, 2, -2, 3, -3):
        gains = [
            association.similarity(pair[0], pairs[index + shift][1]) - own[index] - 0.05
            if 0 <= index + shift < len(pairs)
            else -1.0
            for index, pair in enumerate(pairs)
        ]
        for start, stop in _positive_stretches(gains):
            while start > 0 and own[start - 1] < low:
                start -= 1
            while stop < len(pairs) and own[stop] < low:
                stop += 1
            if all(stop <= other or start >= other_stop for other, other_stop, _ in found):
                found.append((start, stop, shift))
    return sorted(found)


def _positive_stretches(gains: Sequence[float], min_length: int = 4, min_sum: float = 0.8) -> list[tuple[int, int]]:
    """Return the maximal stretches whose sum is high and never returns to zero (Kadane's algorithm)."""
    stretches = list[tuple[int, int]]()
    start, total, best, best_stop = 0, 0.0, 0.0, 0
    for index, gain in enumerate([*gains, -math.inf]):
        total += gain
        if total > best:
            best, best_stop = total, index + 1
        if total <= 0 or best - total > 1.0:
            if best >= min_sum and best_stop - start >= min_length:
                stretches.append((start, best_stop))
            start, total, best, best_stop = index + 1, 0.0, 0.0, index + 1
    return stretches
