"""Pseudo-translation of files: words in capitals, in order or reversed, with their alignment."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nmt.inference.files.file_translation import translate_file
from nmt.inference.files.format import FileFormat, ReadOptions, find_format
from nmt.inference.translation import Translation

OPTIONS = ReadOptions("en", "fr")


def capitals(segments: Sequence[str]) -> Iterable[Translation]:
    """Translate each word into capitals."""
    for segment in segments:
        yield _join(segment, [match.span() for match in re.finditer(r"\S+", segment)])


def reversed_words(segments: Sequence[str]) -> Iterable[Translation]:
    """Translate each word into capitals and reverse the order of the words."""
    for segment in segments:
        yield _join(segment, [match.span() for match in re.finditer(r"\S+", segment)][::-1])


def _join(segment: str, spans: Sequence[tuple[int, int]]) -> Translation:
    text, alignment = "", []
    for start, end in spans:
        text += " " if text else ""
        alignment.append((start, end, len(text), len(text) + end - start))
        text += segment[start:end].upper()
    return Translation(text, alignment=tuple(alignment))


def unchanged(segments: Sequence[str]) -> Iterable[Translation]:
    """Leave everything as it is."""
    return [Translation(segment, copied=True) for segment in segments]


def run(path: Path, translate=capitals, options: ReadOptions = OPTIONS) -> Path:
    """Translate a file and return the path of the translation."""
    format_ = find_format(path.suffix)
    assert isinstance(format_, FileFormat)
    output = path.with_name(f"translated{format_.output_suffix or path.suffix}")
    translate_file(path, output, format_, options, translate)
    return output


def run_text(tmp_path: Path, suffix: str, text: str, translate=capitals, options: ReadOptions = OPTIONS) -> str:
    """Translate a text as a file and return the translation."""
    path = tmp_path / f"source{suffix}"
    path.write_bytes(text.encode())
    return run(path, translate, options).read_bytes().decode()
