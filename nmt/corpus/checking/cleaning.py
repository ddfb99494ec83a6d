"""Cleaned copies of checked corpora, and splits into training, dev and test text without overlap."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from nmt.corpus.parallel_corpus import TextPair
from nmt.utils.errors import CarouselError, UsageError
from nmt.utils.files import atomic_file

_SEED = 1


def parse_split(text: str) -> dict[str, int]:
    """Return the sizes of ``dev=500,test=500``. Raises UsageError if the text has another form."""
    sizes = dict[str, int]()
    for part in text.split(","):
        name, separator, size = part.strip().partition("=")
        if name not in ("dev", "test") or not separator or not size.isdecimal() or not int(size):
            raise UsageError(f"--split: {part!r} is not a size; write dev=500,test=500")
        sizes[name] = int(size)
    return sizes


def split_pairs(pairs: Sequence[TextPair], sizes: Mapping[str, int]) -> dict[str, list[TextPair]]:
    """Return random parts of the given sizes by name, and the rest as ``train``; no source occurs in two parts.

    Each part has one pair per source; further translations of its sources are left out. Equal input gives equal
    parts. Raises CarouselError if fewer than half of the sources would be left for training.
    """
    sources = list(dict.fromkeys(source for source, _ in pairs))
    wanted = sum(sizes.values())
    if 2 * wanted > len(sources):
        raise CarouselError(
            f"--split: {wanted:,} of {len(sources):,} different sources are more than half; choose smaller parts"
        )
    chosen = random.Random(_SEED).sample(sources, wanted)
    part_of = dict[str, str]()
    for name, size in sizes.items():
        part_of |= dict.fromkeys(chosen[:size], name)
        del chosen[:size]
    parts: dict[str, list[TextPair]] = {"train": [], **{name: [] for name in sizes}}
    taken = set[str]()
    for pair in pairs:
        name = part_of.get(pair[0], "train")
        if name == "train" or pair[0] not in taken:
            parts[name].append(pair)
            taken.add(pair[0])
    return parts


def write_parts(parts: Mapping[str, Iterable[TextPair]], folder: Path, source: str, target: str) -> dict[str, int]:
    """Write each part as two plain files, such as ``train.en`` and ``train.fr``; return the number of pairs of each."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = dict[str, int]()
    for name, pairs in parts.items():
        kept = list(pairs)
        counts[name] = len(kept)
        for side, language in enumerate((source, target)):
            with atomic_file(folder / f"{name}.{language}") as temporary:
                temporary.write_text("".join(pair[side] + "\n" for pair in kept), encoding="utf-8", newline="\n")
    return counts
