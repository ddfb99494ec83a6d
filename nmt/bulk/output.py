"""Output file of a translation that can be interrupted and resumed.

Until the output is complete, ``OUT.parts/lines`` holds its lines so far, and ``OUT.parts/manifest.json`` the inputs of
the translation and the number of lines that are safely on disk.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file, remove_temporary_files, sync_to_disk, write_error
from nmt.utils.locks import exclusive_lock

_SAVE_INTERVAL = 1.0  # seconds of work that a crash may lose


class ResumableOutput:
    """Output file that is written line by line and not complete yet; create it with `resumable_output`."""

    def __init__(self, path: Path, folder: Path, inputs: Mapping[str, Any]) -> None:
        self._path, self._inputs = path, inputs
        self._manifest, self._lines = folder / "manifest.json", folder / "lines"
        self.num_lines, size = self._read_progress()
        self._file: IO[bytes] = self._lines.open("ab")
        self._file.truncate(size)
        self._saved_at = time.monotonic()

    def append(self, num_lines: int, content: bytes) -> None:
        """Append a number of lines; ``content`` is their text with a line feed after each line."""
        self._file.write(content)
        self.num_lines += num_lines
        if time.monotonic() - self._saved_at >= _SAVE_INTERVAL:
            self.save()

    def save(self) -> None:
        """Write all lines to disk and record their number in the manifest."""
        self._file.flush()
        os.fsync(self._file.fileno())
        manifest = {"job": self._inputs, "lines": self.num_lines, "bytes": self._file.tell()}
        with atomic_file(self._manifest) as temporary:
            temporary.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
        self._saved_at = time.monotonic()

    def publish(self) -> None:
        """Move the complete output to its final path, and delete the folder of the incomplete output."""
        self.save()
        self._file.close()
        self._lines.replace(self._path)
        sync_to_disk(self._path.parent)
        shutil.rmtree(self._manifest.parent)

    def close(self) -> None:
        """Save the lines for a later run unless they have been published; delete the folder if there are no lines."""
        if self._file.closed:
            return
        try:
            self.save()
        finally:
            self._file.close()
        if not self.num_lines:
            shutil.rmtree(self._manifest.parent)

    def _read_progress(self) -> tuple[int, int]:
        """Return the number of lines and of bytes that an earlier run has saved.

        Raises CarouselError if the earlier run had different inputs or its files are damaged.
        """
        folder = self._manifest.parent
        remove_temporary_files(self._manifest)
        if not (self._manifest.exists() and self._lines.exists()):  # only a manifest: killed in `publish`
            return 0, 0
        try:
            manifest = json.loads(self._manifest.read_text(encoding="utf-8"))
            inputs, lines, size = dict(manifest["job"]), int(manifest["lines"]), int(manifest["bytes"])
            damaged = self._lines.stat().st_size < size
        except (OSError, ValueError, TypeError, KeyError):
            damaged = True
        if damaged:
            raise CarouselError(f"{folder}: is damaged; delete it to start again")
        changed = [name for name in inputs.keys() | self._inputs.keys() if inputs.get(name) != self._inputs.get(name)]
        if changed:
            raise CarouselError(
                f"{folder}: belongs to a translation with another {' and '.join(sorted(changed))}; repeat the "
                "original command to continue it, delete the folder to start again, or choose another -o"
            )
        return lines, size


@contextmanager
def resumable_output(path: Path, inputs: Mapping[str, Any]) -> Iterator[ResumableOutput]:
    """Open an output file for the duration of the block, with the lines that an earlier run has saved.

    Unless the block calls `ResumableOutput.publish`, the lines are kept for a later run with the same ``inputs``, which
    are all values on which the lines depend, in JSON types. Raises CarouselError if an earlier run had different
    inputs, if another process is writing the file, or if the file cannot be written.
    """
    path = path.resolve()
    folder = path.with_name(f"{path.name}.parts")
    if path.exists() and not path.is_file():
        raise CarouselError(f"{path}: is not a file; choose another -o")
    try:
        with exclusive_lock(folder / ".lock", path, "another nmt translate is writing it; choose another -o"):
            output = ResumableOutput(path, folder, inputs)
            try:
                yield output
            finally:
                output.close()
    except OSError as error:
        raise write_error(path, error) from None
