"""Files of document translations on disk, within a limit in bytes.

The files of a document are named after its random id. They do not outlive the server, which knows their owners; those
that an earlier server has left are deleted.
"""

from __future__ import annotations

import logging
import re
import tempfile
from pathlib import Path

from serve.errors import DocumentStorageError

_NAME = re.compile(r"document-[\w-]{20,}\.(?:source|result)")
_log = logging.getLogger(__name__)


class DocumentFiles:
    """Directory with the source and the result of each document. Used by one thread at a time."""

    def __init__(self, directory: Path | None, max_bytes: int) -> None:
        """Create a store, whose directory is created at the first write.

        Args:
            directory: Directory; None for a temporary one.
            max_bytes: Maximum size of all files together.
        """
        self._directory, self._max_bytes = directory, max_bytes
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._sizes: dict[str, int] = {}
        if directory is not None and directory.is_dir():
            for path in directory.iterdir():
                if _NAME.fullmatch(path.name):
                    path.unlink(missing_ok=True)

    @property
    def num_bytes(self) -> int:
        """Size of all files together."""
        return sum(self._sizes.values())

    def has_space(self, num_bytes: int) -> bool:
        """Return whether files of this size may be added."""
        return self.num_bytes + num_bytes <= self._max_bytes

    def source(self, document_id: str) -> Path:
        """Return the path of the uploaded file of a document."""
        return self._prepare() / f"document-{document_id}.source"

    def result(self, document_id: str) -> Path:
        """Return the path of the translation of a document."""
        return self._prepare() / f"document-{document_id}.result"

    def write_source(self, document_id: str, content: bytes) -> None:
        """Write an uploaded file. Raises DocumentStorageError if that fails."""
        try:
            self.source(document_id).write_bytes(content)
        except OSError as error:
            raise self._failed(error) from None
        self._sizes[self.source(document_id).name] = len(content)

    def finish(self, document_id: str) -> None:
        """Delete the source of a translated document, and count the size of its result."""
        self._delete(self.source(document_id))
        result = self.result(document_id)
        if result.exists():
            self._sizes[result.name] = result.stat().st_size

    def delete(self, document_id: str) -> None:
        """Delete the files of a document."""
        self._delete(self.source(document_id))
        self._delete(self.result(document_id))

    def close(self) -> None:
        """Delete all files."""
        if self._temporary is not None:
            self._temporary.cleanup()
        elif self._directory is not None:
            for name in list(self._sizes):
                self._delete(self._directory / name)

    def _delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._sizes.pop(path.name, None)

    def _prepare(self) -> Path:
        """Return the directory, after creating it. Raises DocumentStorageError if that fails."""
        if self._directory is None:
            try:
                self._temporary = tempfile.TemporaryDirectory(prefix="carousel-", ignore_cleanup_errors=True)
            except OSError as error:
                raise self._failed(error) from None
            self._directory = Path(self._temporary.name)
        elif not self._directory.is_dir():
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._failed(error) from None
        return self._directory

    def _failed(self, error: OSError) -> DocumentStorageError:
        _log.error("NMT_DOCUMENTS: documents can't be stored in %s (%s)", self._directory, error.strerror or error)
        return DocumentStorageError("the document was not stored: the server cannot write to its disk")
