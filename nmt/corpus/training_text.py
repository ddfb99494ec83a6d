"""Text of the corpora of a recipe: reading by translation direction, filtering, and selection for the tokenizer."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence

from nmt.config.data import CorpusSpec, DataSection, MultilingualDataConfig, SyntheticCorpus, TranslationDirection
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.filters import FilterReport, HashSet, PairFilter, count_unfiltered
from nmt.corpus.parallel_corpus import TextPair, describe_corpus, read_pairs
from nmt.corpus.tokenizer import MAX_TRAINING_SENTENCES
from nmt.text.chinese import chinese_converter, is_chinese
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError

_MAX_REPETITIONS = 10
"""Number of times that a sentence of a language with little text may enter the training of the tokenizer."""


def read_evaluation_pairs(data: DataSection, direction: TranslationDirection, spec: CorpusSpec) -> list[TextPair]:
    """Return the pairs of a dev or test corpus. Raises CarouselError if the source or target of a pair is blank."""
    pairs = list(_read_direction_pairs(data, direction, spec))
    for number, pair in enumerate(pairs, start=1):
        if not all(map(normalise, pair)):
            raise CarouselError(f"{describe_corpus(spec)}:{number}: one side of the pair is blank; remove the pair")
    return pairs


def sources_in_training_data(recipe: TranslatorRecipe, sources: Iterable[str]) -> set[str]:
    """Return the normalised texts in ``sources`` that also occur as a source in the unfiltered training corpora."""
    candidates = set(sources)
    training = (pair for direction in recipe.data.all_directions for pair in _read_all_pairs(recipe.data, direction))
    return {normalised for source, _ in training if (normalised := normalise(source)) in candidates}


def count_training_pairs(data: DataSection) -> int:
    """Return the number of training pairs before filtering. Raises CarouselError if a corpus is malformed."""
    return sum(1 for direction in data.all_directions for _ in _read_all_pairs(data, direction))


def filtered_corpora(data: DataSection, reports: Sequence[FilterReport]) -> Iterator[Iterator[TextPair]]:
    """Yield an iterator over the filtered pairs of each corpus, direction by direction.

    Duplicates are dropped within each direction, and synthetic tasks are not filtered. ``reports`` has one report per
    corpus.
    """
    remaining = iter(reports)
    for direction in data.all_directions:
        pair_filter = PairFilter(data.filter)
        for weighted in direction.train:
            is_task = isinstance(weighted.corpus, SyntheticCorpus)
            apply_filter = count_unfiltered if is_task else pair_filter.filter_pairs
            yield apply_filter(read_training_pairs(data, direction, weighted.corpus), next(remaining))


def every_nth_pair(data: DataSection, n: int) -> Iterator[TextPair]:
    """Return an iterator over every n-th filtered pair of the concatenated corpora."""
    corpora = filtered_corpora(data, make_reports(data))
    return itertools.islice(itertools.chain.from_iterable(corpora), 0, None, n)


def make_reports(data: DataSection) -> list[FilterReport]:
    """Return an empty report per training corpus."""
    return [FilterReport() for direction in data.all_directions for _ in direction.train]


def balanced_sentences(data: MultilingualDataConfig) -> Iterator[tuple[str, str]]:
    """Yield training sentences of a multilingual recipe with their languages, of each language about equally many.

    A sentence that occurs in several pairs of languages counts once. Evenly spaced sentences are left out of languages
    with much text, and those of languages with little text are repeated.
    """
    distinct = {language: sum(1 for _ in _distinct_sentences(data, language)) for language in data.language_order}
    quota = min(max(distinct.values()), MAX_TRAINING_SENTENCES // len(distinct))
    for language, count in distinct.items():
        wanted = min(quota, _MAX_REPETITIONS * count)
        for number, sentence in enumerate(_distinct_sentences(data, language)):
            copies = (number + 1) * wanted // count - number * wanted // count
            yield from itertools.repeat((language, sentence), copies)


def _distinct_sentences(data: MultilingualDataConfig, language: str) -> Iterator[str]:
    """Yield the different filtered training sentences of a language, in order."""
    seen = HashSet()
    for direction, pairs in zip(_directions_of_corpora(data), filtered_corpora(data, make_reports(data)), strict=True):
        if language not in (direction.source, direction.target) or direction.is_reverse:
            continue  # the opposite of a reverse direction has the same text
        side = 0 if direction.source == language else 1
        for pair in pairs:
            digest = hashlib.blake2b(pair[side].encode(), digest_size=8).digest()
            if seen.add(int.from_bytes(digest, "little")):
                yield pair[side]


def _directions_of_corpora(data: DataSection) -> list[TranslationDirection]:
    """Return the direction of each training corpus."""
    return [direction for direction in data.all_directions for _ in direction.train]


def _read_all_pairs(data: DataSection, direction: TranslationDirection) -> Iterator[TextPair]:
    """Yield the training pairs of all corpora of a direction, before filtering."""
    for weighted in direction.train:
        yield from read_training_pairs(data, direction, weighted.corpus)


def read_training_pairs(data: DataSection, direction: TranslationDirection, spec: CorpusSpec) -> Iterator[TextPair]:
    """Yield the pairs of a training corpus, up to the number in ``data.filter.first_pairs``."""
    return itertools.islice(_read_direction_pairs(data, direction, spec), data.filter.first_pairs)


def _read_direction_pairs(data: DataSection, direction: TranslationDirection, spec: CorpusSpec) -> Iterator[TextPair]:
    """Yield the pairs of a corpus as source and target of a direction, with Chinese in the script of the recipe."""
    as_stored = direction.reverse() if direction.is_reverse else direction
    pairs = read_pairs(spec, as_stored.source, as_stored.target)
    if direction.is_reverse:
        pairs = ((target, source) for source, target in pairs)
    if data.chinese_script is None:
        return pairs
    convert = chinese_converter(data.chinese_script)
    if is_chinese(direction.source):
        pairs = ((convert(source), target) for source, target in pairs)
    if is_chinese(direction.target):
        pairs = ((source, convert(target)) for source, target in pairs)
    return pairs
