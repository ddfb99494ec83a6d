"""Reader for parallel corpora: yields one sentence pair at a time.

A corpus is a pair of plain files named by a prefix (``PREFIX.en``, ``PREFIX.fr``) or one by one, a ``.tsv`` file with
two columns, a ``.jsonl`` file with one key per language, a data set that `datasets.load_dataset` loads, or a synthetic
task. Error messages name the file and line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.config.data import CorpusSpec, FilePair, HubDataset, SyntheticCorpus
from nmt.corpus import synthetic_tasks
from nmt.corpus.text_files import decode_json_lines, hash_file, list_fields, open_file, read_lines, record_fields
from nmt.utils.errors import CarouselError, missing_extra

TextPair = tuple[str, str]
"""A source text and its translation."""


def read_pairs(spec: CorpusSpec, source: str, target: str) -> Iterator[TextPair]:
    """Yield the pairs of a corpus in order, neither filtered nor normalised.

    ``source`` and ``target`` are language codes, which are also file suffixes and column names. Raises CarouselError if
    the corpus is empty or malformed.
    """
    empty = True
    for pair in _pairs(spec, source, target):
        empty = False
        yield pair
    if empty:
        raise CarouselError(f"{describe_corpus(spec)}: contains no sentence pair; name a corpus with text")


def read_parallel_files(source: Path, target: Path) -> Iterator[TextPair]:
    """Yield the pairs of two plain files whose lines correspond. Raises CarouselError if their lengths differ."""
    sources, targets = read_lines(source), read_lines(target)
    number = 0
    for number, text in enumerate(sources, start=1):
        translation = next(targets, None)
        if translation is None and number == 1:
            raise _empty_error(target)
        if translation is None:
            raise _length_mismatch(source, number + sum(1 for _ in sources), target, number - 1)
        yield text, translation
    if number == 0:
        raise _empty_error(source)
    surplus = sum(1 for _ in targets)
    if surplus:
        raise _length_mismatch(source, number, target, number + surplus)


def describe_corpus(spec: CorpusSpec) -> str:
    """Return a short name of a corpus for messages."""
    if isinstance(spec, FilePair):
        return f"{spec.source} + {spec.target}"
    if isinstance(spec, SyntheticCorpus):
        return f"{spec.task}, lengths {spec.shortest} to {spec.longest}, seed {spec.seed}"
    if isinstance(spec, str):
        return spec
    return f"{spec.dataset}{f'/{spec.name}' if spec.name else ''}[{spec.split}]"


def corpus_files(spec: CorpusSpec, source: str, target: str) -> list[Path]:
    """Return the local files of a corpus: none for a synthetic task or a data set of the hub."""
    if isinstance(spec, SyntheticCorpus):
        return []
    if isinstance(spec, HubDataset):
        files = spec.data_files or []
        return [Path(f) for f in ([files] if isinstance(files, str) else files)]
    if isinstance(spec, FilePair):
        return [Path(spec.source), Path(spec.target)]
    if spec.endswith((".tsv", ".jsonl")):
        return [Path(spec)]
    return [Path(f"{spec}.{source}"), Path(f"{spec}.{target}")]


def corpus_fingerprint(spec: CorpusSpec, source: str, target: str) -> str:
    """Return a hash of the content of a corpus; for a data set of the hub, a hash of its name and version."""
    digest = hashlib.sha256(f"{source} {target}".encode())
    if isinstance(spec, HubDataset):
        digest.update(spec.model_dump_json(exclude={"data_files", "streaming"}).encode())
        if not spec.data_files:
            digest.update(_dataset_version(spec).encode())
    if isinstance(spec, SyntheticCorpus):
        for pair in _pairs(spec, source, target):
            digest.update("\t".join(pair).encode() + b"\n")
    for path in corpus_files(spec, source, target):
        digest.update(hash_file(path))
    return digest.hexdigest()


def _pairs(spec: CorpusSpec, source: str, target: str) -> Iterator[TextPair]:
    if isinstance(spec, HubDataset):
        return _dataset_pairs(spec, source, target)
    if isinstance(spec, SyntheticCorpus):
        return synthetic_tasks.generate_pairs(spec.task, spec.pairs, spec.shortest, spec.longest, spec.seed)
    files = corpus_files(spec, source, target)
    if isinstance(spec, str) and spec.endswith(".tsv"):
        return _tsv_pairs(files[0])
    if isinstance(spec, str) and spec.endswith(".jsonl"):
        return _jsonl_pairs(files[0], source, target)
    return read_parallel_files(*files)


def _empty_error(path: Path) -> CarouselError:
    return CarouselError(f"{path}: file is empty; name a corpus with text")


def _length_mismatch(source_path: Path, sources: int, target_path: Path, targets: int) -> CarouselError:
    return CarouselError(
        f"{source_path}: {sources:,} lines, but {target_path} has {targets:,}; "
        "make line N of one file the translation of line N of the other"
    )


def _tsv_pairs(path: Path) -> Iterator[TextPair]:
    for number, line in enumerate(read_lines(path), start=1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise CarouselError(f"{path}:{number}: {len(columns)} columns; write source, one tab, target on each line")
        yield columns[0], columns[1]


def _jsonl_pairs(path: Path, source: str, target: str) -> Iterator[TextPair]:
    with open_file(path) as file:
        for where, record in decode_json_lines(file, str(path), source):
            yield _record_pair(record, source, target, where)


def _dataset_pairs(spec: HubDataset, source: str, target: str) -> Iterator[TextPair]:
    options = spec.model_dump(include={"data_files", "split", "revision", "streaming"})
    with _datasets_library(spec) as datasets:
        rows = datasets.load_dataset(spec.dataset, spec.name, **options)
        for number, row in enumerate(rows, start=1):
            yield _record_pair(row, source, target, f"{describe_corpus(spec)}:{number}")


def _dataset_version(spec: HubDataset) -> str:
    """Return the hub commit of a data set, or a hash of the files of a local folder."""
    with _datasets_library(spec) as datasets:
        return str(datasets.load_dataset_builder(spec.dataset, spec.name, revision=spec.revision).hash)


@contextmanager
def _datasets_library(spec: HubDataset) -> Iterator[Any]:
    """Import `datasets`, and turn the errors that it raises in the block into CarouselError."""
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


def _record_pair(record: Any, source: str, target: str, where: str) -> TextPair:
    fields = record_fields(record)
    for language in (source, target):
        if language not in fields or not isinstance(fields[language], str | None):
            raise CarouselError(
                f"{where}: no text in field '{language}' (found: {list_fields(record)}); "
                f"name the fields {source} and {target}"
            )
    # Data sets represent empty table cells as None.
    return fields[source] or "", fields[target] or ""
