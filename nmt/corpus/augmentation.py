"""Training pairs that are derived from the pairs of a corpus, for input that the corpus does not contain.

There are two kinds: pairs with placeholders (`nmt.corpus.placeholder_insertion`), and pairs without final punctuation.
A derived pair is a function of
the original pair and of its number in the corpus, so that equal corpora are prepared equally.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from random import Random

from nmt.config.data import DataSection, TranslationDirection
from nmt.corpus.parallel_corpus import TextPair
from nmt.corpus.placeholder_insertion import PlaceholderInserter
from nmt.corpus.word_statistics import learn_word_statistics
from nmt.text.normalisation import normalise

_FORMAT = "3"  # part of cache keys; increment it when other pairs are derived from the same input
_FINAL_PUNCTUATION = re.compile(r"\s*[.!?…。！？]+$")


class PairAugmenter:
    """Derives pairs from the pairs of one corpus, with the settings of a recipe."""

    def __init__(self, config: DataSection, direction: TranslationDirection, pairs: Iterable[TextPair]) -> None:
        """Create an augmenter for a corpus with the given pairs of a direction, of which it learns word statistics."""
        statistics = learn_word_statistics((normalise(source), normalise(target)) for source, target in pairs)
        self._inserter = PlaceholderInserter(statistics, (direction.source, direction.target))
        self._placeholders, self._unpunctuated = config.placeholders, config.unpunctuated
        self._numbers = itertools.count()

    def derive_pairs(self, pairs: Sequence[TextPair]) -> list[TextPair]:
        """Return the pairs that are derived from the next pairs of the corpus, which are normalised."""
        return [derived for pair in pairs for derived in self._derive(pair, next(self._numbers))]

    def _derive(self, pair: TextPair, number: int) -> Iterator[TextPair]:
        digest = hashlib.blake2b(f"{number}\0{pair[0]}\0{pair[1]}".encode(), digest_size=8).digest()
        random = Random(int.from_bytes(digest, "little"))
        if random.random() < self._placeholders and (derived := self._inserter.insert(pair, random)):
            yield self._remove_from_some(derived, random) or derived
        if variant := self._remove_from_some(pair, random):
            yield variant

    def _remove_from_some(self, pair: TextPair, random: Random) -> TextPair | None:
        """Return a share of the pairs without final punctuation, and otherwise None."""
        return remove_final_punctuation(pair) if random.random() < self._unpunctuated else None


def remove_final_punctuation(pair: TextPair) -> TextPair | None:
    """Return a pair without the final punctuation of both sides; None if not both sides have some, and other text."""
    source, target = (_FINAL_PUNCTUATION.sub("", text) for text in pair)
    return (source, target) if source and target and source != pair[0] and target != pair[1] else None


def create_augmenter(
    config: DataSection, direction: TranslationDirection, pairs: Iterable[TextPair]
) -> PairAugmenter | None:
    """Return an augmenter for a corpus with the given pairs of a direction; None if the recipe derives no pairs."""
    return PairAugmenter(config, direction, pairs) if augmentation_key(config) else None


def augmentation_key(config: DataSection) -> list[float | str]:
    """Return the settings on which the derived pairs depend, for cache keys; none if no pairs are derived."""
    settings = [config.placeholders, config.unpunctuated]
    return [_FORMAT, *settings] if any(settings) else []
