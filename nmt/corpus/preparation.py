"""Preparation of training data: the corpora of a recipe are read, filtered and tokenised, and the result is cached."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt.config.data import CorpusSpec, SyntheticCorpus, WeightedCorpus
from nmt.config.schema import TranslatorRecipe
from nmt.corpus.arrow_store import RaggedArray, SentencePairTable, write_sentence_pairs
from nmt.corpus.augmentation import augmentation_key, create_augmenter
from nmt.corpus.cache import LogFunction, get_or_create
from nmt.corpus.filters import FilterReport, PairFilter, count_unfiltered
from nmt.corpus.parallel_corpus import TextPair, corpus_fingerprint, describe_corpus, read_pairs
from nmt.corpus.tokenizer import MAX_TRAINING_SENTENCES, RESERVED_PIECES, Tokenizer, corpus_tag_id, train_tokenizer
from nmt.corpus.word_aligner import TranslationTable, WordAligner, learn_translation_table, select_training_rows
from nmt.text.normalisation import normalise
from nmt.utils.arrays import Int32Array, IntArray
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import hash_json

_FORMAT = "5"  # part of every cache key; increment it when the same input gives other ids
_ALIGNER_FORMAT = "1"  # part of the cache key of alignments
_CHUNK_PAIRS = 10_000  # pairs that are encoded or aligned, and written, together
_IDS, _REPORT, _LINKS = "ids.arrow", "report.json", "links.arrow"


class ArrowCorpus:
    """Memory-mapped token ids of the training pairs; implements `nmt.corpus.batching.TokenizedCorpus`."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """Open the corpus in a cache entry; ``fingerprint`` is a hash of all inputs that determine the token ids."""
        self.fingerprint = fingerprint
        self._ids = SentencePairTable(folder / _IDS)
        reports = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
        self.reports = [FilterReport(**report) for report in reports]
        self._links: SentencePairTable | None = None
        self.source_lengths: Int32Array = self._ids.source.lengths()
        self.target_lengths: Int32Array = self._ids.target.lengths()

    @property
    def corpus_sizes(self) -> list[int]:
        """Number of pairs of each concatenated corpus, with the pairs derived from it, in order."""
        return [report.kept + report.derived for report in self.reports]

    def __len__(self) -> int:
        return len(self.source_lengths)

    def source_ids(self, rows: IntArray) -> RaggedArray:
        """Return the source token ids of the given pairs, without begin and end of sentence."""
        return self._ids.source.take(rows)

    def target_ids(self, rows: IntArray) -> RaggedArray:
        """Return the target token ids of the given pairs, without begin and end of sentence."""
        return self._ids.target.take(rows)

    def load_alignment(self, folder: Path) -> None:
        """Open the word alignment of the pairs, which is stored in a cache entry of its own."""
        self._links = SentencePairTable(folder / _LINKS)

    def alignment_links(self, rows: IntArray) -> tuple[RaggedArray, RaggedArray] | None:
        """Return the source and target positions of the links of the given pairs, or None without word alignment."""
        table = self._links
        return None if table is None else (table.source.take(rows), table.target.take(rows))


class CorpusHash(NamedTuple):
    """Hash of the content of a corpus when it was read."""

    role: str
    """Use of the corpus: train, dev or test."""
    corpus: str
    """Short description of the corpus."""
    hash: str
    """Hash of the content, from `nmt.corpus.parallel_corpus.corpus_fingerprint`."""


@dataclass(frozen=True)
class PreparedData:
    """Data of a translation model: tokenised training pairs, and dev and test pairs as text."""

    tokenizer: Tokenizer
    train: ArrowCorpus
    dev: list[TextPair]
    test: list[TextPair]
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
    dev = read_evaluation_pairs(data.dev, data.source, data.target) if data.dev else []
    test = read_evaluation_pairs(data.test, data.source, data.target) if data.test else []
    hashes = hash_corpora(recipe)
    train_hashes = [corpus.hash for corpus in hashes if corpus.role == "train"]
    text_key = hash_json(_FORMAT, data.filter.model_dump(), train_hashes)
    tokenizer = tokenizer or _load_or_train_tokenizer(recipe, text_key, log)
    train = _load_or_encode_corpus(recipe, tokenizer, text_key, log)
    if recipe.training.guided_alignment:
        train.load_alignment(_load_or_align_corpus(train, log))
    for weighted, report in zip(data.weighted_corpora, train.reports, strict=True):
        log(f"Training text {describe_corpus(weighted.corpus)}: {report}" + _describe_mixing(weighted))
    return PreparedData(tokenizer, train, dev, test, hashes)


def read_evaluation_pairs(spec: CorpusSpec, source: str, target: str) -> list[TextPair]:
    """Return the pairs of a dev or test corpus. Raises CarouselError if the source or target of a pair is blank."""
    pairs = list(read_pairs(spec, source, target))
    for number, pair in enumerate(pairs, start=1):
        if not all(map(normalise, pair)):
            raise CarouselError(f"{describe_corpus(spec)}:{number}: one side of the pair is blank; remove the pair")
    return pairs


def sources_in_training_data(recipe: TranslatorRecipe, sources: Iterable[str]) -> set[str]:
    """Return the normalised texts in ``sources`` that also occur as a source in the unfiltered training corpora."""
    candidates = set(sources)
    training = (pair for weighted in recipe.data.weighted_corpora for pair in _read_training_pairs(recipe, weighted))
    return {normalised for source, _ in training if (normalised := normalise(source)) in candidates}


def learn_corpus_translation_table(corpus: ArrowCorpus) -> TranslationTable:
    """Learn a lexical translation table from the training pairs."""
    return learn_translation_table(*_select_aligner_ids(corpus))


def hash_corpora(recipe: TranslatorRecipe) -> list[CorpusHash]:
    """Return the hash of each corpus, in the order of the recipe. Raises CarouselError if a corpus is unreadable."""
    data = recipe.data
    train = [("train", weighted.corpus) for weighted in data.weighted_corpora]
    corpora = [*train, ("dev", data.dev), ("test", data.test)]
    languages = data.source, data.target
    return [CorpusHash(role, describe_corpus(c), corpus_fingerprint(c, *languages)) for role, c in corpora if c]


def _load_or_train_tokenizer(recipe: TranslatorRecipe, text_key: str, log: LogFunction) -> Tokenizer:
    languages = (recipe.data.source, recipe.data.target)
    settings = recipe.tokenizer.model_dump()

    def create(folder: Path) -> None:
        # Counting reads all training text, which reports its errors before the slow training of the tokenizer.
        pairs = sum(1 for weighted in recipe.data.weighted_corpora for _ in _read_training_pairs(recipe, weighted))
        step = -(-2 * pairs // MAX_TRAINING_SENTENCES)
        log(f"Training a {recipe.tokenizer.kind} tokenizer with {recipe.tokenizer.vocab_size:,} pieces")
        trained = train_tokenizer(lambda: _every_nth_pair(recipe, step), recipe.tokenizer, languages)
        for name, content in trained.to_files().items():
            (folder / name).write_bytes(content)

    folder = get_or_create(f"tokenizer-{hash_json(text_key, settings, RESERVED_PIECES)}", create, log)
    return Tokenizer.from_files(folder, separate_target=not recipe.tokenizer.shared)


def _read_training_pairs(recipe: TranslatorRecipe, weighted: WeightedCorpus) -> Iterator[TextPair]:
    """Yield the pairs of a training corpus, up to the number in ``data.filter.first_pairs``."""
    data = recipe.data
    return itertools.islice(read_pairs(weighted.corpus, data.source, data.target), data.filter.first_pairs)


def _load_or_encode_corpus(
    recipe: TranslatorRecipe, tokenizer: Tokenizer, text_key: str, log: LogFunction
) -> ArrowCorpus:
    models = [hashlib.sha256(content).hexdigest() for content in tokenizer.to_files().values()]
    tags = [weighted.tag for weighted in recipe.data.weighted_corpora]
    key = hash_json(text_key, models, tags, *augmentation_key(recipe.data))

    def create(folder: Path) -> None:
        log("Encoding the training text")
        _write_ids(recipe, tokenizer, folder)

    return ArrowCorpus(get_or_create(f"ids-{key}", create, log), key)


def _write_ids(recipe: TranslatorRecipe, tokenizer: Tokenizer, folder: Path) -> None:
    reports = [FilterReport() for _ in recipe.data.train]
    write_sentence_pairs(folder / _IDS, _encoded_chunks(recipe, tokenizer, reports))
    for weighted, report in zip(recipe.data.weighted_corpora, reports, strict=True):
        if not report.kept:
            repeated = report.duplicate == report.read
            remedy = "remove this corpus, the ones before contain all its pairs" if repeated else "relax data.filter"
            raise CarouselError(f"{describe_corpus(weighted.corpus)}: no training pair is left ({report}); {remedy}")
    (folder / _REPORT).write_text(json.dumps([asdict(report) for report in reports]), encoding="utf-8")


def _encoded_chunks(
    recipe: TranslatorRecipe, tokenizer: Tokenizer, reports: Sequence[FilterReport]
) -> Iterator[tuple[RaggedArray, RaggedArray]]:
    corpora = _filtered_corpora(recipe, reports)
    for weighted, report, pairs in zip(recipe.data.weighted_corpora, reports, corpora, strict=True):
        synthetic = isinstance(weighted.corpus, SyntheticCorpus)
        max_length = math.inf if synthetic else recipe.data.filter.max_pieces
        augmenter = None if synthetic else create_augmenter(recipe.data, _read_training_pairs(recipe, weighted))
        while chunk := list(itertools.islice(pairs, _CHUNK_PAIRS)):
            encoded = _encode_pairs(chunk, tokenizer, weighted.tag, max_length)
            dropped = len(chunk) - len(encoded)
            report.too_long, report.kept = report.too_long + dropped, report.kept - dropped
            if augmenter:
                derived = _encode_pairs(augmenter.derive_pairs(chunk), tokenizer, weighted.tag, max_length)
                report.derived += len(derived)
                encoded += derived
            sources, targets = ([pair[side] for pair in encoded] for side in (0, 1))
            yield RaggedArray.from_lists(sources), RaggedArray.from_lists(targets)


def _encode_pairs(
    chunk: Sequence[TextPair], tokenizer: Tokenizer, tag: int | None, max_length: float
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Return the token ids of the pairs, without those with more than ``max_length`` tokens in the source or target.

    ``tag`` is the number of the corpus tag with which each source begins.
    """
    sources = tokenizer.source.encode_batch([source for source, _ in chunk])
    targets = tokenizer.target.encode_batch([target for _, target in chunk])
    if tag is not None:
        sources = [[corpus_tag_id(tag), *source] for source in sources]
    return [pair for pair in zip(sources, targets, strict=True) if max(map(len, pair)) <= max_length]


