"""Alignment error rate of word alignments (Och & Ney 2003)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nmt.text.alignment import AlignedSpan
from nmt.utils.errors import CarouselError

CharRange = tuple[int, int]
"""Start and end of a substring, counted in code points; the end is exclusive."""
WordLinks = set[tuple[int, int]]
"""Word alignment: pairs of the index of a source word and the index of a target word, counted from 0."""


def alignment_error_rate(predicted: Sequence[WordLinks], gold: Sequence[WordLinks]) -> float:
    """Return 1 - 2 |predicted ∩ gold| / (|predicted| + |gold|) over all sentences; all gold links are sure links."""
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
    """Return the character range of each word of a text; ``words`` are in the order of the text."""
    ranges, end = [], 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        ranges.append((start, end))
    return ranges


def link_words(
    links: Iterable[AlignedSpan], source_words: Sequence[CharRange], target_words: Sequence[CharRange]
) -> WordLinks:
    """Convert links between character ranges, such as those of pieces, to links between the words that they overlap."""
    return {
        (i, j)
        for source_start, source_end, target_start, target_end in links
        for i in _overlapping_words(source_start, source_end, source_words)
        for j in _overlapping_words(target_start, target_end, target_words)
    }


def _overlapping_words(start: int, end: int, words: Sequence[CharRange]) -> list[int]:
    """Return the indices of the words that overlap a character range."""
    return [index for index, (word_start, word_end) in enumerate(words) if start < word_end and word_start < end]


def _parse_links(line: str, where: str) -> WordLinks:
    """Parse a line in Pharaoh format; ``where`` is its position, for the error message."""
    links = [re.fullmatch(r"(\d+)-(\d+)", link) for link in line.split()]
    if not all(links):
        raise CarouselError(f"{where}: not in Pharaoh format; write links as 0-0 1-2")
    return {(int(link[1]), int(link[2])) for link in links if link}
