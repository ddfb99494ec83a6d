"""Example sentences for the report: their selection, and the differences between a translation and its reference."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

DiffSegment = tuple[str, bool]
"""Segment of a text, and whether it is missing in the text with which the first is compared."""

# Each Han or kana character and each of their punctuation marks is a word, because spaces do not separate words there.
_UNSPACED = "\u3001-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff0f\uff1a-\uff20"
_PUNCTUATION = re.escape('.,;:!?…¿¡"“”„«»()[]{}।؟،؛')
_WORD = re.compile(rf"\s+|[{_UNSPACED}{_PUNCTUATION}]|[^\s{_UNSPACED}{_PUNCTUATION}]+")


@dataclass(frozen=True)
class ExampleSelection:
    """Indices of the example sentences, grouped by quality."""

    best: list[int]
    """Sentences of the highest quality, best first."""
    middle: list[int]
    """Random sample of the other sentences, in the order of the text."""
    worst: list[int]
    """Sentences of the lowest quality, worst first."""


def select_examples(qualities: Sequence[float], count: int) -> ExampleSelection:
    """Select the ``count`` best sentences, the ``count`` worst, and a random sample of ``count`` others.

    The selection is deterministic and without repetition. The groups are smaller if there are few sentences.
    """
    order = sorted(range(len(qualities)), key=lambda n: -qualities[n])
    count = min(count, -(-len(order) // 3))
    best, others = order[:count], order[count:]
    worst = others[::-1][:count]
    between = others[: len(others) - len(worst)]
    middle = random.Random(0).sample(between, min(count, len(between)))
    return ExampleSelection(best, sorted(middle), worst)


def mark_differences(text: str, other: str) -> list[DiffSegment]:
    """Split ``text`` into segments of words that also occur in ``other``, in the same order, and other segments.

    A segment that is missing in ``other`` neither begins nor ends with a space.
    """
    words, other_words = _WORD.findall(text), _WORD.findall(other)
    segments: list[DiffSegment] = []
    end = 0
    for start, _, size in SequenceMatcher(None, words, other_words, autojunk=False).get_matching_blocks():
        missing, shared = "".join(words[end:start]), "".join(words[start : start + size])
        core = missing.strip()
        before, _, after = missing.partition(core) if core else (missing, "", "")
        segments += [(before, False), (core, True), (after + shared, False)]
        end = start + size
    return [(segment, is_missing) for segment, is_missing in segments if segment]
