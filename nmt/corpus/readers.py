"""Parallel text on disk, one sentence pair at a time; every complaint names file and line.

Five forms: a prefix of two plain files (``PREFIX.en``, ``PREFIX.fr``), two files by name, a ``.tsv`` file with two
columns, a ``.jsonl`` file with a key per language, and whatever `datasets.load_dataset` loads. A line ends at a line
feed alone. The tasks of the laboratory, which lie on no disk, come the same way.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from nmt.config.schema import CorpusSpec, FilePair, HubDataset, TaskCorpus
from nmt.corpus import synthetic_tasks as tasks
from nmt.utils.errors import CarouselError, missing_extra

Pair = tuple[str, str]

MAX_LINE_CHARACTERS = 50_000
"""A longer line is no sentence but a file without line ends."""

_MAX_LINE_BYTES = 4 * MAX_LINE_CHARACTERS + 3  # no line of so many characters has as many bytes, its end included


def read_pairs(spec: CorpusSpec, source: str, target: str) -> Iterator[Pair]:
    """The pairs of a corpus, as they stand in it.

    ``source`` and ``target`` are the language codes, which are also file endings and column names.
    Raises CarouselError naming the file and line, and when the corpus holds no pair.
    """
    empty = True
    for pair in _pairs(spec, source, target):
        empty = False
        yield pair
    if empty:
        raise CarouselError(f"{describe(spec)}: holds no sentence pair; name a corpus with text in it")


def describe(spec: CorpusSpec) -> str:
    """The corpus's name for messages."""
    if isinstance(spec, FilePair):
        return f"{spec.source} + {spec.target}"
    if isinstance(spec, TaskCorpus):
        return f"{spec.task}, lengths {spec.shortest} to {spec.longest}, seed {spec.seed}"
    if isinstance(spec, str):
        return spec
    return f"{spec.dataset}{f'/{spec.name}' if spec.name else ''}[{spec.split}]"


def corpus_files(spec: CorpusSpec, source: str, target: str) -> list[Path]:
    """The files that a corpus is read from; none for a task, or a data set of the hub."""
    if isinstance(spec, TaskCorpus):
        return []
    if isinstance(spec, HubDataset):
        files = spec.data_files or []
        return [Path(f) for f in ([files] if isinstance(files, str) else files)]
    if isinstance(spec, FilePair):
        return [Path(spec.source), Path(spec.target)]
    if spec.endswith((".tsv", ".jsonl")):
        return [Path(spec)]
    return [Path(f"{spec}.{source}"), Path(f"{spec}.{target}")]


def fingerprint(spec: CorpusSpec, source: str, target: str) -> str:
    """A hash of the corpus's content; of a data set's address and version where it is more than local files."""
    digest = hashlib.sha256(f"{source} {target}".encode())
    if isinstance(spec, HubDataset):
        digest.update(spec.model_dump_json(exclude={"data_files", "streaming"}).encode())
        if not spec.data_files:
            digest.update(_data_set_version(spec).encode())
    if isinstance(spec, TaskCorpus):
        for pair in _pairs(spec, source, target):
            digest.update("\t".join(pair).encode() + b"\n")
    for path in corpus_files(spec, source, target):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise CarouselError(f"{path}: is no plain file, and has to be read several times; write the text to one")
        with _open(path) as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def read_lines(path: Path) -> Iterator[str]:
    """The sentences of a UTF-8 file, a line each; the last line need not end in a line feed.

    Raises CarouselError naming a line that is not UTF-8, holds a NUL, or is too long for a sentence.
    """
    with _open(path) as file:
        for number, line in enumerate(decode_lines(_bounded(file, path), str(path)), start=1):
            if "\0" in line:
                raise _nul(path, number)
            if len(line) > MAX_LINE_CHARACTERS:
                raise _too_long(path, number, f"{len(line):,}")
            yield line


def _bounded(file: IO[bytes], path: Path) -> Iterator[bytes]:
    """The lines of a file as long as they may be: what a lost write left, or no text at all, may be one huge line."""
    for number in itertools.count(1):
        raw = file.readline(_MAX_LINE_BYTES)
        if not raw:
            return
        if len(raw) == _MAX_LINE_BYTES:
            raise _nul(path, number) if b"\0" in raw else _too_long(path, number, f"more than {MAX_LINE_CHARACTERS:,}")
        yield raw


def _nul(path: Path, number: int) -> CarouselError:
    return CarouselError(f"{path}, line {number}: holds a NUL character; remove it (is this a text file?)")


def _too_long(path: Path, number: int, characters: str) -> CarouselError:
    return CarouselError(
        f"{path}, line {number}: {characters} characters; a line holds one sentence, at most {MAX_LINE_CHARACTERS:,} "
        "characters, and ends in a line feed: split or remove it"
    )


def decode_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """The lines of a UTF-8 stream, whatever they hold, without a byte order mark; ``name`` is for messages."""
    for number, raw in enumerate(stream, start=1):
        try:  # only the first line may begin with a byte order mark
            yield raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            byte = error.object[error.start]
            raise CarouselError(
                f"{name}, line {number}: byte {error.start + 1} (0x{byte:02x}) is not UTF-8; convert the text to UTF-8"
            ) from None


