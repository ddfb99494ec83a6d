"""Alignment error rate of word alignments (Och & Ney 2003)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nmt.text.alignment import AlignedSpan
from nmt.utils.errors import CarouselError

CharRange = tuple[int, int]
"""Half-open range of code points of a text."""
WordLinks = set[tuple[int, int]]
"""Links between words: pairs of a source and a target index, counted from 0."""


def alignment_error_rate(predicted: Sequence[WordLinks], gold: Sequence[WordLinks]) -> float:
    """Return 1 - 2 |predicted ∩ gold| / (|predicted| + |gold|) over all pairs; all gold links are sure links."""
    correct = sum(len(a & b) for a, b in zip(predicted, gold, strict=True))
    return 1 - 2 * correct / max(sum(map(len, predicted)) + sum(map(len, gold)), 1)


def read_pharaoh_links(path: Path) -> list[WordLinks]:
    """Read links in Pharaoh format, such as "0-0 1-2", one sentence pair per line.

    Raises CarouselError if the file can't be read, or a line is not in Pharaoh format.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); give a file of alignment links") from None
    return [_parse_links(line, f"{path}:{number}") for number, line in enumerate(lines, start=1)]


def word_char_ranges(text: str, words: Iterable[str]) -> list[CharRange]:
    """Return the range of each word in a text; the words are given in the order of the text."""
    ranges, end = [], 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        ranges.append((start, end))
    return ranges


def link_words(
    links: Iterable[AlignedSpan], source_words: Sequence[CharRange], target_words: Sequence[CharRange]
) -> WordLinks:
    """Convert links between character ranges, for example of pieces, to links between all words that they overlap."""
    return {
        (i, j)
        for source_start, source_end, target_start, target_end in links
        for i in _overlapping_words(source_start, source_end, source_words)
        for j in _overlapping_words(target_start, target_end, target_words)
    }


def _overlapping_words(start: int, end: int, words: Sequence[CharRange]) -> list[int]:
    return [index for index, (word_start, word_end) in enumerate(words) if start < word_end and word_start < end]


def _parse_links(line: str, where: str) -> WordLinks:
    links = [re.fullmatch(r"(\d+)-(\d+)", link) for link in line.split()]
    if not all(links):
        raise CarouselError(f"{where}: not in Pharaoh format; write links as 0-0 1-2")
    return {(int(link[1]), int(link[2])) for link in links if link}
