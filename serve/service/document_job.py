"""A document of a client and the state of its translation, which is recorded on disk."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import PurePath

from nmt.inference.files.format import FileFormat, find_format
from serve.auth.api_keys import ApiKey
from serve.auth.client_identity import Client
from serve.errors import BadRequestError, QuotaExceededError, ServiceError, TranslationFailedError
from serve.service.planning import TranslationRequest
from serve.stores.documents import DocumentRecord, State

_RECORDED_ERRORS: dict[int, type[ServiceError]] = {400: BadRequestError, 429: QuotaExceededError}


@dataclass(eq=False)
class DocumentJob:
    """A document of a client."""

    client: Client
    name: str
    """Name of the uploaded file, for the download."""
    format: FileFormat
    request: TranslationRequest
    num_bytes: int
    """Size of the uploaded file."""
    is_awaited: bool = False
    """Whether the client learns the id only when the translation is done."""
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """Secret that the status and the result require in DeepL's API; empty after a restart of the server."""
    key_sha256: str = ""
    submitted: float = field(default_factory=time.time)
    state: State = "queued"
    num_segments: int = 0
    num_finished: int = 0
    num_characters: int = 0
    error: ServiceError | None = None
    started: float = 0.0
    """Time of `time.monotonic` at which the translation began."""
    finished: float = 0.0
    """Time of `time.time` at which the translation ended."""
    stopped: bool = False
    """Whether the translation must end, because the document is deleted or the server shuts down."""
    deleted: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.key_sha256 = self.key_sha256 or _sha256(self.key)

    @property
    def suffix(self) -> str:
        """File name extension of the translation."""
        return self.format.output_suffix or PurePath(self.name).suffix.lower()

    @property
    def seconds_remaining(self) -> int:
        """Estimate of the time until the translation is done."""
        if not self.num_finished:
            return max(1, self.num_segments // 20)
        elapsed = time.monotonic() - self.started
        return max(1, round(elapsed / self.num_finished * (self.num_segments - self.num_finished)))

    def has_key(self, key: str) -> bool:
        """Return whether this is the key of the document."""
        return secrets.compare_digest(self.key_sha256, _sha256(key))

    @property
    def record(self) -> DocumentRecord:
        """Record of the document, which starts again from the beginning if it is not finished."""
        return DocumentRecord(
            id=self.id,
            key_sha256=self.key_sha256,
            owner=self.client.name,
            name=self.name,
            source_language=self.request.source_language,
            target_language=self.request.target_language,
            terms=self.request.glossary.entries if self.request.glossary else self.request.terms,
            num_bytes=self.num_bytes,
            submitted=self.submitted,
            state=self.state if self.done.is_set() else "queued",
            finished=self.finished,
            num_segments=self.num_segments,
            num_characters=self.num_characters,
            error_status=self.error.status if self.error else 0,
            error_message=str(self.error) if self.error else "",
        )


def restore_job(record: DocumentRecord, keys: Iterable[ApiKey]) -> DocumentJob | None:
    """Return the document of a record; None if its API key or its format does not exist any more."""
    format_ = find_format(PurePath(record.name).suffix)
    key = next((key for key in keys if key.name == record.owner), None)
    if format_ is None or (record.owner is not None and key is None):
        return None
    request = TranslationRequest(record.source_language, record.target_language, is_segment=True, terms=record.terms)
    job = DocumentJob(
        Client("", key),
        record.name,
        format_,
        request,
        record.num_bytes,
        id=record.id,
        key="",
        key_sha256=record.key_sha256,
    )
    job.submitted, job.finished = record.submitted, record.finished
    job.num_segments, job.num_characters = record.num_segments, record.num_characters
    job.state = record.state
    if record.state == "error":
        job.error = _restore_error(record)
    if record.state in {"done", "error"}:
        job.done.set()
    return job


def _restore_error(record: DocumentRecord) -> ServiceError:
    return _RECORDED_ERRORS.get(record.error_status, TranslationFailedError)(record.error_message)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()