def decode_records(stream: IO[bytes], name: str, key: str) -> Iterator[tuple[str, Any]]:
    """What JSON a stream holds, a line each, and where it stands; messages show an object with such a ``key``."""
    for number, line in enumerate(decode_lines(stream, name), start=1):
        where = f"{name}, line {number}"
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            raise CarouselError(f'{where}: not JSON; a line holds an object such as {{"{key}": …}}') from None
        yield where, record


def read_pairs_of_files(source: Path, target: Path) -> Iterator[Pair]:
    """The pairs of two plain files, as they stand in them."""
    return _plain_pairs(source, target)


# --- the five forms --------------------------------------------------------------------------------------


def _pairs(spec: CorpusSpec, source: str, target: str) -> Iterator[Pair]:
    if isinstance(spec, HubDataset):
        return _dataset_pairs(spec, source, target)
    if isinstance(spec, FilePair):
        return _plain_pairs(Path(spec.source), Path(spec.target))
    if isinstance(spec, TaskCorpus):
        return tasks.pairs(spec.task, spec.pairs, spec.shortest, spec.longest, spec.seed)
    if spec.endswith(".tsv"):
        return _tsv_pairs(Path(spec))
    if spec.endswith(".jsonl"):
        return _jsonl_pairs(Path(spec), source, target)
    return _plain_pairs(*corpus_files(spec, source, target))


def _plain_pairs(source_path: Path, target_path: Path) -> Iterator[Pair]:
    sources, targets = read_lines(source_path), read_lines(target_path)
    number = 0
    for number, source in enumerate(sources, start=1):
        target = next(targets, None)
        if target is None and number == 1:
            raise _empty(target_path)
        if target is None:
            raise _unequal(source_path, number + sum(1 for _ in sources), target_path, number - 1)
        yield source, target
    if number == 0:
        raise _empty(source_path)
    surplus = sum(1 for _ in targets)
    if surplus:
        raise _unequal(source_path, number, target_path, number + surplus)


def _empty(path: Path) -> CarouselError:
    return CarouselError(f"{path}: is empty; name a corpus with text in it")


def _unequal(source_path: Path, sources: int, target_path: Path, targets: int) -> CarouselError:
    return CarouselError(
        f"{source_path} has {sources:,} lines but {target_path} has {targets:,}; "
        "line N of one must translate line N of the other"
    )


def _tsv_pairs(path: Path) -> Iterator[Pair]:
    for number, line in enumerate(read_lines(path), start=1):
        columns = line.split("\t")
        if len(columns) != 2:
            raise CarouselError(f"{path}, line {number}: {len(columns)} columns; a line holds source, one tab, target")
        yield columns[0], columns[1]


def _jsonl_pairs(path: Path, source: str, target: str) -> Iterator[Pair]:
    with _open(path) as file:
        for where, record in decode_records(file, str(path), source):
            yield _pair_of(record, source, target, where)


def _dataset_pairs(spec: HubDataset, source: str, target: str) -> Iterator[Pair]:
    datasets = _library(spec)
    try:
        rows = iter(
            datasets.load_dataset(
                spec.dataset,
                spec.name,
                data_files=spec.data_files,
                split=spec.split,
                revision=spec.revision,
                streaming=spec.streaming,
            )
        )
    except Exception as error:  # the library raises many kinds, each for something that the user named
        raise _data_set_error(spec, error) from None
    for number in itertools.count(1):
        try:
            row = next(rows)
        except StopIteration:
            return
        except Exception as error:  # a damaged file, or a network that went away
            raise _data_set_error(spec, error) from None
        yield _pair_of(row, source, target, f"{describe(spec)}, row {number}")


def _data_set_version(spec: HubDataset) -> str:
    """The commit of the hub that is read, or a hash of a local folder's files."""
    datasets = _library(spec)
    try:
        builder = datasets.load_dataset_builder(spec.dataset, spec.name, revision=spec.revision)
    except Exception as error:  # as in `_dataset_pairs`
        raise _data_set_error(spec, error) from None
    return str(builder.hash)


def _library(spec: HubDataset) -> Any:
    try:
        import datasets
    except ModuleNotFoundError:
        raise missing_extra("train", f"the data set {spec.dataset}") from None
    return datasets


def _data_set_error(spec: HubDataset, error: BaseException) -> CarouselError:
    while error.__cause__ is not None:  # the first cause says most
        error = error.__cause__
    reason = str(error).strip().splitlines() or [type(error).__name__]
    return CarouselError(f"data set {describe(spec)}: {reason[0]}; check dataset, name, split and data_files")


def _pair_of(record: Any, source: str, target: str, where: str) -> Pair:
    if isinstance(record, dict) and isinstance(record.get("translation"), dict):
        record = record["translation"]
    sides = []
    for language in (source, target):
        side = record.get(language) if isinstance(record, dict) else None
        if side is None and isinstance(record, dict) and language in record:
            side = ""  # so do data sets have the empty cells of a table
        if not isinstance(side, str):
            found = ", ".join(map(str, record)) if isinstance(record, dict) else type(record).__name__
            raise CarouselError(
                f"{where}: no text under '{language}' (found: {found}); name the keys {source}, {target}"
            )
        sides.append(side)
    return sides[0], sides[1]


def _open(path: Path) -> Any:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise CarouselError(f"{path}: no such file; check the path") from None
    except OSError as error:
        raise CarouselError(f"{path}: can't be read ({error.strerror}); check the path") from None
