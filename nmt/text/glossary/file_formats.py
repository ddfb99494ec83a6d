"""Readers for files of terms: TSV, CSV and TBX (TermBase eXchange, ISO 30042)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from nmt.text.glossary.tbx import parse_tbx
from nmt.text.glossary.term_entry import TermEntry, TermFileError
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError, invalid_utf8_line

TERM_SUFFIXES = (".tsv", ".csv", ".tbx")
"""Suffixes of the files that `read_terms` reads."""


def read_terms(path: Path, source_language: str, target_language: str) -> list[tuple[str, str]]:
    """Return the pairs of source term and translation in a file whose name ends in .tsv, .csv or .tbx.

    The languages choose the terms of a TBX file, where a language without region stands for all its regional variants.
    Files of the other formats have the source term in the first column and its translation in the second.

    Raises:
        CarouselError: The file cannot be read or is invalid; the message contains its name and the line number.
    """
    suffix = path.suffix.lower()
    if suffix not in TERM_SUFFIXES:
        raise CarouselError(f"{path}: unknown format of a glossary; name a file that ends in .tsv, .csv or .tbx")
    try:
        content = path.read_bytes()
        if suffix == ".tbx":
            entries = parse_tbx(content, source_language, target_language)
        else:
            entries = parse_rows(content.decode("utf-8-sig"), "csv" if suffix == ".csv" else "tsv")
        pairs = _check_entries(entries)
    except OSError as error:
        raise CarouselError(f"{path}: cannot be read ({error.strerror}); check its name and permissions") from None
    except UnicodeDecodeError as error:
        line = invalid_utf8_line(error)
        raise CarouselError(f"{path}:{line}: invalid UTF-8; re-encode the file as UTF-8") from None
    except TermFileError as error:
        raise CarouselError(f"{path}:{error.line}: {error}") from None
    if not pairs:
        languages = f"from {source_language} into {target_language}"
        raise CarouselError(f"{path}: contains no terms {languages}; name another file")
    return pairs


def parse_rows(text: str, format_: Literal["tsv", "csv"]) -> list[TermEntry]:
    """Parse one entry per line, with the source term first and its translation second; empty lines are ignored.

    CSV follows RFC 4180; columns after the second, such as languages, are ignored. TSV has no quoting.

    Raises:
        TermFileError: A line is invalid.
    """
    file = io.StringIO(text.removeprefix("\ufeff"), newline="")
    is_csv = format_ == "csv"
    rows = csv.reader(file, strict=True) if is_csv else csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    entries: list[TermEntry] = []
    try:
        for row in rows:
            if len(row) == 1 or (len(row) > 2 and not is_csv):
                separator = "comma" if is_csv else "tab"
                raise TermFileError(rows.line_num, f"must be two terms with a {separator} between them")
            if row:
                entries.append(TermEntry(rows.line_num, row[0], row[1]))
    except csv.Error:
        raise TermFileError(rows.line_num, f"not valid {format_.upper()}") from None
    return entries


def _check_entries(entries: Sequence[TermEntry]) -> list[tuple[str, str]]:
    """Return the pairs of terms; raise TermFileError for an empty term or a second translation of the same term."""
    translations: dict[str, str] = {}
    for entry in entries:
        source, target = normalise(entry.source), normalise(entry.target)
        if not source or not target:
            raise TermFileError(entry.line, "a term is empty; write a term on both sides or remove the entry")
        if translations.setdefault(source, target) != target:
            raise TermFileError(entry.line, f"{source[:40]!r} already has another translation; remove one of the two")
    return list(translations.items())
