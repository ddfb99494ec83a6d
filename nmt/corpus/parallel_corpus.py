"""Readers for parallel corpora, which yield one sentence pair at a time.

A corpus is a pair of plain files, named by a prefix (``PREFIX.en``, ``PREFIX.fr``) or individually, a table (``.tsv``,
``.csv``), a ``.jsonl`` or ``.json`` file with one key per language, a TMX or XLIFF file, a data set that
`datasets.load_dataset` loads, or a synthetic task. Files may be compressed, with the further suffix ``.gz``, ``.xz`` or
``.zst``. Error messages name the file and line.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nmt.config.data import CorpusSpec, FilePair, HubDataset, SyntheticCorpus, TableFile
from nmt.corpus import synthetic_tasks
from nmt.corpus.compressed_files import COMPRESSED_SUFFIXES, content_suffix
from nmt.corpus.field_names import code_spellings, find_language_fields
from nmt.corpus.table_files import TABLE_SUFFIXES, TableRow, read_table
from nmt.corpus.text_files import decode_json_lines, describe_fields, hash_file, open_file, read_lines, record_fields
from nmt.corpus.xml_corpora import XML_SUFFIXES, read_xml_pairs
from nmt.utils.errors import CarouselError, missing_extra

SINGLE_FILE_SUFFIXES = (*TABLE_SUFFIXES, *XML_SUFFIXES, ".jsonl", ".json")
"""Suffixes of files that contain both languages."""

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
    if isinstance(spec, TableFile):
        return spec.table
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
    if isinstance(spec, TableFile):
        return [Path(spec.table)]
    if content_suffix(Path(spec)) in SINGLE_FILE_SUFFIXES:
        return [Path(spec)]
    return [_find_side(spec, language) for language in (source, target)]


def _find_side(prefix: str, language: str) -> Path:
    """Return the file of one language, whose name may spell the language and the suffix in other ways.

    Raises CarouselError if there is no such file.
    """
    spellings = code_spellings(language)
    names = [f"{prefix}.{code}" for code in spellings]
    names += [f"{prefix}{mark}{code}.txt" for mark in "._-" for code in spellings]
    names += [f"{prefix}.txt.{code}" for code in spellings] + [
        f"{prefix}{mark}{code}" for mark in "_-" for code in spellings
    ]
    for name in names:
        for path in (Path(name + suffix) for suffix in ("", *COMPRESSED_SUFFIXES)):
            if path.exists():
                return path
    raise CarouselError(
        f"{names[0]}: can't be read (No such file or directory); check the path "
        f"(also looked for {', '.join(Path(name).name for name in names[1:4])} and other spellings, "
        f"each also with {', '.join(COMPRESSED_SUFFIXES)})"
    )


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
    if isinstance(spec, TableFile) or suffix in TABLE_SUFFIXES:
        return _read_table_pairs(files[0], spec if isinstance(spec, TableFile) else None, source, target)
    if suffix == ".jsonl":
        return _read_jsonl_pairs(files[0], source, target)
    if suffix == ".json":
        return _read_json_pairs(files[0], source, target)
    if suffix in XML_SUFFIXES:
        return ((pair.source, pair.target) for pair in read_xml_pairs(files[0], source, target))
    return read_parallel_files(*files)


def _read_table_pairs(path: Path, spec: TableFile | None, source: str, target: str) -> Iterator[TextPair]:
    rows = read_table(read_lines(path), content_suffix(path))
    first = next(rows, None)
    if first is None:
        return
    columns, has_header = _choose_columns(path, first, spec, source, target)
    for row in rows if has_header else itertools.chain([first], rows):
        where = f"{path}:{row.line}"
        if row.is_unclosed:
            raise CarouselError(f"{where}: a quotation mark is not closed; close it, or double it inside a cell")
        if len(row.cells) != len(first.cells):
            remedy = f"write {len(first.cells)}, as in line {first.line}, or use nmt data check --fix"
            raise CarouselError(f"{where}: {len(row.cells)} columns; {remedy}")
        yield row.cells[columns[0]], row.cells[columns[1]]


def _choose_columns(
    path: Path, first: TableRow, spec: TableFile | None, source: str, target: str
) -> tuple[tuple[int, int], bool]:
    """Return the indices of the columns with source and target text, and whether the first row is a header."""
    if spec is not None:
        return (_column_index(path, first, spec.columns[0]), _column_index(path, first, spec.columns[1])), spec.header
    if named := find_language_fields(first.cells, source, target):
        return named, True
    if len(first.cells) == 2:
        return (0, 1), False
    remedy = f"name the columns in a header, or write {{table: {path.name}, columns: [1, 2], header: false}}"
    found = "1 column" if len(first.cells) == 1 else f"{len(first.cells)} columns"
    raise CarouselError(f"{path}:{first.line}: {found}, of which none is called {source} or {target}; {remedy}")


def _column_index(path: Path, first: TableRow, column: int | str) -> int:
    """Return the index of a column that a recipe names or numbers."""
    names = [name.strip() for name in first.cells]
    if isinstance(column, str):
        if column not in names:
            raise CarouselError(
                f"{path}:{first.line}: no column {column!r} (found: {', '.join(names)}); name one of these"
            )
        return names.index(column)
    if column > len(names):
        raise CarouselError(f"{path}:{first.line}: no column {column}, but {len(names)} columns; use a lower number")
    return column - 1


def _read_json_pairs(path: Path, source: str, target: str) -> Iterator[TextPair]:
    with open_file(path) as file:
        try:
            content = json.loads(file.read().decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            where = f"{path}:{error.lineno}" if isinstance(error, json.JSONDecodeError) else str(path)
            raise CarouselError(f"{where}: invalid JSON; write a list of objects, one per pair") from None
    if isinstance(content, dict):  # some exports wrap the list, such as {"data": [...]}
        content = next((value for value in content.values() if isinstance(value, list)), None)
    if not isinstance(content, list):
        raise CarouselError(f"{path}: contains no list of pairs; write a list of objects, one per pair")
    for number, record in enumerate(content, start=1):
        where = f"{path}: record {number:,}"
        if isinstance(record, list) and len(record) == 2 and all(isinstance(text, str) for text in record):
            yield record[0], record[1]
        else:
            yield _pair_from_record(record, source, target, where)


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
    names = source, target
    if (source not in fields or target not in fields) and (found := find_language_fields([*fields], source, target)):
        names = [*fields][found[0]], [*fields][found[1]]
    for name in names:
        if name not in fields or not isinstance(fields[name], str | None):
            raise CarouselError(
                f"{where}: no text in field '{name}' (found: {describe_fields(record)}); "
                f"name the fields {source} and {target}"
            )
    # Data sets represent empty table cells as None.
    return fields[names[0]] or "", fields[names[1]] or ""
