"""Exclusive locks on files, held by one process at a time.

The operating system releases a lock when the process that holds it ends, however it ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TextIO

from filelock import lock_descriptor

from nmt.utils.errors import CarouselError
from nmt.utils.files import write_error


def try_lock(file: IO[Any]) -> bool:
    """Lock an open file unless another process has locked it; return whether the lock is held now.

    Closing the file releases the lock. A child process that inherits the file's descriptor holds the lock as well.
    """
    return lock_descriptor(file.fileno(), blocking=False)


@contextmanager
def exclusive_lock(
    path: Path, resource: Path, busy_error: str, on_wait: Callable[[], object] | None = None, remove_file: bool = False
) -> Iterator[TextIO]:
    """Lock a file exclusively in the block; yield the file, open for reading and writing.

    The file and its folder are created if they do not exist.

    Args:
        path: The lock file.
        resource: The file or folder that the lock protects; error messages name it.
        busy_error: Text of the error if another process holds the lock.
        on_wait: Called once before waiting for another process; if None, a lock that is held raises an error.
        remove_file: Whether to delete the lock file at the end.

    Raises:
        CarouselError: Another process holds the lock, or the lock file can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _open_locked(path, on_wait)
    except OSError as error:
        raise write_error(resource, error) from None
    if file is None:
        raise CarouselError(f"{resource}: {busy_error}")
    with file:
        try:
            yield file
        finally:
            if remove_file:
                path.unlink(missing_ok=True)


def _open_locked(path: Path, on_wait: Callable[[], object] | None) -> TextIO | None:
    """Open and lock a file; return None if another process holds the lock and ``on_wait`` is None."""
    notified = False
    while True:
        file = path.open("a+", encoding="utf-8")
        try:
            if not try_lock(file):
                if on_wait is None:
                    file.close()
                    return None
                if not notified:
                    on_wait()
                notified = True
                lock_descriptor(file.fileno())
            # A file that its previous holder has deleted is no lock: another process may have locked a new file.
            if os.fstat(file.fileno()).st_nlink:
                return file
        except BaseException:
            file.close()
            raise
        file.close()
