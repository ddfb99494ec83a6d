"""Files of document translations on disk, within a limit in bytes.

The files of a document are named after its random id: the uploaded file (``.source``), the translations so far
(``.journal``), the translated file (``.result``), and a record of the document (``.json``). In a temporary directory
they end with the server. In a directory of the settings they stay, and the next server continues with the documents
that are recorded.
"""

from __future__ import annotations

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from nmt.utils.errors import CarouselError
from nmt.utils.files import atomic_file
from serve.errors import DocumentStorageError

State = Literal["queued", "translating", "done", "error"]
"""State of a document, with DeepL's names."""

_NAME = re.compile(r"\.?document-(?P<id>[\w-]{20,})\.(?:source|journal|result|json)(?:\.\w+\.tmp)?")
_log = logging.getLogger(__name__)


class DocumentRecord(BaseModel):
    """Everything about a document that outlives the server. It holds neither the document's key nor an address."""

    id: str
    key_sha256: str
    owner: str | None
    """Name of the API key of the client."""
    name: str
    source_language: str | None
    target_language: str
    terms: tuple[tuple[str, str], ...]
    """Terms that the translation must use."""
    num_bytes: int
    """Size of the uploaded file."""
    submitted: float
    """Time of the upload, as of `time.time`."""
    state: State = "queued"
    finished: float = 0.0
    """Time at which the translation ended, as of `time.time`."""
    num_segments: int = 0
    num_characters: int = 0
    error_status: int = 0
    error_message: str = ""


class DocumentFiles:
    """Directory with the files of each document. Used by one thread at a time."""

    def __init__(self, directory: Path | None, max_bytes: int) -> None:
        """Create a store, whose directory is created at the first write.

        Args:
            directory: Directory; None for a temporary one.
            max_bytes: Maximum size of all files together.

        Raises:
            CarouselError: Another server uses the directory.
        """
        self._directory, self._max_bytes = directory, max_bytes
        self._sizes: dict[str, int] = {}
        self._resources = ExitStack()
        self._is_open = False
        self.outlives_server = directory is not None
        """Whether the next server continues with the recorded documents."""
        if directory is not None and directory.is_dir():
            self._open()

    def read_records(self) -> list[DocumentRecord]:
        """Return the documents of an earlier server, oldest first, and delete all files without a valid record."""
        if not self._is_open or self._directory is None:
            return []
        records: list[DocumentRecord] = []
        for path in self._directory.glob("document-*.json"):
            try:
                records.append(DocumentRecord.model_validate_json(path.read_bytes()))
            except (OSError, ValidationError):
                _log.error("NMT_DOCUMENTS: %s is damaged; the document is deleted", path)
        known = {record.id for record in records}
        for path in self._directory.iterdir():
            match = _NAME.fullmatch(path.name)
            if match and (match["id"] not in known or path.name.endswith(".tmp")):
                path.unlink(missing_ok=True)
            elif match:
                self._sizes[path.name] = path.stat().st_size
        return sorted(records, key=lambda record: record.submitted)

    @property
    def num_bytes(self) -> int:
        """Size of all files together."""
        return sum(self._sizes.values())

    def has_space(self, num_bytes: int) -> bool:
        """Return whether files of this size may be added."""
        return self.num_bytes + num_bytes <= self._max_bytes

    def source(self, document_id: str) -> Path:
        """Return the path of the uploaded file of a document."""
        return self._path(document_id, "source")

    def journal(self, document_id: str) -> Path:
        """Return the path of the translations of a document that is not finished."""
        return self._path(document_id, "journal")

    def result(self, document_id: str) -> Path:
        """Return the path of the translation of a document."""
        return self._path(document_id, "result")

    def write_source(self, document_id: str, content: bytes) -> None:
        """Write an uploaded file. Raises DocumentStorageError if that fails."""
        with self._storage():
            path = self.source(document_id)
            path.write_bytes(content)
        self._sizes[path.name] = len(content)

    def write_record(self, record: DocumentRecord) -> None:
        """Write the record of a document, if it outlives the server. Raises DocumentStorageError if that fails."""
        if not self.outlives_server:
            return
        content = record.model_dump_json().encode()
        with self._storage():
            path = self._path(record.id, "json")
            with atomic_file(path) as temporary:
                temporary.write_bytes(content)
        self._sizes[path.name] = len(content)

    def measure(self, document_id: str) -> None:
        """Update the sizes of the files that are being written for a document."""
        for path in (self.journal(document_id), self.result(document_id)):
            if path.exists():
                self._sizes[path.name] = path.stat().st_size

    def finish(self, document_id: str) -> None:
        """Delete all files of a translated document but its result and its record."""
        self.measure(document_id)
        self._delete(self.source(document_id))
        self._delete(self.journal(document_id))

    def delete(self, document_id: str) -> None:
        """Delete the files of a document."""
        for suffix in ("json", "source", "journal", "result"):
            self._delete(self._path(document_id, suffix))

    def close(self) -> None:
        """Delete a temporary directory, or leave the directory to the next server."""
        self._resources.close()

    def _path(self, document_id: str, suffix: str) -> Path:
        self._open()
        assert self._directory is not None
        return self._directory / f"document-{document_id}.{suffix}"

    def _delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._sizes.pop(path.name, None)

    def _open(self) -> None:
        """Create the directory, and lock it if it is not temporary. Raises CarouselError or OSError if that fails."""
        if self._is_open:
            return
        if self._directory is None:
            temporary = tempfile.TemporaryDirectory(prefix="carousel-", ignore_cleanup_errors=True)
            self._directory = Path(self._resources.enter_context(temporary))
        else:
            from nmt.utils.locks import exclusive_lock  # not needed for a temporary directory

            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            busy = "is in use by another server; set NMT_DOCUMENTS to a directory of its own"
            self._resources.enter_context(exclusive_lock(self._directory / ".lock", self._directory, busy))
        self._is_open = True

    @contextmanager
    def _storage(self) -> Iterator[None]:
        """Log an error of the disk, and raise it without the path, which clients must not see."""
        try:
            yield
        except (CarouselError, OSError) as error:
            reason = error.strerror or error if isinstance(error, OSError) else error
            _log.error("NMT_DOCUMENTS: documents can't be stored in %s (%s)", self._directory, reason)
            raise DocumentStorageError("the document was not stored: the server cannot write to its disk") from None
