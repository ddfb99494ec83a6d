"""Reading and writing of formats that are ZIP archives of XML files, with limits against hostile archives."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from nmt.inference.files.errors import FileFormatError
from nmt.inference.files.format import Piece, PieceWriter

_MAX_MEMBERS = 50_000
_MAX_BYTES = 4 * 2**30
"""Maximum size of all members together after decompression."""
_MAX_RATIO = 250
"""Maximum compression ratio of an archive whose members are larger than `_FREE_BYTES` together."""
_FREE_BYTES = 64 * 2**20
_COPY_BYTES = 2**20


@contextmanager
def open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """Open an archive after checking its directory.

    Raises:
        FileFormatError: The archive is damaged, encrypted or hostile.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive.infolist())
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise FileFormatError(f"{path}: damaged archive ({error}); save the document again") from None
    except OSError as error:
        raise FileFormatError(f"{path}: can't be read ({error.strerror or error}); name a document") from None


def _check_members(path: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Raise FileFormatError unless the members of an archive are harmless."""
    if len(members) > _MAX_MEMBERS:
        raise FileFormatError(f"{path}: more than {_MAX_MEMBERS} members; this is no document")
    if len({member.filename for member in members}) < len(members):
        raise FileFormatError(f"{path}: two members have the same name; save the document again")
    size = sum(member.file_size for member in members)
    if size > _MAX_BYTES or size > max(_FREE_BYTES, _MAX_RATIO * path.stat().st_size):
        raise FileFormatError(f"{path}: {size} bytes after decompression; at most {_MAX_RATIO} times its size allowed")
    for member in members:
        name = member.filename
        if name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
            raise FileFormatError(f"{path}: the member {name[:80]!r} is outside of the archive; remove it")
        if member.flag_bits & 1:
            raise FileFormatError(f"{path}: is encrypted; save it without a password")


class ArchiveWriter(AbstractContextManager[PieceWriter]):
    """Writer of an archive in which some members are translated and all others are copied, in their order."""

    def __init__(self, source: Path, output: Path) -> None:
        self._source, self._output = source, output
        self._member: IO[bytes] | None = None
        self._name = ""

    def __enter__(self) -> PieceWriter:
        self._opened = open_archive(self._source)
        self._archive = self._opened.__enter__()
        self._remaining = iter(self._archive.infolist())
        self._written = zipfile.ZipFile(self._output, "w", zipfile.ZIP_DEFLATED)
        return self

    def __exit__(self, exception: type[BaseException] | None, *_: object) -> None:
        self._close_member()
        try:
            if exception is None:
                for member in self._remaining:
                    self._copy(member)
        finally:
            self._written.close()
            self._opened.__exit__(None, None, None)

    def write(self, piece: Piece, content: bytes) -> None:
        """Write a piece to its member; members come in the order of the archive."""
        if piece.member != self._name or self._member is None:
            self._close_member()
            for member in self._remaining:
                if member.filename == piece.member:
                    self._member, self._name = self._open(member), piece.member
                    break
                self._copy(member)
        assert self._member is not None
        self._member.write(content)

    def _close_member(self) -> None:
        if self._member is not None:
            self._member.close()
            self._member = None

    def _open(self, member: zipfile.ZipInfo) -> IO[bytes]:
        """Begin a member with the date and the compression of the source."""
        info = zipfile.ZipInfo(member.filename, member.date_time)
        info.compress_type, info.external_attr = member.compress_type, member.external_attr
        info.create_system = member.create_system
        return self._written.open(info, "w", force_zip64=member.file_size > _MAX_BYTES // 8)

    def _copy(self, member: zipfile.ZipInfo) -> None:
        with self._archive.open(member) as source, self._open(member) as target:
            shutil.copyfileobj(source, target, _COPY_BYTES)


def read_member(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """Return the content of a small member. Raises FileFormatError if it is larger than a limit in bytes."""
    with archive.open(name) as member:
        content = member.read(limit + 1)
    if len(content) > limit:
        raise FileFormatError(f"{name}: larger than {limit} bytes; this is no document")
    return content
