"""How well word alignments agree with the gold ones: the alignment error rate (Och & Ney 2003).

A word is a range of a text, and a link of words is a pair of their numbers, counted from 0: source, target.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nmt.utils.errors import CarouselError

Range = tuple[int, int]
"""Code points, half-open."""
Span = tuple[int, int, int, int]
"""A range of the source and one of the target, as in `nmt.Translation.alignment`."""
WordLinks = set[tuple[int, int]]


def alignment_error_rate(found: Sequence[WordLinks], gold: Sequence[WordLinks]) -> float:
    """1 - 2 |found ∩ gold| / (|found| + |gold|) over all pairs: every gold link is a sure one."""
    right = sum(len(a & b) for a, b in zip(found, gold, strict=True))
    return 1 - 2 * right / max(sum(map(len, found)) + sum(map(len, gold)), 1)


def read_pharaoh_links(path: Path) -> list[WordLinks]:
    """Links in Pharaoh format, "0-0 1-2", a pair of sentences a line. Raises CarouselError where a line is not."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); name a file of links") from None
    return [_parse(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]


def word_char_ranges(text: str, words: Iterable[str]) -> list[Range]:
    """Where the words of a text lie in it, given in order."""
    ranges, end = [], 0
    for word in words:
        start = text.index(word, end)
        end = start + len(word)
        ranges.append((start, end))
    return ranges


def link_words(spans: Iterable[Span], source_words: Sequence[Range], target_words: Sequence[Range]) -> WordLinks:
    """The words that spans, say of pieces, link: all that they overlap."""
    return {
        (i, j)
        for source_start, source_end, target_start, target_end in spans
        for i in _overlapped(source_start, source_end, source_words)
        for j in _overlapped(target_start, target_end, target_words)
    }


def _overlapped(start: int, end: int, words: Sequence[Range]) -> list[int]:
    return [number for number, (first, last) in enumerate(words) if start < last and first < end]


def _parse(line: str, where: str) -> WordLinks:
    links = [re.fullmatch(r"(\d+)-(\d+)", link) for link in line.split()]
    if not all(links):
        raise CarouselError(f"{where}: is not in Pharaoh format; write links as 0-0 1-2")
    return {(int(link[1]), int(link[2])) for link in links if link}
