"""Tolerant reading of a parallel corpus: malformed lines become problems of the pair instead of errors."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nmt.config.data import CorpusSpec, FilePair, TableFile
from nmt.corpus.compressed_files import content_suffix
from nmt.corpus.field_names import find_language_fields, language_of_name
from nmt.corpus.parallel_corpus import corpus_files, describe_corpus, read_pairs
from nmt.corpus.table_files import TABLE_SUFFIXES, TableRow, read_table
from nmt.corpus.text_files import MAX_LINE_CHARACTERS, open_file
from nmt.corpus.xml_corpora import XML_SUFFIXES, read_xml_pairs
from nmt.text.language_identification import LanguageDetector
from nmt.utils.errors import CarouselError

_UNDECODABLE = re.compile("[\udc80-\udcff]")
_SAMPLE_ROWS = 400
_MIN_LETTERS = 2.0  # average number of letters per cell of a column of text


@dataclass(slots=True)
class RawPair:
    """A sentence pair as it is stored."""

    line: int
    """Number of its line or record, counted from 1."""
    source: str
    target: str
    problem: str | None = None
    """Kind of the problem that makes the line malformed; see `nmt.corpus.checking.problems`."""


@dataclass
class RawCorpus:
    """A corpus with its malformed lines."""

    name: str
    source: str
    """Code of the source language."""
    target: str
    """Code of the target language."""
    pairs: list[RawPair] = field(default_factory=list)


def read_raw_corpus(spec: CorpusSpec, source: str | None, target: str | None) -> RawCorpus:
    """Read a corpus; languages that are None, and the columns of a table, are guessed from names and text.

    Raises CarouselError if a file cannot be read at all or its languages cannot be identified.
    """
    suffix = content_suffix(Path(spec)) if isinstance(spec, str) else ""
    if isinstance(spec, TableFile) or suffix in TABLE_SUFFIXES:
        return _read_table(spec, source, target)
    if isinstance(spec, FilePair):
        source = source or _suffix_language(spec.source)
        target = target or _suffix_language(spec.target)
        return _read_lines([Path(spec.source), Path(spec.target)], describe_corpus(spec), source, target)
    if source is None or target is None:
        raise CarouselError(f"{describe_corpus(spec)}: languages are not known; name them with --from and --to")
    corpus = RawCorpus(describe_corpus(spec), source, target)
    if suffix in XML_SUFFIXES:
        corpus.pairs = [RawPair(*pair) for pair in read_xml_pairs(Path(str(spec)), source, target)]
    elif isinstance(spec, str) and suffix not in {".json", ".jsonl"}:
        return _read_lines(corpus_files(spec, source, target), corpus.name, source, target)
    else:
        pairs = read_pairs(spec, source, target)
        corpus.pairs = [RawPair(number, *pair) for number, pair in enumerate(pairs, start=1)]
    return corpus


def _read_lines(paths: Sequence[Path], name: str, source: str | None, target: str | None) -> RawCorpus:
    sides = [_decode_leniently(path) for path in paths]
    pairs = list[RawPair]()
    for number, (text, translation) in enumerate(itertools.zip_longest(*sides), start=1):
        problem = "unpaired" if text is None or translation is None else None
        pairs.append(RawPair(number, text or "", translation or "", problem))
    source = source or _identify((pair.source for pair in pairs), name)
    target = target or _identify((pair.target for pair in pairs), name)
    return RawCorpus(name, source, target, _mark_undecodable(pairs))


def _read_table(spec: CorpusSpec, source: str | None, target: str | None) -> RawCorpus:
    path = Path(spec.table if isinstance(spec, TableFile) else str(spec))
    rows = list(read_table(_decode_leniently(path), content_suffix(path)))
    if not rows:
        raise CarouselError(f"{path}: contains no sentence pair; name a corpus with text")
    columns, languages, has_header = _choose_columns(spec, rows, source, target, str(path))
    width = max(_lengths(rows), key=_lengths(rows).count)
    corpus = RawCorpus(str(path), *languages)
    for row in rows[has_header:]:
        cells = [row.cells[column] if column < len(row.cells) else "" for column in columns]
        problem = "quotes" if row.is_unclosed else "columns" if len(row.cells) != width else None
        corpus.pairs.append(RawPair(row.line, cells[0], cells[1], problem))
    _mark_undecodable(corpus.pairs)
    return corpus


def _choose_columns(
    spec: CorpusSpec, rows: list[TableRow], source: str | None, target: str | None, name: str
) -> tuple[tuple[int, int], tuple[str, str], bool]:
    """Return the indices of the two columns, their languages, and whether the first row is a header."""
    header = rows[0].cells
    sample = rows[1 : _SAMPLE_ROWS + 1] or rows

    def column_language(column: int) -> str:
        return _identify((row.cells[column] for row in sample if column < len(row.cells)), name)

    if isinstance(spec, TableFile):
        first, second = (header.index(each) if isinstance(each, str) else each - 1 for each in spec.columns)
        return (first, second), (source or column_language(first), target or column_language(second)), spec.header
    named = find_language_fields(header, source or "", target or "")
    if named:
        languages = [source or language_of_name(header[named[0]]), target or language_of_name(header[named[1]])]
        return named, (languages[0] or column_language(named[0]), languages[1] or column_language(named[1])), True
    texts = [column for column in range(len(header)) if _is_text_column(sample, column)]
    found = {column: column_language(column) for column in texts}
    by_language = {language: column for column, language in reversed(found.items())}
    has_header = sum(language_of_name(cell) is not None for cell in header) >= 2
    if source in by_language and target in by_language and source and target:
        return (by_language[source], by_language[target]), (source, target), has_header
    if len(texts) < 2:
        raise CarouselError(f"{name}: fewer than two columns contain text; check the file")
    chosen = next(((a, b) for a, b in itertools.combinations(texts, 2) if found[a] != found[b]), (texts[0], texts[1]))
    return chosen, (source or found[chosen[0]], target or found[chosen[1]]), has_header


def _is_text_column(rows: list[TableRow], column: int) -> bool:
    cells = [row.cells[column] for row in rows if column < len(row.cells)]
    letters = sum(sum(map(str.isalpha, cell)) for cell in cells)
    return letters >= _MIN_LETTERS * max(len(cells), 1) and len(set(cells)) > len(cells) // 3


def _identify(texts: Iterator[str], name: str) -> str:
    sample = " ".join(itertools.islice((text for text in texts if text.strip()), _SAMPLE_ROWS))
    ranking = LanguageDetector([]).rank(sample)
    if not ranking:
        raise CarouselError(f"{name}: the languages can't be identified; name them with --from and --to")
    return ranking[0].language


def _suffix_language(path: str) -> str | None:
    names = Path(path).name.split(".")[1:]
    return next((code for name in reversed(names) if (code := language_of_name(name))), None)


def _lengths(rows: list[TableRow]) -> list[int]:
    return [len(row.cells) for row in rows[: 10 * _SAMPLE_ROWS]]


def _decode_leniently(path: Path) -> Iterator[str]:
    """Yield the lines of a file; bytes that are not UTF-8 become lone surrogates."""
    with open_file(path) as file:
        for number, raw in enumerate(file, start=1):
            text = raw.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "surrogateescape")
            text = text.removeprefix("\ufeff") if number == 1 else text
            yield text[: MAX_LINE_CHARACTERS + 1]


def _mark_undecodable(pairs: list[RawPair]) -> list[RawPair]:
    for pair in pairs:
        if _UNDECODABLE.search(pair.source) or _UNDECODABLE.search(pair.target):
            pair.problem = "encoding"
            pair.source, pair.target = (
                text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
                for text in (pair.source, pair.target)
            )
    return pairs
