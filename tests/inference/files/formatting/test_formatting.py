"""Formatting of documents with the content of real ones, made by the libraries of the formats and by LibreOffice.

If the translation keeps the order of the words, every element and the formatting of every word must be kept. If it
reverses the words of each sentence, at least 99% of the elements and kinds of formatting must be kept, and in the
documents of the libraries also of the formatting of the words. In the others, and in EPUB, it changes for some words:
tags keep their order if one is in two sentences, as LibreOffice writes them.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from formatting.formatted_elements import Elements, formatted_elements
from formatting.made_documents import MAKERS, NUM_DOCUMENTS
from pseudo import capitals, reversed_words, run

OFFICE = shutil.which("soffice")
# Suffixes of the documents made by the libraries, and of those that LibreOffice makes from them.
CONVERSIONS = [
    (".docx", ".docx"), (".odt", ".docx"), (".docx", ".odt"), (".odt", ".odt"), (".pptx", ".pptx"), (".pptx", ".odp"),
    (".xlsx", ".xlsx"), (".xlsx", ".ods"), (".odt", ".epub"),
]  # fmt: skip


def check_formatting(path: Path, *, words_keep_it: bool) -> None:
    before = formatted_elements(path)
    missing = before - formatted_elements(run(path, capitals))
    assert not missing, f"{1 - missing.total() / before.total():.2%} of {path.name}: {list(missing)[:5]}"
    after = formatted_elements(run(path, reversed_words))
    if not words_keep_it:
        before, after = kinds_of_formatting(before), kinds_of_formatting(after)
    missing = before - after
    share = 1 - missing.total() / before.total()
    assert share >= 0.99, f"{share:.2%} of {path.name} with reversed words: {list(missing)[:5]}"


def kinds_of_formatting(elements: Elements) -> Elements:
    """Return all elements, and each formatting that words have, once."""
    others = Elements({key: count for key, count in elements.items() if key[1] != "word"})
    return others + Elements({(key[0], key[3]) for key in elements if key[1] == "word"})


@pytest.mark.parametrize("suffix", MAKERS)
def test_formatting_of_documents_made_by_libraries(suffix: str, tmp_path: Path) -> None:
    for number in range(NUM_DOCUMENTS):
        path = tmp_path / f"document{number}{suffix}"
        MAKERS[suffix](path, number)
        check_formatting(path, words_keep_it=suffix != ".epub")


@pytest.mark.slow
@pytest.mark.skipif(OFFICE is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize(("source", "suffix"), CONVERSIONS)
def test_formatting_of_documents_made_by_libreoffice(source: str, suffix: str, tmp_path: Path) -> None:
    paths = [tmp_path / f"document{number}{source}" for number in range(NUM_DOCUMENTS)]
    for number, path in enumerate(paths):
        MAKERS[source](path, number)
    convert(paths, suffix, tmp_path / "made")
    if not (tmp_path / "made").is_dir():
        pytest.skip(f"LibreOffice is installed without the program for {source}")
    made = sorted((tmp_path / "made").iterdir())
    assert len(made) == NUM_DOCUMENTS
    for path in made:
        check_formatting(path, words_keep_it=False)
    if suffix != ".epub":  # which LibreOffice does not read
        convert([run(made[0], capitals)], ".pdf", tmp_path / "opened")
        assert [path.name for path in (tmp_path / "opened").iterdir()] == ["translated.pdf"]


def convert(paths: list[Path], suffix: str, folder: Path) -> None:
    """Convert documents with LibreOffice, which has a profile of its own."""
    profile = f"-env:UserInstallation={(folder.parent / 'profile').as_uri()}"
    command = [str(OFFICE), profile, "--headless", "--convert-to", suffix[1:], "--outdir", str(folder)]
    subprocess.run([*command, *map(str, paths)], check=True, capture_output=True, timeout=200)
