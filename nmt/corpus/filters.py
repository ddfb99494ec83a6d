"""Which training pairs are worth learning from, and a count of those that were dropped."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from nmt.config.data import FilterConfig
from nmt.corpus.parallel_corpus import Pair
from nmt.text.normalisation import normalise

# Short sides differ a lot in length and still translate each other ("OK" - "D'accord").
_RATIO_SPARES_BYTES = 24


@dataclass
class FilterReport:
    """How many pairs were read, dropped by each filter (the first that applies), and kept."""

    read: int = 0
    empty: int = 0
    too_long: int = 0
    ratio: int = 0
    copy: int = 0
    duplicate: int = 0
    kept: int = 0

    def __str__(self) -> str:
        dropped = {name: count for name, count in asdict(self).items() if name not in {"read", "kept"} and count}
        details = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in dropped.items())
        return f"{self.kept:,} of {self.read:,} pairs kept" + (f" (dropped: {details})" if details else "")


class PairFilter:
    """The filters of a recipe; it remembers the pairs of all corpora that it has seen."""

    def __init__(self, config: FilterConfig) -> None:
        self._config = config
        self._seen = _Numbers()

    def passing(self, pairs: Iterable[Pair], report: FilterReport) -> Iterator[Pair]:
        """The normalised pairs that pass; ``report`` counts all of them, ``kept`` included."""
        config = self._config
        for raw_source, raw_target in pairs:
            report.read += 1
            source, target = normalise(raw_source), normalise(raw_target)
            if not source or not target:
                report.empty += 1
            elif max(len(source), len(target)) > config.max_characters:
                report.too_long += 1
            elif _ratio(source, target) > config.max_ratio:
                report.ratio += 1
            elif config.copies and source == target:
                report.copy += 1
            elif config.duplicates and self._seen_before(source, target):
                report.duplicate += 1
            else:
                report.kept += 1
                yield source, target

    def _seen_before(self, source: str, target: str) -> bool:
        # Hashes instead of texts: among a hundred million pairs, one clashes with a chance of 1 in 4,000.
        key = hashlib.blake2b(f"{source}\0{target}".encode(), digest_size=8).digest()
        return not self._seen.add(int.from_bytes(key, "little"))


class _Numbers:
    """A set of random numbers of 64 bits, in 12 to 24 bytes each; Python's own takes 80.

    Open addressing with linear probing (Knuth, vol. 3, 6.4, algorithm L). 0 is an empty place, and taken for 1.
    """

    def __init__(self) -> None:
        self._places = array("Q", bytes(8 << 10))
        self._count = 0

    def add(self, number: int) -> bool:
        """Whether it was not there before."""
        if not self._put(self._places, number):
            return False
        self._count += 1
        if 3 * self._count > 2 * len(self._places):
            larger = array("Q", bytes(16 * len(self._places)))
            for held in self._places:
                if held:
                    self._put(larger, held)
            self._places = larger
        return True

    @staticmethod
    def _put(places: array[int], number: int) -> bool:
        number = number or 1
        last = len(places) - 1  # of a power of two: as a mask, it gives the number's lowest bits
        place = number & last
        while held := places[place]:
            if held == number:
                return False
            place = (place + 1) & last
        places[place] = number
        return True


def unfiltered(pairs: Iterable[Pair], report: FilterReport) -> Iterator[Pair]:
    """All pairs as they are; ``report`` counts them."""
    for pair in pairs:
        report.read += 1
        report.kept += 1
        yield pair


def _ratio(source: str, target: str) -> float:
    shorter, longer = sorted((len(source.encode()), len(target.encode())))
    return longer / shorter if longer > _RATIO_SPARES_BYTES else 1.0
