"""Translated files, until they are fetched or forgotten."""

from typing import NamedTuple
from uuid import uuid4

from cachetools import TTLCache
from starlette.exceptions import HTTPException

_SECONDS = 3600.0
_BYTES = 32 * 2**20


class StoredFile(NamedTuple):
    """A file that waits to be fetched."""

    content: bytes
    media_type: str
    """Its media type."""


class DownloadStore:
    """Keeps files in memory, for an hour; the oldest make room for newer ones."""

    def __init__(self) -> None:
        self._files: TTLCache[str, StoredFile] = TTLCache(
            _BYTES, _SECONDS, getsizeof=lambda file: len(file.content) + 1
        )

    def add(self, content: bytes, media_type: str, suffix: str) -> str:
        """Keep a file; gives the name that it can be fetched by, which nobody can guess."""
        name = f"{uuid4()}{suffix}"
        try:
            self._files[name] = StoredFile(content, media_type)
        except ValueError:
            raise HTTPException(413, f"the translated file is too large; at most {_BYTES} bytes are kept") from None
        return name

    def get(self, name: str) -> StoredFile:
        """A file that was kept; 404 for one that was not, or is no more."""
        try:
            return self._files[name]
        except KeyError:
            raise HTTPException(404, "there is no such file, or it is no longer kept") from None
