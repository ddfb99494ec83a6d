"""Readers for parallel corpora, which yield one sentence pair at a time.

A corpus is a pair of plain files, named by a prefix (``PREFIX.en``, ``PREFIX.fr``) or individually, a ``.tsv`` file
with two columns, a ``.jsonl`` file with one key per language, a data set that `datasets.load_dataset` loads, or a
synthetic task. Files may be compressed, with the further suffix ``.gz``, ``.xz`` or ``.zst``. Error messages name the
file and line.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.config.data import CorpusSpec, FilePair, HubDataset, SyntheticCorpus
from nmt.corpus import synthetic_tasks
from nmt.corpus.compressed_files import COMPRESSED_SUFFIXES, content_suffix
from nmt.corpus.text_files import decode_json_lines, describe_fields, hash_file, open_file, read_lines, record_fields
from nmt.utils.errors import CarouselError, missing_extra

TextPair = tuple[str, str]
"""A source text and its translation."""


def read_pairs(spec: CorpusSpec, source: str, target: str) -> Iterator[TextPair]:
    """Yield the pairs of a corpus in order, without filtering or normalisation.

    ``source`` and ``target`` are the language codes, which serve as file suffixes and field names. Raises CarouselError
    if the corpus is empty or malformed.
    """
    empty = True
    for pair in _read_pairs_unchecked(spec, source, target):
        empty = False
        yield pair
    if empty:
        raise CarouselError(f"{describe_corpus(spec)}: contains no sentence pair; name a corpus with text")


def read_parallel_files(source: Path, target: Path) -> Iterator[TextPair]:
    """Yield the pairs of lines of two plain files. Raises CarouselError if the numbers of lines differ."""
    sources = targets = 0
    for text, translation in itertools.zip_longest(read_lines(source), read_lines(target)):
        sources, targets = sources + (text is not None), targets + (translation is not None)
        if text is not None and translation is not None:
            yield text, translation
    for path, lines in ((source, sources), (target, targets)):
        if not lines:
            raise CarouselError(f"{path}: file is empty; name a corpus with text")
    if sources != targets:
        remedy = "make line N of one file the translation of line N of the other"
        raise CarouselError(f"{source}: {sources:,} lines, but {target} has {targets:,}; {remedy}")


def describe_corpus(spec: CorpusSpec) -> str:
    """Return a short description of a corpus for messages."""
    if isinstance(spec, FilePair):
        return f"{spec.source} + {spec.target}"
    if isinstance(spec, SyntheticCorpus):
        return f"{spec.task}, lengths {spec.shortest} to {spec.longest}, seed {spec.seed}"
    if isinstance(spec, str):
        return spec
    return f"{spec.dataset}{f'/{spec.name}' if spec.name else ''}[{spec.split}]"


def corpus_files(spec: CorpusSpec, source: str, target: str) -> list[Path]:
    """Return the local files of a corpus, of which a synthetic task or a data set from the hub has none."""
    if isinstance(spec, SyntheticCorpus):
        return []
    if isinstance(spec, HubDataset):
        files = spec.data_files or []
        return [Path(f) for f in ([files] if isinstance(files, str) else files)]
    if isinstance(spec, FilePair):
        return [Path(spec.source), Path(spec.target)]
    if content_suffix(Path(spec)) in {".tsv", ".jsonl"}:
        return [Path(spec)]
    return [_find_compressed(Path(f"{spec}.{language}")) for language in (source, target)]


def _find_compressed(path: Path) -> Path:
    """Return the path, or that of the compressed file if only this exists."""
    compressed = (path.with_name(path.name + suffix) for suffix in COMPRESSED_SUFFIXES)
    return path if path.exists() else next(filter(Path.exists, compressed), path)


def corpus_fingerprint(spec: CorpusSpec, source: str, target: str) -> str:
    """Return a hash of the content of a corpus, or, for a data set from the hub, of its name and version."""
    digest = hashlib.sha256(f"{source} {target}".encode())
    if isinstance(spec, HubDataset):
        digest.update(spec.model_dump_json(exclude={"data_files", "streaming"}).encode())
        if not spec.data_files:
            digest.update(_dataset_version(spec).encode())
    if isinstance(spec, SyntheticCorpus):
        for pair in _read_pairs_unchecked(spec, source, target):
            digest.update("\t".join(pair).encode() + b"\n")
    for path in corpus_files(spec, source, target):
        digest.update(hash_file(path))
    return digest.hexdigest()


def _read_pairs_unchecked(spec: CorpusSpec, source: str, target: str) -> Iterator[TextPair]:
    if isinstance(spec, HubDataset):
        return _read_dataset_pairs(spec, source, target)
    if isinstance(spec, SyntheticCorpus):
        return synthetic_tasks.generate_pairs(spec.task, spec.pairs, spec.shortest, spec.longest, spec.seed)
    files = corpus_files(spec, source, target)
    suffix = content_suffix(Path(spec)) if isinstance(spec, str) else ""
    if suffix == ".tsv":
        return _read_tsv_pairs(files[0])
    if suffix == ".jsonl":
        return _read_jsonl_pairs(files[0], source, target)
    return read_parallel_files(*files)


def _read_tsv_pairs(path: Path) -> Iterator[TextPair]:
    for number, line in enumerate(read_lines(path), start=1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise CarouselError(f"{path}:{number}: {len(columns)} columns; write source, one tab, target on each line")
        yield columns[0], columns[1]


def _read_jsonl_pairs(path: Path, source: str, target: str) -> Iterator[TextPair]:
    with open_file(path) as file:
        for where, record in decode_json_lines(file, str(path), source):
            yield _pair_from_record(record, source, target, where)


def _read_dataset_pairs(spec: HubDataset, source: str, target: str) -> Iterator[TextPair]:
    options = spec.model_dump(include={"data_files", "split", "revision", "streaming"})
    with _datasets_library(spec) as datasets:
        rows = datasets.load_dataset(spec.dataset, spec.name, **options)
        for number, row in enumerate(rows, start=1):
            yield _pair_from_record(row, source, target, f"{describe_corpus(spec)}:{number}")


def _dataset_version(spec: HubDataset) -> str:
    """Return the commit of a data set on the hub, or a hash of the files if it is a local folder."""
    with _datasets_library(spec) as datasets:
        return str(datasets.load_dataset_builder(spec.dataset, spec.name, revision=spec.revision).hash)


@contextmanager
def _datasets_library(spec: HubDataset) -> Iterator[Any]:
    """Import the library `datasets`, and convert the exceptions that it raises in the block to CarouselError."""
    try:
        import datasets
    except ModuleNotFoundError:
        raise missing_extra("train", f"the data set {spec.dataset}") from None
    try:
        yield datasets
    except CarouselError:
        raise
    except Exception as error:  # many types, each for a mistake in the recipe, a damaged file or a lost connection
        cause: BaseException = error
        while cause.__cause__ is not None:  # the root cause is the most specific
            cause = cause.__cause__
        reason = str(cause).strip().partition("\n")[0] or type(cause).__name__
        remedy = "check dataset, name, split and data_files"
        raise CarouselError(f"data set {describe_corpus(spec)}: {reason}; {remedy}") from None


def _pair_from_record(record: Any, source: str, target: str, where: str) -> TextPair:
    fields = record_fields(record)
    for language in (source, target):
        if language not in fields or not isinstance(fields[language], str | None):
            raise CarouselError(
                f"{where}: no text in field '{language}' (found: {describe_fields(record)}); "
                f"name the fields {source} and {target}"
            )
    # Data sets represent empty table cells as None.
    return fields[source] or "", fields[target] or ""