def _filtered_corpora(recipe: TranslatorRecipe, reports: Sequence[FilterReport]) -> Iterator[Iterator[TextPair]]:
    """Yield an iterator over the filtered pairs of each corpus; synthetic tasks are not filtered."""
    pair_filter = PairFilter(recipe.data.filter)
    for weighted, report in zip(recipe.data.weighted_corpora, reports, strict=True):
        apply_filter = count_unfiltered if isinstance(weighted.corpus, SyntheticCorpus) else pair_filter.filter_pairs
        yield apply_filter(_read_training_pairs(recipe, weighted), report)


def _every_nth_pair(recipe: TranslatorRecipe, n: int) -> Iterator[TextPair]:
    """Return an iterator over every n-th filtered pair of the concatenated corpora."""
    corpora = _filtered_corpora(recipe, [FilterReport() for _ in recipe.data.train])
    return itertools.islice(itertools.chain.from_iterable(corpora), 0, None, n)


def _describe_mixing(weighted: WeightedCorpus) -> str:
    """Return a description of the weight and the tag of a corpus for the log, without default values."""
    weight = "" if weighted.weight == 1 else f", used {weighted.weight:g} times per epoch"
    return weight + ("" if weighted.tag is None else f", tagged {weighted.tag}")


def _load_or_align_corpus(corpus: ArrowCorpus, log: LogFunction) -> Path:
    def create(folder: Path) -> None:
        log("Aligning the training text")
        aligner = WordAligner(*_select_aligner_ids(corpus))
        starts = range(0, len(corpus), _CHUNK_PAIRS)
        chunks = (np.arange(start, min(start + _CHUNK_PAIRS, len(corpus))) for start in starts)
        write_sentence_pairs(folder / _LINKS, (_align_rows(aligner, corpus, rows) for rows in chunks))

    return get_or_create(f"links-{hash_json(_ALIGNER_FORMAT, corpus.fingerprint)}", create, log)


def _select_aligner_ids(corpus: ArrowCorpus) -> tuple[list[Int32Array], list[Int32Array]]:
    """Return the source and target token ids of the pairs on which a word aligner is trained."""
    rows = select_training_rows(corpus.source_lengths, corpus.target_lengths)
    return corpus.source_ids(rows).to_lists(), corpus.target_ids(rows).to_lists()


def _align_rows(aligner: WordAligner, corpus: ArrowCorpus, rows: IntArray) -> tuple[RaggedArray, RaggedArray]:
    sources, targets = aligner.align(corpus.source_ids(rows).to_lists(), corpus.target_ids(rows).to_lists())
    return RaggedArray.from_lists(sources), RaggedArray.from_lists(targets)
