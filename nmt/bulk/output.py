"""A file that grows over several runs: its finished lines and what they were made of lie beside its place until then.

``OUT.parts/lines`` has the lines so far, in order, and ``OUT.parts/manifest.json`` says to which job they belong, and
how many of them are sure to be on the disk.
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

_RECORD_EVERY = 1.0  # seconds: what is written after the last record is made again


class PartialOutput:
    """The finished lines of a job, open to be added to; see `partial_output`."""

    def __init__(self, path: Path, folder: Path, job: Mapping[str, Any]) -> None:
        """``job`` is JSON: all that the lines depend on."""
        self._path, self._job = path, job
        self._manifest, self._lines = folder / "manifest.json", folder / "lines"
        self.done, bytes_ = self._resume()
        self._file: IO[bytes] = self._lines.open("ab")
        self._file.truncate(bytes_)
        self._recorded = time.monotonic()

    def add(self, lines: int, content: bytes) -> None:
        """Append finished lines, each with its line feed."""
        self._file.write(content)
        self.done += lines
        if time.monotonic() - self._recorded >= _RECORD_EVERY:
            self.record()

    def record(self) -> None:
        """Make sure that the lines so far outlast whatever comes."""
        self._file.flush()
        os.fsync(self._file.fileno())
        manifest = {"job": self._job, "lines": self.done, "bytes": self._file.tell()}
        with atomic_file(self._manifest) as temporary:
            temporary.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
        self._recorded = time.monotonic()

    def publish(self) -> None:
        """Put the lines in their place."""
        self.record()
        self._file.close()
        self._lines.replace(self._path)
        sync_to_disk(self._path.parent)
        shutil.rmtree(self._manifest.parent)

    def close(self) -> None:
        """Keep the lines so far for the next run."""
        if self._file.closed:
            return
        try:
            self.record()
        finally:
            self._file.close()
        if not self.done:
            shutil.rmtree(self._manifest.parent)

    def _resume(self) -> tuple[int, int]:
        """Lines and bytes that an earlier run of the same job has left; raises CarouselError where it was another."""
        folder = self._manifest.parent
        remove_temporary_files(self._manifest)
        if not (self._manifest.exists() and self._lines.exists()):  # without lines: killed while it cleaned up
            return 0, 0
        try:
            left = json.loads(self._manifest.read_text(encoding="utf-8"))
            job, lines, bytes_ = dict(left["job"]), int(left["lines"]), int(left["bytes"])
            whole = self._lines.stat().st_size >= bytes_
        except (OSError, ValueError, TypeError, KeyError):
            whole = False
        if not whole:
            raise CarouselError(f"{folder}: is damaged; delete it to start afresh")
        changed = [name for name in job.keys() | self._job.keys() if job.get(name) != self._job.get(name)]
        if changed:
            raise CarouselError(
                f"{folder}: holds a job with another {' and '.join(sorted(changed))}; "
                "call it as before to go on, delete the folder to start afresh, or choose another -o"
            )
        return lines, bytes_


@contextmanager
def partial_output(path: Path, job: Mapping[str, Any]) -> Iterator[PartialOutput]:
    """The output of a job, as far as it has come; unless `PartialOutput.publish` is called, it can be gone on with.

    Raises CarouselError when what lies there belongs to another job, when another process is writing it, or when it
    can't be written.
    """
    path = path.resolve()
    folder = path.with_name(f"{path.name}.parts")
    if path.exists() and not path.is_file():
        raise CarouselError(f"{path}: is no file; choose another -o")
    try:
        with exclusive_lock(folder / ".lock", path, "another nmt translate is writing it; choose another -o"):
            output = PartialOutput(path, folder, job)
            try:
                yield output
            finally:
                output.close()
    except OSError as error:
        raise write_error(path, error) from None
