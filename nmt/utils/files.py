"""Atomic writes, which leave a complete file or directory, or none.

New content is written beside its destination, synced to the disk, and then renamed.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nmt.utils.errors import CarouselError

_DESCRIPTOR_PATH = re.compile(r"/dev/(?P<name>stdin|stdout|stderr)|(?:/dev/fd|/proc/self/fd)/(?P<number>[0-9]{1,4})")


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path to write to, which replaces ``path`` if the block succeeds and is deleted if it fails.

    An existing file stays until the rename, and its mode is kept. A symbolic link stays, and its target is replaced. A
    device or a pipe is written to directly; an open file such as ``/dev/stdout`` or ``/dev/fd/3`` receives the content
    where it is, after what was written to it before.

    Raises:
        CarouselError: The disk is full or the folder is not writable; before the block, the path is a directory.
    """
    if (descriptor := _file_descriptor(path)) is not None:
        with _copied_to(descriptor, path) as temporary:
            yield temporary
        return
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path  # not resolved: the name of a pipe behind /dev/stdout cannot be opened
        return
    path = path.resolve()
    if path.is_dir():
        raise write_error(path, IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)))
    temporary = _temporary_path(path, "tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        sync_to_disk(temporary)
        if path.exists():
            shutil.copymode(path, temporary)
        temporary.replace(path)
        sync_to_disk(path.parent)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yield a temporary directory to fill, which replaces ``path`` if the block succeeds and is deleted if it fails.

    An existing directory is moved aside before the rename and then deleted. Readers find the old directory, for an
    instant none, then the new one.

    Raises:
        CarouselError: The disk is full, or the parent directory is not writable.
    """
    path = path.resolve()
    temporary, old = _temporary_path(path, "tmp"), _temporary_path(path, "old")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        yield temporary
        for file in temporary.rglob("*"):
            sync_to_disk(file)
        sync_to_disk(temporary)
        with suppress(FileNotFoundError):
            path.rename(old)
        temporary.rename(path)
        sync_to_disk(path.parent)
    except OSError as error:
        raise write_error(path, error) from None
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def remove_temporary_files(path: Path) -> None:
    """Delete what killed processes left beside ``path``; restore the old directory if the new one is missing.

    No other process may be writing ``path``.
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


def _file_descriptor(path: Path) -> int | None:
    """Return the number of the open regular file that a path such as ``/dev/stdout`` stands for; None for others."""
    match = _DESCRIPTOR_PATH.fullmatch(str(path))
    if match is None or not path.is_file():
        return None
    names = {"stdin": 0, "stdout": 1, "stderr": 2}
    return names[match["name"]] if match["name"] else int(match["number"])


@contextmanager
def _copied_to(descriptor: int, path: Path) -> Iterator[Path]:
    """Yield a temporary path, whose content is written to an open file if the block succeeds.

    Opening the path instead would empty a regular file.
    """
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, "content")
        yield temporary
        try:
            with temporary.open("rb") as content, os.fdopen(os.dup(descriptor), "wb") as stream:
                shutil.copyfileobj(content, stream)
        except OSError as error:
            raise write_error(path, error) from None


def _temporary_path(path: Path, suffix: str) -> Path:
    """Return a random path beside ``path``; process ids would not be unique among containers that share a folder."""
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.{suffix}")


def write_error(path: Path, error: OSError) -> CarouselError:
    """Return the error to raise for a failed write."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return CarouselError(f"{path}: the disk is full; free some space (the previous content is untouched)")
    is_obstructed = error.errno in {errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG}
    remedy = "choose another path" if is_obstructed else "check the folder's permissions"
    return CarouselError(f"{path}: can't be written ({error.strerror or error}); {remedy}")


def sync_to_disk(path: Path) -> None:
    """Flush a file, or the entries of a directory, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows can't open directories, and needs no sync of them
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
