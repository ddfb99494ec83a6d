"""Files that are either there and whole, or not there: written beside their place, synced, then renamed."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmt.utils.errors import CarouselError


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """A path to write to; it becomes ``path`` when the block ends well, and vanishes when it doesn't.

    A file of that name from before stays until the moment of the rename; a link stays and its target is replaced; a
    device or pipe is written to directly. Raises CarouselError when the disk is full or
    the folder can't be written, and before the block where the path is a folder.
    """
    path = path.resolve()
    if path.is_dir():
        raise write_error(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    if path.exists() and not path.is_file():
        yield path
        return
    temporary = _beside(path, "tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync(temporary)
        temporary.replace(path)
        sync(path.parent)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """A folder to fill; it becomes ``path`` when the block ends well, in place of one from before.

    The one from before is moved aside and then deleted: a reader finds the old one, for an instant none, then the new.
    """
    path = path.resolve()
    temporary, old = _beside(path, "tmp"), _beside(path, "old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            sync(file)
        sync(temporary)
        with suppress(FileNotFoundError):
            path.rename(old)
        temporary.rename(path)
        sync(path.parent)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def remove_litter(path: Path) -> None:
    """Clear away what killed writes of ``path`` left beside it; where a folder is missing, put the old one back.

    Only for a place that no other process writes to now.
    """
    for old in path.parent.glob(f".{path.name}.*.old"):
        if path.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.rename(path)
    for temporary in path.parent.glob(f".{path.name}.*.tmp"):
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _beside(path: Path, ending: str) -> Path:
    """A name that no other process takes: containers that share a folder may share process ids too."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{ending}")


def write_error(path: Path, error: OSError) -> CarouselError:
    """The error of a failed write, with the remedy."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CarouselError(f"{path}: the disk is full; free some space (what was there before is untouched)")
    in_the_way = error.errno in {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}
    remedy = "choose another path" if in_the_way else "check the folder's permissions"
    return CarouselError(f"{path}: can't be written ({error.strerror or error}); {remedy}")


def sync(path: Path) -> None:
    """Have the disk hold what was written to a file, or which files a folder has."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
