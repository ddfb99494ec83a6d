"""From corpora to memory-mapped ids, once: the results are cached by the hash of all that made them."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt.config.data import CorpusSpec, SyntheticCorpus, WeightedCorpus
from nmt.config.schema import TranslatorRecipe
from nmt.corpus import arrow_store as ragged
from nmt.corpus import cache
from nmt.corpus import tokenizer as tokenizers
from nmt.corpus.arrow_store import Ids, Lengths, PairTable, RaggedArray, Rows
from nmt.corpus.filters import FilterReport, PairFilter, unfiltered
from nmt.corpus.parallel_corpus import Pair, corpus_fingerprint, describe_corpus, read_pairs
from nmt.corpus.tokenizer import Tokenizer, tag_id
from nmt.corpus.word_aligner import Aligner, TranslationTable, learn_translation_table, select_training_rows
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import digest

_FORMAT = "5"  # part of every cache key: raise it when the same input gives other ids
_ALIGNER = "1"  # likewise part of the key of links
_CHUNK = 10_000  # pairs that are encoded or aligned, and stored, together
_IDS, _REPORT, _LINKS = "ids.arrow", "report.json", "links.arrow"


class ArrowCorpus:
    """The training pairs as ids, memory-mapped: memory holds their lengths only."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """``fingerprint`` is the hash of all that made the ids."""
        self.fingerprint = fingerprint
        self._ids = PairTable(folder / _IDS)
        reports = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
        self.reports = [FilterReport(**report) for report in reports]
        self._links: PairTable | None = None
        self.source_lengths: Lengths = self._ids.source.lengths()
        self.target_lengths: Lengths = self._ids.target.lengths()

    @property
    def sizes(self) -> list[int]:
        """Pairs of each corpus of the mixture; they lie one after the other."""
        return [report.kept for report in self.reports]

    def __len__(self) -> int:
        return len(self.source_lengths)

    def sources(self, rows: Rows) -> RaggedArray:
        """Source ids of some pairs, without begin and end of sentence."""
        return self._ids.source.take(rows)

    def targets(self, rows: Rows) -> RaggedArray:
        """Target ids of some pairs, without begin and end of sentence."""
        return self._ids.target.take(rows)

    def add_links(self, folder: Path) -> None:
        """Take in the alignment of the pairs."""
        self._links = PairTable(folder / _LINKS)

    def links(self, rows: Rows) -> tuple[RaggedArray, RaggedArray] | None:
        """The linked places of some pairs, in the source and in the target; None where no links were added."""
        table = self._links
        return None if table is None else (table.source.take(rows), table.target.take(rows))


class CorpusHash(NamedTuple):
    """What a corpus held when it was read."""

    role: str
    """train, dev or test."""
    corpus: str
    """Its name."""
    hash: str
    """Of its content: see `nmt.corpus.parallel_corpus.fingerprint`."""


@dataclass(frozen=True)
class PreparedData:
    """What training needs of the data: ids to learn from, text to be scored on."""

    tokenizer: Tokenizer
    train: ArrowCorpus
    dev: list[Pair]
    test: list[Pair]
    hashes: list[CorpusHash]
    """Of all corpora of the recipe, in its order."""


def prepare_data(
    config: TranslatorRecipe, say: Callable[[str], None] = lambda message: None, tokenizer: Tokenizer | None = None
) -> PreparedData:
    """Read, filter and tokenise the corpora of a recipe, with its own tokenizer or the one given.

    ``say`` is told each step. Raises CarouselError for whatever is wrong with the corpora.
    """
    data = config.data
    dev = read_all(data.dev, data.source, data.target) if data.dev else []
    test = read_all(data.test, data.source, data.target) if data.test else []
    hashes = hash_corpora(config)
    read = [corpus.hash for corpus in hashes if corpus.role == "train"]
    corpora = digest(_FORMAT, data.filter.model_dump(), read)
    tokenizer = tokenizer or _tokenizer(config, corpora, say)
    train = _ids(config, tokenizer, corpora, say)
    if config.training.guided_alignment:
        train.add_links(_links(train, say))
    for mixed, report in zip(data.weighted_corpora, train.reports, strict=True):
        say(f"Training text {describe_corpus(mixed.corpus)}: {report}" + _mixed(mixed))
    return PreparedData(tokenizer, train, dev, test, hashes)


def read_all(spec: CorpusSpec, source: str, target: str) -> list[Pair]:
    """A dev or test corpus as it stands, in memory. Raises CarouselError when a side is blank."""
    pairs = list(read_pairs(spec, source, target))
    for number, pair in enumerate(pairs, start=1):
        if not all(map(normalise, pair)):
            raise CarouselError(f"{describe_corpus(spec)}, pair {number}: one side is blank; remove the pair")
    return pairs


def sources_in_training_data(config: TranslatorRecipe, sources: Iterable[str]) -> set[str]:
    """Which of some texts are sources in the training text of a recipe, filtered or not."""
    wanted = set(sources)
    training = (pair for mixed in config.data.weighted_corpora for pair in _training_pairs(config, mixed))
    return {normalised for source, _ in training if (normalised := normalise(source)) in wanted}


def corpus_translation_table(corpus: ArrowCorpus) -> TranslationTable:
    """What source pieces become in the training pairs."""
    return learn_translation_table(*_clear_pairs(corpus))


def hash_corpora(config: TranslatorRecipe) -> list[CorpusHash]:
    """What all corpora of a recipe hold now, in its order. Raises CarouselError for one that can't be read."""
    data = config.data
    roles = [*(("train", mixed.corpus) for mixed in data.weighted_corpora), ("dev", data.dev), ("test", data.test)]
    return [
        CorpusHash(role, describe_corpus(spec), corpus_fingerprint(spec, data.source, data.target))
        for role, spec in roles
        if spec
    ]


