"""Store of the translated files that clients can download."""

from typing import NamedTuple
from uuid import uuid4

from cachetools import TTLCache
from starlette.exceptions import HTTPException

_LIFETIME = 3600.0  # seconds
_MAX_BYTES = 32 * 2**20


class TranslatedFile(NamedTuple):
    """A translated file."""

    content: bytes
    media_type: str
    """Media type of the content, such as ``text/html``."""


class DownloadStore:
    """Keeps files in memory for an hour. If they exceed 32 MiB in total, the oldest files are removed."""

    def __init__(self) -> None:
        self._files: TTLCache[str, TranslatedFile]
        self._files = TTLCache(_MAX_BYTES, _LIFETIME, getsizeof=lambda file: len(file.content) + 1)

    def add(self, content: bytes, media_type: str, suffix: str) -> str:
        """Store a file and return its name, which is random except for the suffix."""
        name = f"{uuid4()}{suffix}"
        try:
            self._files[name] = TranslatedFile(content, media_type)
        except ValueError:
            message = f"the translated file is too large; at most {_MAX_BYTES} bytes are stored"
            raise HTTPException(413, message) from None
        return name

    def get(self, name: str) -> TranslatedFile:
        """Return the file with this name; raise HTTPException with status 404 if there is none."""
        try:
            return self._files[name]
        except KeyError:
            raise HTTPException(404, "there is no such file, or it has expired") from None
