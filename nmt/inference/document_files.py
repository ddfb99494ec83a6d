"""Translation of a document file by a translator, with resumption after an interruption."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from nmt.corpus.text_files import STDIN, hash_file
from nmt.inference.files.file_translation import summarise_file, translate_file
from nmt.inference.files.format import FileFormat, ReadOptions, find_format, get_format
from nmt.inference.files.journal import Journal
from nmt.inference.job import TranslationJob
from nmt.inference.translation import Translation
from nmt.inference.translator import Translator
from nmt.model_directory.directory import read_model_directory
from nmt.utils.errors import CarouselError, UsageError, missing_extra
from nmt.utils.files import atomic_file, remove_temporary_files
from nmt.utils.hashing import hash_json
from nmt.utils.progress import Console

LINES = "lines"
"""Name of the format of files that are translated line by line."""
_LINE_SUFFIXES = frozenset({".txt"})
_TEXT_TYPES = ("text/", "application/json", "application/xml", "application/x-subrip")


@dataclass(frozen=True)
class DocumentJob:
    """A document file to translate."""

    path: Path
    output: Path | None
    """File to write; None for standard output."""
    format: FileFormat
    fields: tuple[str, ...] = ()
    """Columns or JSON values to translate; empty for all."""


def choose_format(path: Path, name: str | None = None) -> FileFormat | None:
    """Return the format of a file, or None if it is translated line by line.

    Args:
        path: The file, whose extension determines the format.
        name: Name of the format, which takes precedence; ``lines`` for line by line.

    Raises:
        UsageError: There is no format of this name.
    """
    if name is not None:
        return None if name == LINES else get_format(name)
    is_lines = path == STDIN or path.suffix.lower() in _LINE_SUFFIXES
    return None if is_lines else find_format(path.suffix)


def translate_document(
    document: DocumentJob,
    job: TranslationJob,
    translator: Translator,
    on_translation: Callable[[Translation], None] = lambda translation: None,
) -> None:
    """Translate a document; ``on_translation`` is called with the translation of each segment.

    If the source language is neither given nor determined by the model, that of the document is identified; a document
    in the target language is copied. If an earlier call with the same output was interrupted, its translations are used
    again.

    Raises:
        CarouselError: The file cannot be read or is damaged, or the extra for its format is not installed.
    """
    path, console = document.path, Console()
    with _output_file(document) as output:
        try:
            source, target = translator.choose_languages(*job.languages)
            if not path.is_file():
                raise CarouselError(f"{path}: can't be read (No such file or directory); name a document")
            options = ReadOptions(source or target, target, document.fields)
            summary = summarise_file(path, document.format, options, lambda: None)
            if source is None:
                source = translator.identify_source(summary.sample, target)
                if source == target:
                    shutil.copyfile(path, output)
                    return
                options = replace(options, source=source)
            journal = _open_journal(document, options, job)
            label = f"Translating {path.name}"
            with console.progress_bar(summary.num_segments, 0, label) as show_progress:
                translate_file(
                    path,
                    output,
                    document.format,
                    options,
                    lambda segments: _translate(segments, options, job, translator),
                    journal=journal,
                    on_progress=lambda count: show_progress(count, ""),
                    on_translation=on_translation,
                )
        except ModuleNotFoundError:
            raise missing_extra("documents", f"translating {path.name}") from None
    if journal is not None:
        journal.delete()


def _translate(
    segments: Sequence[str], options: ReadOptions, job: TranslationJob, translator: Translator
) -> Iterator[Translation]:
    of_segments = replace(
        job,
        options=replace(job.options, return_attention=True),
        text_options=replace(job.text_options, split_sentences=False),  # the segments are sentences
        alternatives=0,
    )
    return of_segments.stream(translator, segments, (options.source, options.target))


@contextmanager
def _output_file(document: DocumentJob) -> Iterator[Path]:
    """Yield a path to write to, whose content becomes that of the output if the block succeeds."""
    if document.output is not None:
        with atomic_file(document.output) as temporary:
            if document.output.parent.is_dir() and temporary != document.output:
                remove_temporary_files(document.output.resolve())
            yield temporary
        return
    if not document.format.media_type.startswith(_TEXT_TYPES):
        raise UsageError(f"{document.path}: is not written to a terminal or pipe; name an output file with -o")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "translation")
        yield path
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _open_journal(document: DocumentJob, options: ReadOptions, job: TranslationJob) -> Journal | None:
    """Return the journal of a translation to a regular file."""
    output = document.output
    if output is None or (output.exists() and not output.is_file()):
        return None
    inputs = {
        "models": [read_model_directory(path).checksum for path in job.models],
        "input": hash_file(document.path).hex(),
        "format": document.format.name,
        "read": asdict(options),
        "memory": str(job.memory),
        "options": [job.beam_size, job.use_shortlist, asdict(job.options), job.text_options.to_dict()],
    }
    key = hash_json(json.loads(json.dumps(inputs, default=sorted)))  # sets become lists
    return Journal(output.with_name(f".{output.name}.journal"), key)
