"""Cache of prepared data, shared by runs and processes.

Entries are in ``$XDG_CACHE_HOME/carousel`` (by default ``~/.cache/carousel``), which may be deleted at any time. Each
entry is created by one process at a time, and verified by checksums whenever it is used.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

from nmt.utils.files import atomic_directory, remove_temporary_files
from nmt.utils.locks import exclusive_lock

LogFunction = Callable[[str], None]
"""Function that shows a progress message to the user."""

_CHECKSUMS = "checksums.json"
_BLOCK_BYTES = 1 << 20


def cache_directory() -> Path:
    """Return the folder that contains the cache entries."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "carousel"


def get_or_create(entry_name: str, create: Callable[[Path], None], log: LogFunction) -> Path:
    """Return the folder of a cache entry, which is created if it is missing or damaged.

    ``entry_name`` contains a hash of all inputs. ``create`` writes the files of the entry into the folder that is its
    argument. Raises CarouselError if the cache cannot be written.
    """
    folder = cache_directory() / entry_name
    if _is_intact(folder):
        return folder
    lock = folder.with_name(f".{folder.name}.lock")
    waiting = "Waiting for another process that prepares the same text"
    with exclusive_lock(lock, folder, waiting, on_wait=lambda: log(waiting), remove_file=True):
        if not _is_intact(folder):  # another process may have created it in the meantime
            if folder.exists():
                log(f"{folder}: damaged cache entry; creating it again")
            remove_temporary_files(folder)
            with atomic_directory(folder) as temporary:
                create(temporary)
                checksums = {file.name: _checksum(file) for file in temporary.iterdir()}
                (temporary / _CHECKSUMS).write_text(json.dumps(checksums), encoding="utf-8")
    return folder


def _is_intact(folder: Path) -> bool:
    try:
        checksums = json.loads((folder / _CHECKSUMS).read_text(encoding="utf-8"))
        found = {name: _checksum(folder / name) for name in checksums}
    except (OSError, ValueError, TypeError):
        return False
    return bool(found == checksums)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            checksum = zlib.crc32(block, checksum)
    return checksum
