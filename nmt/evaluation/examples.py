"""Sentences to look at: which, and where a translation and its reference differ."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

DiffSegment = tuple[str, bool]
"""Some text, and whether the other side lacks it."""

# Han, kana and their punctuation stand for themselves: no spaces part their words.
_UNSPACED = "\u3001-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff20"
_PUNCTUATION = re.escape('.,;:!?…¿¡"“”„«»()[]{}।؟،؛')
_WORD = re.compile(rf"\s+|[{_UNSPACED}{_PUNCTUATION}]|[^\s{_UNSPACED}{_PUNCTUATION}]+")


@dataclass(frozen=True)
class ExampleSelection:
    """The numbers of the sentences to show."""

    best: list[int]
    """Best first."""
    middle: list[int]
    """Drawn from all the others."""
    worst: list[int]
    """Worst first."""


def select_examples(qualities: Sequence[float], each: int) -> ExampleSelection:
    """Choose ``each`` of the best, of the worst and of what lies between; the same for the same qualities.

    Fewer of each where there are few sentences: none is chosen twice.
    """
    order = sorted(range(len(qualities)), key=lambda n: -qualities[n])
    each = min(each, -(-len(order) // 3))
    best, between = order[:each], order[each:]
    worst = between[::-1][:each]
    rest = between[: len(between) - len(worst)]
    drawn = random.Random(0).sample(rest, min(each, len(rest)))
    return ExampleSelection(best, sorted(drawn), worst)


def mark_differences(text: str, other: str) -> list[DiffSegment]:
    """``text`` cut into runs of words that ``other`` has in the same order, and runs that it lacks.

    A run that is lacking neither begins nor ends with a space.
    """
    words, others = _WORD.findall(text), _WORD.findall(other)
    runs: list[DiffSegment] = []
    end = 0
    for start, _, size in SequenceMatcher(None, words, others, autojunk=False).get_matching_blocks():
        lacking, shared = "".join(words[end:start]), "".join(words[start : start + size])
        core = lacking.strip()
        before, _, after = lacking.partition(core) if core else (lacking, "", "")
        runs += [(before, False), (core, True), (after + shared, False)]
        end = start + size
    return [(run, lacking) for run, lacking in runs if run]
