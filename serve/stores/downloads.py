"""Translated files that clients can download."""

from typing import NamedTuple
from uuid import uuid4

from cachetools import TTLCache
from starlette.exceptions import HTTPException

_LIFETIME = 3600.0  # seconds
_MAX_BYTES = 32 * 2**20


class TranslatedFile(NamedTuple):
    """Content and type of a file."""

    content: bytes
    media_type: str
    """Media type."""


class DownloadStore:
    """Stores files in memory for an hour. The oldest are removed when there are more than 32 MiB."""

    def __init__(self) -> None:
        self._files: TTLCache[str, TranslatedFile] = TTLCache(
            _MAX_BYTES, _LIFETIME, getsizeof=lambda file: len(file.content) + 1
        )

    def add(self, content: bytes, media_type: str, suffix: str) -> str:
        """Store a file and return its name, which is random and ends in ``suffix``."""
        name = f"{uuid4()}{suffix}"
        try:
            self._files[name] = TranslatedFile(content, media_type)
        except ValueError:
            message = f"the translated file is too large; at most {_MAX_BYTES} bytes are stored"
            raise HTTPException(413, message) from None
        return name

    def get(self, name: str) -> TranslatedFile:
        """Return a stored file; raise HTTPException with status 404 if there is none with this name."""
        try:
            return self._files[name]
        except KeyError:
            raise HTTPException(404, "there is no such file, or it has expired") from None
