"""From corpora to memory-mapped ids, once: the results are cached by the hash of all that made them.

The cache lies in ``$XDG_CACHE_HOME/carousel`` (``~/.cache/carousel``) and may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from nmt.config import Config, CorpusSpec
from nmt.corpus import ragged
from nmt.corpus import tokenizer as tokenizers
from nmt.corpus.aligner import Aligner, learned_rows
from nmt.corpus.filters import FilterReport, filter_pairs
from nmt.corpus.ragged import Ids, Lengths, Lists, RaggedTable
from nmt.corpus.reader import Pair, describe, fingerprint, read_pairs
from nmt.corpus.tokenizer import Tokenizer
from nmt.errors import CarouselError
from nmt.files import atomic_directory
from nmt.text.normalise import normalise

_FORMAT = "1"  # part of every cache key: raise it when the same input gives other ids
_ALIGNER = "1"  # likewise part of the key of links
_CHUNK = 10_000  # pairs that are encoded or aligned, and stored, together
_IDS, _REPORT, _LINKS = "ids.arrow", "report.json", "links.arrow"


class IdCorpus:
    """The training pairs as ids, memory-mapped: memory holds their lengths only."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        """``fingerprint`` is the hash of all that made the ids. Raises CarouselError when they are damaged."""
        self.fingerprint = fingerprint
        try:
            self._ids = RaggedTable(folder / _IDS)
            self.report = FilterReport(**json.loads((folder / _REPORT).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            raise _damaged(folder) from None
        self._links: RaggedTable | None = None
        self.source_lengths: Lengths = self._ids.source.lengths()
        self.target_lengths: Lengths = self._ids.target.lengths()

    def __len__(self) -> int:
        return len(self.source_lengths)

    def sources(self, rows: Iterable[int]) -> list[Ids]:
        """Source ids of some pairs, without begin and end of sentence."""
        return [self._ids.source[row] for row in rows]

    def targets(self, rows: Iterable[int]) -> list[Ids]:
        """Target ids of some pairs, without begin and end of sentence."""
        return [self._ids.target[row] for row in rows]

    def add_links(self, folder: Path) -> None:
        """Take in the alignment of the pairs. Raises CarouselError when it is damaged."""
        try:
            self._links = RaggedTable(folder / _LINKS)
        except (OSError, ValueError):
            raise _damaged(folder) from None

    def links(self, rows: Iterable[int]) -> list[tuple[Ids, Ids]] | None:
        """The linked places of some pairs, in the source and in the target; None where no links were added."""
        table = self._links
        return None if table is None else [(table.source[row], table.target[row]) for row in rows]


class CorpusHash(NamedTuple):
    """What a corpus held when it was read."""

    role: str
    """train, dev or test."""
    corpus: str
    """Its name."""
    hash: str
    """Of its content: see `nmt.corpus.reader.fingerprint`."""


@dataclass(frozen=True)
class Prepared:
    """What training needs of the data: ids to learn from, text to be scored on."""

    tokenizer: Tokenizer
    train: IdCorpus
    dev: list[Pair]
    test: list[Pair]
    hashes: list[CorpusHash]
    """Of all corpora of the recipe, in its order."""


def prepare(config: Config, say: Callable[[str], None] = lambda message: None) -> Prepared:
    """Read, filter and tokenise the corpora of a recipe.

    ``say`` is told each step. Raises CarouselError for whatever is wrong with the corpora.
    """
    data = config.data
    dev = read_all(data.dev, data.source, data.target) if data.dev else []
    test = read_all(data.test, data.source, data.target) if data.test else []
    hashes = _hashes(config)
    read = [corpus.hash for corpus in hashes if corpus.role == "train"]
    corpora = _fingerprint(_FORMAT, data.filter.model_dump(), read)
    tokenizer = _tokenizer(config, corpora, say)
    train = _ids(config, tokenizer, corpora, say)
    if config.training.guided_alignment:
        train.add_links(_links(train, say))
    say(f"Training text: {train.report}")
    return Prepared(tokenizer, train, dev, test, hashes)


def read_all(spec: CorpusSpec, source: str, target: str) -> list[Pair]:
    """A dev or test corpus as it stands, in memory. Raises CarouselError when a side is blank."""
    pairs = list(read_pairs(spec, source, target))
    for number, pair in enumerate(pairs, start=1):
        if not all(map(normalise, pair)):
            raise CarouselError(f"{describe(spec)}, pair {number}: one side is blank; remove the pair")
    return pairs


def learn_to_align(corpus: IdCorpus) -> Aligner:
    """An aligner that has learned from the training pairs."""
    rows = learned_rows(corpus.source_lengths, corpus.target_lengths)
    return Aligner(corpus.sources(rows), corpus.targets(rows))


def cache_directory() -> Path:
    """Where prepared corpora are kept between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "carousel"


