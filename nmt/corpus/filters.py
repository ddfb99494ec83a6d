"""Which training pairs are worth learning from, and a count of those that were dropped."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from nmt.config import FilterConfig
from nmt.corpus.reader import Pair
from nmt.text.normalise import normalise

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
        self._seen: set[bytes] = set()

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
        # Hashes instead of texts: a hundred million pairs fit in memory, and 2^-44 of them would clash.
        key = hashlib.blake2b(f"{source}\0{target}".encode(), digest_size=12).digest()
        if key in self._seen:
            return True
        self._seen.add(key)
        return False


def unfiltered(pairs: Iterable[Pair], report: FilterReport) -> Iterator[Pair]:
    """All pairs as they are; ``report`` counts them."""
    for pair in pairs:
        report.read += 1
        report.kept += 1
        yield pair


def _ratio(source: str, target: str) -> float:
    shorter, longer = sorted((len(source.encode()), len(target.encode())))
    return longer / shorter if longer > _RATIO_SPARES_BYTES else 1.0
