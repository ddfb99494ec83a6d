"""Statistics of the words of a parallel corpus: their casing, their frequency and their translations.

They are learnt from the first pairs of a corpus in seconds, without a word aligner.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from nmt.text.scripts import UNSPACED

_MAX_CHARACTERS = 20_000_000  # of both sides of the pairs from which the statistics are learnt
_MAX_COOCCURRENCES = 5_000_000  # of words of a source and of its target, counted with repetition
_MIN_COUNT = 4  # of the pairs in which a word and its translation occur together
_MIN_NGRAM_COUNT = 10  # of the same for n-grams; it is higher because many overlapping n-grams compete
_MIN_DICE = 0.5
_MAX_FREQUENCY = 0.01  # more frequent words are mostly function words
_MIN_CHARACTERS = 3  # of a word in a script with spaces; shorter words are mostly function words
_LONGEST_NGRAM = 4

_NO_LETTERS = r"!-/:-@\[-`{-~\xa1-\xbf\u0964\u2000-\u206f\u3000-\u303f\uff01-\uff0f\uff1a-\uff20\U000f0000-\U000f001f"
_LETTER = rf"[^\s{_NO_LETTERS}{UNSPACED}]"
_WORD = re.compile(rf"\d+(?:[.,:]\d+)+|{_LETTER}+(?:-{_LETTER}+)*|[{UNSPACED}]+")
_UNSPACED_CHARACTER = re.compile(f"[{UNSPACED}]")
_BEFORE_SENTENCE = frozenset('.!?:…"“”„‘«»(¿¡')

Span = tuple[int, int]
"""Range ``[start, end)`` of a text, in code points."""


class WordStatistics(NamedTuple):
    """Statistics of the words of a corpus. Words are lower-cased where they are keys."""

    source_casing: dict[str, str]
    """Most frequent casing of each source word where it does not begin a sentence."""
    target_casing: dict[str, str]
    """Most frequent casing of each target word where it does not begin a sentence."""
    frequencies: dict[str, float]
    """Share of the source texts in which each source word occurs."""
    translations: dict[str, str]
    """Target word of each source word that is nearly always translated by the same word, except for frequent words."""


def find_words(text: str) -> list[Span]:
    """Return the words of a text; each run of characters of a script without spaces counts as one word."""
    return [match.span() for match in _WORD.finditer(text)]


def find_units(text: str) -> dict[str, list[Span]]:
    """Return the spans of each lower-cased word of a text.

    A text in a script without spaces has no words; its n-grams of one to four characters are returned instead.
    """
    units = defaultdict[str, list[Span]](list)
    for start, end in find_words(text):
        if _UNSPACED_CHARACTER.match(text, start):
            for size in range(1, _LONGEST_NGRAM + 1):
                for first in range(start, end - size + 1):
                    units[text[first : first + size]].append((first, first + size))
        else:
            units[text[start:end].lower()].append((start, end))
    return units


def learn_word_statistics(pairs: Iterable[tuple[str, str]]) -> WordStatistics:
    """Learn the statistics of a corpus from its first normalised pairs."""
    sample = list(_first_pairs(pairs))
    source_casing, target_casing = (_learn_casing(pair[side] for pair in sample) for side in (0, 1))
    counts = [Counter(unit for pair in sample for unit in find_units(pair[side])) for side in (0, 1)]
    frequencies = {word: count / len(sample) for word, count in counts[0].items()}
    return WordStatistics(source_casing, target_casing, frequencies, _learn_translations(sample, *counts))


def _first_pairs(pairs: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    characters = 0
    for pair in pairs:
        yield pair
        characters += len(pair[0]) + len(pair[1])
        if characters > _MAX_CHARACTERS:
            return


def _learn_casing(texts: Iterable[str]) -> dict[str, str]:
    forms = defaultdict[str, Counter[str]](Counter)
    for text in texts:
        for start, end in find_words(text):
            before = text[max(start - 3, 0) : start].rstrip()
            if before and before[-1] not in _BEFORE_SENTENCE:
                forms[text[start:end].lower()][text[start:end]] += 1
    return {word: found.most_common(1)[0][0] for word, found in forms.items()}


def _learn_translations(
    sample: Sequence[tuple[str, str]], source_counts: Counter[str], target_counts: Counter[str]
) -> dict[str, str]:
    """Return the pairs of words of which each is the other's best translation by the Dice coefficient."""
    highest = _MAX_FREQUENCY * len(sample)
    known = [{w for w, n in counts.items() if _MIN_COUNT <= n <= highest} for counts in (source_counts, target_counts)]
    together = Counter[tuple[str, str]]()
    read = tuple(Counter[str]() for _ in known)
    remaining = _MAX_COOCCURRENCES
    for pair in sample:
        sources, targets = (known[side] & find_units(pair[side]).keys() for side in (0, 1))
        together.update(itertools.product(sources, targets))
        read[0].update(sources)
        read[1].update(targets)
        remaining -= len(sources) * len(targets)
        if remaining < 0:
            break
    best = tuple(dict[str, tuple[float, int, str]]() for _ in known)
    for source, target, dice in _dice_coefficients(together, *read):
        for side, word, other in ((0, source, target), (1, target, source)):
            best[side][word] = max(best[side].get(word, (0.0, 0, "")), (dice, len(other), other))
    return {source: target for source, (_, _, target) in best[0].items() if best[1][target][2] == source}


def _dice_coefficients(
    together: Counter[tuple[str, str]], source_counts: Counter[str], target_counts: Counter[str]
) -> Iterator[tuple[str, str, float]]:
    for (source, target), count in together.items():
        dice = 2 * count / (source_counts[source] + target_counts[target])
        least = (
            _MIN_NGRAM_COUNT if _UNSPACED_CHARACTER.match(source) or _UNSPACED_CHARACTER.match(target) else _MIN_COUNT
        )
        if count >= least and dice >= _MIN_DICE and all(map(_is_long_enough, (source, target))):
            yield source, target, dice


def _is_long_enough(word: str) -> bool:
    return len(word) >= _MIN_CHARACTERS or _UNSPACED_CHARACTER.match(word) is not None