def _hashes(config: Config) -> list[CorpusHash]:
    data = config.data
    roles = [*(("train", spec) for spec in data.train), ("dev", data.dev), ("test", data.test)]
    return [
        CorpusHash(role, describe(spec), fingerprint(spec, data.source, data.target)) for role, spec in roles if spec
    ]


def _tokenizer(config: Config, corpora: str, say: Callable[[str], None]) -> Tokenizer:
    languages = (config.data.source, config.data.target)
    settings = config.tokenizer.model_dump()
    directory = cache_directory() / f"tokenizer-{_fingerprint(corpora, settings, tokenizers.RESERVED)}"
    if not directory.exists():
        _check(config)
        say(f"Training a {config.tokenizer.kind} tokenizer of {config.tokenizer.vocab_size:,} pieces")
        trained = tokenizers.train(lambda: _training_pairs(config, FilterReport()), config.tokenizer, languages)
        with atomic_directory(directory) as folder:
            for name, content in trained.files().items():
                (folder / name).write_bytes(content)
    return Tokenizer.from_files(directory, separate=not config.tokenizer.shared)


def _check(config: Config) -> None:
    """Read the training text once for its mistakes alone, before minutes are spent on it."""
    for spec in config.data.train:
        for _ in read_pairs(spec, config.data.source, config.data.target):
            pass


def _ids(config: Config, tokenizer: Tokenizer, corpora: str, say: Callable[[str], None]) -> IdCorpus:
    models = [hashlib.sha256(content).hexdigest() for content in tokenizer.files().values()]
    key = _fingerprint(corpora, models)
    folder = cache_directory() / f"ids-{key}"
    if not folder.exists():
        say("Encoding the training text")
        with atomic_directory(folder) as temporary:
            _write_ids(config, tokenizer, temporary)
    return IdCorpus(folder, key)


def _write_ids(config: Config, tokenizer: Tokenizer, folder: Path) -> None:
    report = FilterReport()
    ragged.write(folder / _IDS, _encoded_chunks(config, tokenizer, report))
    if not report.kept:
        raise CarouselError(f"{describe(config.data.train[0])}: no training pair is left: {report}; relax data.filter")
    (folder / _REPORT).write_text(json.dumps(asdict(report)), encoding="utf-8")


def _encoded_chunks(config: Config, tokenizer: Tokenizer, report: FilterReport) -> Iterator[tuple[Lists, Lists]]:
    for chunk in _chunks(_training_pairs(config, report)):
        sources, targets = _encode(chunk, tokenizer, config.data.filter.max_pieces)
        dropped = len(chunk) - len(sources)
        report.too_long, report.kept = report.too_long + dropped, report.kept - dropped
        yield sources, targets


def _encode(chunk: Sequence[Pair], tokenizer: Tokenizer, longest: int) -> tuple[list[list[int]], list[list[int]]]:
    """Source and target ids of the pairs of which neither side has more than ``longest`` pieces."""
    sources = tokenizer.source.encode_many([source for source, _ in chunk])
    targets = tokenizer.target.encode_many([target for _, target in chunk])
    fitting = [i for i, sides in enumerate(zip(sources, targets, strict=True)) if max(map(len, sides)) <= longest]
    return [sources[i] for i in fitting], [targets[i] for i in fitting]


def _training_pairs(config: Config, report: FilterReport) -> Iterator[Pair]:
    data = config.data
    corpora = (read_pairs(spec, data.source, data.target) for spec in data.train)
    return filter_pairs(itertools.chain.from_iterable(corpora), data.filter, report)


def _chunks(pairs: Iterator[Pair]) -> Iterator[Sequence[Pair]]:
    while chunk := list(itertools.islice(pairs, _CHUNK)):
        yield chunk


def _links(corpus: IdCorpus, say: Callable[[str], None]) -> Path:
    folder = cache_directory() / f"links-{_fingerprint(_ALIGNER, corpus.fingerprint)}"
    if not folder.exists():
        say("Aligning the training text")
        aligner = learn_to_align(corpus)
        with atomic_directory(folder) as temporary:
            chunks = (range(start, min(start + _CHUNK, len(corpus))) for start in range(0, len(corpus), _CHUNK))
            aligned = (aligner.align(corpus.sources(rows), corpus.targets(rows)) for rows in chunks)
            ragged.write(temporary / _LINKS, aligned)
    return folder


def _damaged(folder: Path) -> CarouselError:
    return CarouselError(f"{folder}: the prepared corpus is damaged; delete this folder")


def _fingerprint(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
