"""Translation of a file piece by piece, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nmt.inference.files.format import FileFormat, Piece, ReadOptions
from nmt.inference.files.journal import Journal
from nmt.inference.translation import Translation

Translate = Callable[[Sequence[str]], Iterable[Translation]]
"""Function that translates segments, with word alignments, in order."""
OnProgress = Callable[[int], None]
"""Function that is called with the number of finished segments."""

_BATCH_SEGMENTS = 1000
_BATCH_CHARACTERS = 2**20
_BATCH_COPIED_BYTES = 2**24
_SAMPLE_CHARACTERS = 20_000


@dataclass(frozen=True)
class FileSummary:
    """Amount of text in a file, and a sample of it."""

    num_segments: int
    num_characters: int
    """Number of code points of all segments."""
    sample: str
    """Text from the beginning of the file, for the identification of its language."""


def summarise_file(path: Path, format_: FileFormat, options: ReadOptions, on_piece: Callable[[], None]) -> FileSummary:
    """Read a file to its end and return what it contains, so that errors are found before anything is translated.

    ``on_piece`` is called with each piece and may raise an exception to end the work.

    Raises:
        FileFormatError: The file is damaged, hostile or in another format.
    """
    num_segments = num_characters = sampled = 0
    sample: list[str] = []
    for piece in format_.read(path, options):
        on_piece()
        segments = _segments(piece)
        num_segments += len(segments)
        num_characters += sum(map(len, segments))
        if sampled < _SAMPLE_CHARACTERS:
            sample += segments
            sampled = num_characters
    return FileSummary(num_segments, num_characters, "\n".join(sample)[:_SAMPLE_CHARACTERS])


def translate_file(
    path: Path,
    output: Path,
    format_: FileFormat,
    options: ReadOptions,
    translate: Translate,
    *,
    journal: Journal | None = None,
    on_progress: OnProgress = lambda count: None,
    on_translation: Callable[[Translation], None] = lambda translation: None,
) -> None:
    """Translate a file.

    Args:
        path: The file.
        output: File to write.
        format_: Format of the file.
        options: Languages, and the parts of the file to translate.
        translate: Translates segments.
        journal: Journal of finished translations, which are not made again.
        on_progress: Called with the number of finished segments after each batch.
        on_translation: Called with each translation.
    """
    count = 0
    with format_.writer(path, output) as writer:
        for batch in _batches(format_.read(path, options)):
            segments = [segment for piece in batch for segment in _segments(piece)]
            translations = iter(_translate_batch(segments, translate, journal))
            for piece in batch:
                if isinstance(piece.content, bytes):
                    writer.write(piece, piece.content)
                else:
                    found = [next(translations) for _ in piece.content.segments]
                    deque(map(on_translation, found), maxlen=0)
                    writer.write(piece, piece.content.assemble(found).text.encode())
            count += len(segments)
            on_progress(count)


def _translate_batch(segments: Sequence[str], translate: Translate, journal: Journal | None) -> list[Translation]:
    if journal is None:
        return list(translate(segments))
    found = journal.take(len(segments))
    if len(found) < len(segments):
        for translation in translate(segments[len(found) :]):
            journal.append([translation])
            found.append(translation)
    return found


def _batches(pieces: Iterable[Piece]) -> Iterator[list[Piece]]:
    """Group pieces into batches that are small enough to be held in memory."""
    batch: list[Piece] = []
    num_segments = num_characters = num_bytes = 0
    for piece in pieces:
        batch.append(piece)
        if isinstance(piece.content, bytes):
            num_bytes += len(piece.content)
        else:
            segments = piece.content.segments
            num_segments += len(segments)
            num_characters += sum(map(len, segments))
        is_large = num_characters >= _BATCH_CHARACTERS or num_bytes >= _BATCH_COPIED_BYTES
        if is_large or num_segments >= _BATCH_SEGMENTS:
            yield batch
            batch, num_segments, num_characters, num_bytes = [], 0, 0, 0
    if batch:
        yield batch


def _segments(piece: Piece) -> Sequence[str]:
    return () if isinstance(piece.content, bytes) else piece.content.segments
