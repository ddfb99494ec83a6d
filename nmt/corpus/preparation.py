"""Preparation of training data: the corpora of a recipe are read, filtered and tokenised, and the result is cached."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nmt.config.data import (
    DataSection,
    MultilingualDataConfig,
    SyntheticCorpus,
    TranslationDirection,
    WeightedCorpus,
)
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.arrow_corpus import IDS, REPORT, ArrowCorpus, load_or_align
from nmt.corpus.arrow_store import RaggedArray, write_sentence_pairs
from nmt.corpus.augmentation import augmentation_key, create_augmenter
from nmt.corpus.cache import LogFunction, get_or_create
from nmt.corpus.filters import FilterReport
from nmt.corpus.parallel_corpus import TextPair, corpus_fingerprint, describe_corpus
from nmt.corpus.tokenizer import (
    MAX_TRAINING_SENTENCES,
    RESERVED_PIECES,
    Tokenizer,
    corpus_tag_id,
    language_id,
    train_multilingual_tokenizer,
    train_tokenizer,
)
from nmt.corpus.training_text import (
    balanced_sentences,
    count_training_pairs,
    every_nth_pair,
    filtered_corpora,
    make_reports,
    read_evaluation_pairs,
    read_training_pairs,
)
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import hash_json

_FORMAT = "5"  # part of every cache key; increment it when the same input gives other ids
_CHUNK_PAIRS = 10_000  # pairs that are encoded and written together


class CorpusHash(NamedTuple):
    """Hash of the content of a corpus when it was read."""

    role: str
    """Use of the corpus: train, dev or test."""
    corpus: str
    """Short description of the corpus."""
    hash: str
    """Hash of the content, from `nmt.corpus.parallel_corpus.corpus_fingerprint`."""


@dataclass(frozen=True)
class PreparedDirection:
    """A translation direction with its dev and test pairs."""

    direction: TranslationDirection
    prefix: list[int]
    """Token ids before each source sentence: that of the target language, or none for one pair of languages."""
    dev: list[TextPair]
    test: list[TextPair]


@dataclass(frozen=True)
class PreparedData:
    """Data of a translation model: tokenised training pairs, and dev and test pairs as text."""

    tokenizer: Tokenizer
    train: ArrowCorpus
    directions: list[PreparedDirection]
    """Translation directions, in the order of the recipe."""
    hashes: list[CorpusHash]
    """Hashes of all corpora, in the order of the recipe."""


def prepare_data(
    recipe: TranslatorRecipe, log: LogFunction = lambda message: None, tokenizer: Tokenizer | None = None
) -> PreparedData:
    """Read, filter and tokenise the corpora of a recipe.

    If no ``tokenizer`` is given, the one that the recipe describes is trained. Raises CarouselError if a corpus is
    unreadable, malformed or empty after filtering.
    """
    data = recipe.data
    directions = [_prepare_direction(data, direction) for direction in data.all_directions]
    hashes = hash_corpora(recipe)
    text_key = hash_json(_FORMAT, data.filter.model_dump(), *_text_settings(data, hashes))
    tokenizer = tokenizer or _load_or_train_tokenizer(recipe, text_key, log)
    train = _load_or_encode_corpus(recipe, tokenizer, text_key, log)
    if recipe.training.guided_alignment:
        load_or_align(train, log)
    weighted_corpora = [(direction, weighted) for direction in data.all_directions for weighted in direction.train]
    for (direction, weighted), report in zip(weighted_corpora, train.reports, strict=True):
        name = f"{direction.name} " if isinstance(data, MultilingualDataConfig) else ""
        log(f"Training text {name}{describe_corpus(weighted.corpus)}: {report}" + _describe_mixing(weighted))
    return PreparedData(tokenizer, train, directions, hashes)


def hash_corpora(recipe: TranslatorRecipe) -> list[CorpusHash]:
    """Return the hash of each corpus, in the order of the recipe. Raises CarouselError if a corpus is unreadable."""
    hashes = list[CorpusHash]()
    for direction in recipe.data.all_directions:
        if direction.is_reverse:
            continue  # it has the corpora of the direction before it
        train = [("train", weighted.corpus) for weighted in direction.train]
        for role, corpus in (*train, ("dev", direction.dev), ("test", direction.test)):
            if corpus:
                fingerprint = corpus_fingerprint(corpus, direction.source, direction.target)
                hashes.append(CorpusHash(role, describe_corpus(corpus), fingerprint))
    return hashes


def _prepare_direction(data: DataSection, direction: TranslationDirection) -> PreparedDirection:
    """Read the dev and test pairs of a direction."""
    dev, test = (
        read_evaluation_pairs(data, direction, spec) if spec else [] for spec in (direction.dev, direction.test)
    )
    return PreparedDirection(direction, _language_prefix(data, direction), dev, test)


def _language_prefix(data: DataSection, direction: TranslationDirection) -> list[int]:
    """Return the token ids that name the target language of a direction; none for one pair of languages."""
    languages = data.language_order
    return [language_id(languages.index(direction.target))] if languages else []


def _text_settings(data: DataSection, hashes: Sequence[CorpusHash]) -> list[Any]:
    """Return the hashes of the training corpora, and settings that determine how they are read if they are unusual."""
    settings: list[Any] = [[corpus.hash for corpus in hashes if corpus.role == "train"]]
    if isinstance(data, MultilingualDataConfig):
        settings.append([(each.name, each.is_reverse, len(each.train)) for each in data.all_directions])
    return [*settings, data.chinese_script] if data.chinese_script else settings


def _load_or_train_tokenizer(recipe: TranslatorRecipe, text_key: str, log: LogFunction) -> Tokenizer:
    data, config = recipe.data, recipe.tokenizer

    def create(folder: Path) -> None:
        # Counting reads all training text, which reports its errors before the slow training of the tokenizer.
        step = -(-2 * count_training_pairs(data) // MAX_TRAINING_SENTENCES)
        log(f"Training a {config.kind} tokenizer with {config.vocab_size:,} pieces")
        if isinstance(data, MultilingualDataConfig):
            trained = train_multilingual_tokenizer(list(balanced_sentences(data)), config)
        else:
            trained = train_tokenizer(lambda: every_nth_pair(data, step), config, (data.source, data.target))
        for name, content in trained.to_files().items():
            (folder / name).write_bytes(content)

    folder = get_or_create(f"tokenizer-{hash_json(text_key, config.model_dump(), RESERVED_PIECES)}", create, log)
    return Tokenizer.from_files(folder, separate_target=not config.shared)


def _load_or_encode_corpus(
    recipe: TranslatorRecipe, tokenizer: Tokenizer, text_key: str, log: LogFunction
) -> ArrowCorpus:
    models = [hashlib.sha256(content).hexdigest() for content in tokenizer.to_files().values()]
    directions, languages = recipe.data.all_directions, recipe.data.language_order
    tags = [weighted.tag for direction in directions for weighted in direction.train]
    key = hash_json(text_key, models, tags, *([languages] if languages else []), *augmentation_key(recipe.data))

    def create(folder: Path) -> None:
        log("Encoding the training text")
        _write_ids(recipe.data, tokenizer, folder)

    folder = get_or_create(f"ids-{key}", create, log)
    return ArrowCorpus(folder, key, directions, int(bool(languages)))


def _write_ids(data: DataSection, tokenizer: Tokenizer, folder: Path) -> None:
    reports = make_reports(data)
    write_sentence_pairs(folder / IDS, _encoded_chunks(data, tokenizer, reports))
    weighted_corpora = [weighted for direction in data.all_directions for weighted in direction.train]
    for weighted, report in zip(weighted_corpora, reports, strict=True):
        if not report.kept:
            repeated = report.duplicate == report.read
            remedy = "remove this corpus, the ones before contain all its pairs" if repeated else "relax data.filter"
            raise CarouselError(f"{describe_corpus(weighted.corpus)}: no training pair is left ({report}); {remedy}")
    (folder / REPORT).write_text(json.dumps([asdict(report) for report in reports]), encoding="utf-8")


def _encoded_chunks(
    data: DataSection, tokenizer: Tokenizer, reports: Sequence[FilterReport]
) -> Iterator[tuple[RaggedArray, RaggedArray]]:
    corpora = [(direction, weighted) for direction in data.all_directions for weighted in direction.train]
    texts = filtered_corpora(data, reports)
    for (direction, weighted), report, pairs in zip(corpora, reports, texts, strict=True):
        synthetic = isinstance(weighted.corpus, SyntheticCorpus)
        max_length = math.inf if synthetic else data.filter.max_pieces
        unfiltered = read_training_pairs(data, direction, weighted.corpus)
        augmenter = None if synthetic else create_augmenter(data, direction, unfiltered)
        prefix = _language_prefix(data, direction) + ([] if weighted.tag is None else [corpus_tag_id(weighted.tag)])
        while chunk := list(itertools.islice(pairs, _CHUNK_PAIRS)):
            encoded = _encode_pairs(chunk, tokenizer, prefix, max_length)
            dropped = len(chunk) - len(encoded)
            report.too_long, report.kept = report.too_long + dropped, report.kept - dropped
            if augmenter:
                derived = _encode_pairs(augmenter.derive_pairs(chunk), tokenizer, prefix, max_length)
                report.derived += len(derived)
                encoded += derived
            sources, targets = ([pair[side] for pair in encoded] for side in (0, 1))
            yield RaggedArray.from_lists(sources), RaggedArray.from_lists(targets)


def _encode_pairs(
    chunk: Sequence[TextPair], tokenizer: Tokenizer, prefix: Sequence[int], max_length: float
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Return the token ids of the pairs, without those with more than ``max_length`` tokens in the source or target.

    ``prefix`` consists of the ids of the target language and the corpus tag, with which each source begins.
    """
    sources = tokenizer.source.encode_batch([source for source, _ in chunk])
    targets = tokenizer.target.encode_batch([target for _, target in chunk])
    if prefix:
        sources = [[*prefix, *source] for source in sources]
    return [pair for pair in zip(sources, targets, strict=True) if max(map(len, pair)) <= max_length]


def _describe_mixing(weighted: WeightedCorpus) -> str:
    """Return a description of the weight and the tag of a corpus for the log, without default values."""
    weight = "" if weighted.weight == 1 else f", used {weighted.weight:g} times per epoch"
    return weight + ("" if weighted.tag is None else f", tagged {weighted.tag}")