def _tokenizer(config: TranslatorRecipe, corpora: str, say: Callable[[str], None]) -> Tokenizer:
    languages = (config.data.source, config.data.target)
    settings = config.tokenizer.model_dump()

    def make(folder: Path) -> None:
        step = -(-2 * _count(config) // tokenizers.TRAINING_SENTENCES)
        say(f"Training a {config.tokenizer.kind} tokenizer of {config.tokenizer.vocab_size:,} pieces")
        trained = tokenizers.train_tokenizer(lambda: _all_training_pairs(config, step), config.tokenizer, languages)
        for name, content in trained.files().items():
            (folder / name).write_bytes(content)

    directory = cache.entry(f"tokenizer-{digest(corpora, settings, tokenizers.RESERVED_PIECES)}", make, say)
    return Tokenizer.from_files(directory, separate=not config.tokenizer.shared)


def _count(config: TranslatorRecipe) -> int:
    """Pairs of the training text, which is read once for its mistakes too, before minutes are spent on it."""
    return sum(1 for mixed in config.data.weighted_corpora for _ in _training_pairs(config, mixed))


def _training_pairs(config: TranslatorRecipe, mixed: WeightedCorpus) -> Iterator[Pair]:
    """The pairs of a corpus, or the first ones of them where the recipe asks for no more."""
    data = config.data
    return itertools.islice(read_pairs(mixed.corpus, data.source, data.target), data.filter.first_pairs)


def _ids(config: TranslatorRecipe, tokenizer: Tokenizer, corpora: str, say: Callable[[str], None]) -> ArrowCorpus:
    models = [hashlib.sha256(content).hexdigest() for content in tokenizer.files().values()]
    key = digest(corpora, models, [mixed.tag for mixed in config.data.weighted_corpora])

    def make(folder: Path) -> None:
        say("Encoding the training text")
        _write_ids(config, tokenizer, folder)

    return ArrowCorpus(cache.entry(f"ids-{key}", make, say), key)


def _write_ids(config: TranslatorRecipe, tokenizer: Tokenizer, folder: Path) -> None:
    reports = [FilterReport() for _ in config.data.train]
    ragged.write(folder / _IDS, _encoded_chunks(config, tokenizer, reports))
    for mixed, report in zip(config.data.weighted_corpora, reports, strict=True):
        if not report.kept:
            repeats = report.duplicate == report.read
            remedy = "leave this corpus out, the ones before have all its pairs" if repeats else "relax data.filter"
            raise CarouselError(f"{describe_corpus(mixed.corpus)}: no training pair is left: {report}; {remedy}")
    (folder / _REPORT).write_text(json.dumps([asdict(report) for report in reports]), encoding="utf-8")


def _encoded_chunks(
    config: TranslatorRecipe, tokenizer: Tokenizer, reports: Sequence[FilterReport]
) -> Iterator[tuple[RaggedArray, RaggedArray]]:
    texts = _training_texts(config, reports)
    for mixed, report, pairs in zip(config.data.weighted_corpora, reports, texts, strict=True):
        longest = math.inf if isinstance(mixed.corpus, SyntheticCorpus) else config.data.filter.max_pieces
        for chunk in _chunks(pairs):
            encoded = _encode(chunk, tokenizer, mixed.tag, longest)
            dropped = len(chunk) - len(encoded)
            report.too_long, report.kept = report.too_long + dropped, report.kept - dropped
            yield RaggedArray.of([source for source, _ in encoded]), RaggedArray.of([target for _, target in encoded])


def _encode(
    chunk: Sequence[Pair], tokenizer: Tokenizer, tag: int | None, longest: float
) -> list[tuple[Sequence[int], Sequence[int]]]:
    """Source and target ids of the pairs of which neither side has more than ``longest`` pieces."""
    sources = tokenizer.source.encode_batch([source for source, _ in chunk])
    targets = tokenizer.target.encode_batch([target for _, target in chunk])
    if tag is not None:
        sources = [[tag_id(tag), *source] for source in sources]
    return [pair for pair in zip(sources, targets, strict=True) if max(map(len, pair)) <= longest]


def _training_texts(config: TranslatorRecipe, reports: Sequence[FilterReport]) -> Iterator[Iterator[Pair]]:
    """The pairs that pass the filters, corpus by corpus; a task's pass all, for they are made to be learned from."""
    filters = PairFilter(config.data.filter)
    for mixed, report in zip(config.data.weighted_corpora, reports, strict=True):
        passing = unfiltered if isinstance(mixed.corpus, SyntheticCorpus) else filters.passing
        yield passing(_training_pairs(config, mixed), report)


def _all_training_pairs(config: TranslatorRecipe, step: int) -> Iterator[Pair]:
    """Every ``step``-th pair of all corpora that passes the filters."""
    corpora = _training_texts(config, [FilterReport() for _ in config.data.train])
    return itertools.islice(itertools.chain.from_iterable(corpora), 0, None, step)


def _mixed(mixed: WeightedCorpus) -> str:
    """How a corpus takes part, where that needs saying."""
    weight = "" if mixed.weight == 1 else f", {mixed.weight:g} times an epoch"
    return weight + ("" if mixed.tag is None else f", tagged {mixed.tag}")


def _chunks(pairs: Iterator[Pair]) -> Iterator[Sequence[Pair]]:
    while chunk := list(itertools.islice(pairs, _CHUNK)):
        yield chunk


def _links(corpus: ArrowCorpus, say: Callable[[str], None]) -> Path:
    def make(folder: Path) -> None:
        say("Aligning the training text")
        aligner = Aligner(*_clear_pairs(corpus))
        chunks = (range(start, min(start + _CHUNK, len(corpus))) for start in range(0, len(corpus), _CHUNK))
        ragged.write(folder / _LINKS, (_aligned(aligner, corpus, np.array(rows)) for rows in chunks))

    return cache.entry(f"links-{digest(_ALIGNER, corpus.fingerprint)}", make, say)


def _clear_pairs(corpus: ArrowCorpus) -> tuple[list[Ids], list[Ids]]:
    """The ids that an aligner learns from."""
    rows = select_training_rows(corpus.source_lengths, corpus.target_lengths)
    return corpus.sources(rows).lists(), corpus.targets(rows).lists()


def _aligned(aligner: Aligner, corpus: ArrowCorpus, rows: Rows) -> tuple[RaggedArray, RaggedArray]:
    sources, targets = aligner.align(corpus.sources(rows).lists(), corpus.targets(rows).lists())
    return RaggedArray.of(sources), RaggedArray.of(targets)
