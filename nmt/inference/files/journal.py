"""Journal of finished translations, from which an interrupted translation of a file is resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from nmt.inference.translation import Translation
from nmt.utils.files import write_error


class Journal:
    """Append-only file with the translations of the segments of a file, in order.

    It survives the end of the process at any time: an incomplete record at its end is dropped. A journal of another
    file, or of other options, is replaced.
    """

    def __init__(self, path: Path, key: str) -> None:
        """Open a journal.

        Args:
            path: Path of the journal.
            key: Checksum of everything that determines the translations.

        Raises:
            CarouselError: The journal cannot be written.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] = path.open("a+b")
        except OSError as error:
            raise write_error(path, error) from None
        self._file.seek(0)
        self._start = 0
        header = json.dumps({"key": key}).encode() + b"\n"
        if self._file.readline() != header:
            self._file.truncate(0)
            self._file.write(header)
            self._file.flush()
        self._start = self._file.tell() if self._file.tell() else len(header)
        self._recorded = self._read()

    def take(self, count: int) -> list[Translation]:
        """Return the next recorded translations, at most this number."""
        found: list[Translation] = []
        while len(found) < count and (translation := next(self._recorded, None)) is not None:
            found.append(translation)
        return found

    def append(self, translations: Sequence[Translation]) -> None:
        """Add translations, after all recorded ones have been taken."""
        records = [json.dumps([each.text, each.alignment], ensure_ascii=False) for each in translations]
        self._file.write("".join(f"{record}\n" for record in records).encode())
        self._file.flush()

    def close(self) -> None:
        """Close the journal, which stays for the next attempt."""
        self._file.close()

    def delete(self) -> None:
        """Close and delete the journal."""
        self.close()
        self._path.unlink(missing_ok=True)

    def _read(self) -> Iterator[Translation]:
        """Yield the recorded translations, and drop an incomplete record after them."""
        end = self._start
        self._file.seek(end)
        while line := self._file.readline():
            record = _parse_record(line)
            if record is None:
                self._file.truncate(end)
                break
            end += len(line)
            yield record


def _parse_record(line: bytes) -> Translation | None:
    """Return a record; None if it is incomplete."""
    if not line.endswith(b"\n"):
        return None
    try:
        text, alignment = json.loads(line)
    except ValueError:  # a block that the system had not written when it stopped
        return None
    return Translation(text, alignment=None if alignment is None else tuple(map(tuple, alignment)))
