"""Filters for training pairs, which also count the pairs that each filter drops."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from nmt.config.data import FilterConfig
from nmt.corpus.parallel_corpus import TextPair
from nmt.text.normalisation import normalise

# Short texts often differ a lot in length from their translations ("OK", "D'accord").
_RATIO_EXEMPT_BYTES = 24
_NOT_DROPPED = {"read", "kept", "derived"}


@dataclass
class FilterReport:
    """Number of pairs that were read, dropped by each filter (by the first one that applies), and kept.

    ``derived`` is the number of pairs that were added by `nmt.corpus.augmentation`.
    """

    read: int = 0
    empty: int = 0
    too_long: int = 0
    ratio: int = 0
    copy: int = 0
    duplicate: int = 0
    kept: int = 0
    derived: int = 0

    def __str__(self) -> str:
        dropped = {name: count for name, count in asdict(self).items() if name not in _NOT_DROPPED and count}
        details = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in dropped.items())
        dropped_pairs = f" (dropped: {details})" if details else ""
        derived = f", {self.derived:,} derived from them" if self.derived else ""
        return f"{self.kept:,} of {self.read:,} pairs kept{dropped_pairs}{derived}"


class PairFilter:
    """Filter with the settings of a recipe. Duplicates are detected across all corpora that one instance filters."""

    def __init__(self, config: FilterConfig) -> None:
        self._config = config
        self._seen = HashSet()

    def filter_pairs(self, pairs: Iterable[TextPair], report: FilterReport) -> Iterator[TextPair]:
        """Yield the normalised pairs that pass all filters, counting every pair in ``report``."""
        config = self._config
        for raw_source, raw_target in pairs:
            report.read += 1
            source, target = normalise(raw_source), normalise(raw_target)
            if not source or not target:
                report.empty += 1
            elif max(len(source), len(target)) > config.max_characters:
                report.too_long += 1
            elif _length_ratio(source, target) > config.max_ratio:
                report.ratio += 1
            elif config.copies and source == target:
                report.copy += 1
            elif config.duplicates and self._is_duplicate(source, target):
                report.duplicate += 1
            else:
                report.kept += 1
                yield source, target

    def _is_duplicate(self, source: str, target: str) -> bool:
        # Stores hashes instead of texts: the probability of any collision among 100 million pairs is 1 in 4,000.
        key = hashlib.blake2b(f"{source}\0{target}".encode(), digest_size=8).digest()
        return not self._seen.add(int.from_bytes(key, "little"))


class HashSet:
    """Set of uniformly distributed 64-bit integers that uses 12 to 24 bytes per element, where a Python set uses 80.

    The set uses open addressing with linear probing (Knuth, TAOCP vol. 3, 6.4, algorithm L). Zero marks an empty slot
    and is stored as 1.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 << 10))
        self._count = 0

    def add(self, number: int) -> bool:
        """Add a number and return whether it is new."""
        if not self._insert(self._slots, number):
            return False
        self._count += 1
        if 3 * self._count > 2 * len(self._slots):
            larger = array("Q", bytes(16 * len(self._slots)))
            for stored in self._slots:
                if stored:
                    self._insert(larger, stored)
            self._slots = larger
        return True

    @staticmethod
    def _insert(slots: array[int], number: int) -> bool:
        number = number or 1
        mask = len(slots) - 1  # the length is a power of two
        slot = number & mask
        while stored := slots[slot]:
            if stored == number:
                return False
            slot = (slot + 1) & mask
        slots[slot] = number
        return True


def count_unfiltered(pairs: Iterable[TextPair], report: FilterReport) -> Iterator[TextPair]:
    """Yield all pairs unchanged, counting them in ``report``."""
    for pair in pairs:
        report.read += 1
        report.kept += 1
        yield pair


def _length_ratio(source: str, target: str) -> float:
    shorter, longer = sorted((len(source.encode()), len(target.encode())))
    return longer / shorter if longer > _RATIO_EXEMPT_BYTES else 1.0
