"""Surface variants of training pairs: lower-cased and title-cased sources, and missing final punctuation.

Upper-cased text needs no training: it is lower-cased for the network, and its translation is upper-cased.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from random import Random

from nmt.corpus.parallel_corpus import TextPair
from nmt.corpus.word_statistics import find_words

# Shares of the variants; the others lack final punctuation only.
_LOWER_CASE, _TITLE_CASE = 0.5, 0.2
_UNPUNCTUATED = 0.5  # share of the lower-cased and title-cased variants that also lack final punctuation
_LONGEST_PARTICLE = 3  # words that may be lower-cased in a title: "of", "and", "the"

_FINAL_PUNCTUATION = re.compile(r"\s*[.!?…。！？]+$")
_WORD_START = re.compile(r"(?<![\w'’])[^\W\d_]+")


def vary_surface(pair: TextPair, target_casing: Mapping[str, str], random: Random) -> TextPair | None:
    """Return a variant of a pair, or None if the kind of variant that is drawn does not apply to the pair.

    If the source is lower-cased, the target begins with the most frequent casing of its first word inside of sentences,
    as found in ``target_casing`` by the lower-cased word.
    """
    source, target = pair
    kind = random.random()
    unpunctuated = remove_final_punctuation(pair)
    if kind >= _LOWER_CASE + _TITLE_CASE:
        return unpunctuated
    if random.random() < _UNPUNCTUATED:
        source, target = unpunctuated or pair
    if kind < _LOWER_CASE:
        varied, target = source.lower(), truecase_first_word(target, target_casing)
    else:
        varied = _to_title_case(source, random.choice([0, _LONGEST_PARTICLE]))
    return (varied, target) if varied != source else None


def remove_final_punctuation(pair: TextPair) -> TextPair | None:
    """Return a pair without the final punctuation of both sides; None if not both sides have some, and other text."""
    source, target = (_FINAL_PUNCTUATION.sub("", text) for text in pair)
    return (source, target) if source and target and source != pair[0] and target != pair[1] else None


def truecase_first_word(text: str, casing: Mapping[str, str]) -> str:
    """Return a text whose first word has the casing that ``casing`` has for it, if any."""
    for start, end in find_words(text)[:1]:
        word = text[start:end]
        return text[:start] + casing.get(word.lower(), word) + text[end:]
    return text


def _to_title_case(text: str, longest_particle: int) -> str:
    """Return a text whose words begin with capitals, except for words of up to ``longest_particle`` letters."""

    def capitalise(match: re.Match[str]) -> str:
        word = match[0]
        return word if match.start() and len(word) <= longest_particle else word[0].upper() + word[1:]

    return _WORD_START.sub(capitalise, text)
