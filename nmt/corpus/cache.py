"""What was made of corpora, kept between runs: made once, by one process at a time, and checked when it is found again.

It lies in ``$XDG_CACHE_HOME/carousel`` (``~/.cache/carousel``) and may be deleted at any time.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from pathlib import Path

from nmt.utils.files import atomic_directory, remove_litter
from nmt.utils.locks import exclusive_lock

_CHECKSUMS = "checksums.json"
_BLOCK = 1 << 20  # bytes


def directory() -> Path:
    """Where the entries are."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "carousel"


def entry(name: str, make: Callable[[Path], None], say: Callable[[str], None]) -> Path:
    """The folder of that name; ``make`` fills it where there is none yet, or a damaged one.

    ``say`` is told why it takes long. Raises CarouselError when it can't be written.
    """
    folder = directory() / name
    if _is_whole(folder):
        return folder
    lock = folder.with_name(f".{folder.name}.lock")
    waiting = "Waiting for another process that prepares the same text"
    with exclusive_lock(lock, folder, waiting, notify=lambda: say(waiting), remove=True):
        if not _is_whole(folder):  # nobody has made it meanwhile
            if folder.exists():
                say(f"{folder}: is damaged; it is made again")
            remove_litter(folder)
            with atomic_directory(folder) as temporary:
                make(temporary)
                checksums = {file.name: _checksum(file) for file in temporary.iterdir()}
                (temporary / _CHECKSUMS).write_text(json.dumps(checksums), encoding="utf-8")
    return folder


def _is_whole(folder: Path) -> bool:
    try:
        checksums = json.loads((folder / _CHECKSUMS).read_text(encoding="utf-8"))
        found = {name: _checksum(folder / name) for name in checksums}
    except (OSError, ValueError, TypeError):
        return False
    return bool(found == checksums)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum
