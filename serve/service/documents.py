"""Queue of document translations, which runs a few at a time beside the other requests."""

from __future__ import annotations

import asyncio
import logging
import secrets
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Literal

from nmt.inference.files.file_translation import FileSummary, summarise_file, translate_file
from nmt.inference.files.format import FileFormat, ReadOptions, available_formats, find_format
from nmt.inference.translation import Translation
from nmt.utils.errors import CarouselError
from serve.auth.client_identity import Client
from serve.auth.rate_limits import CharacterUsage
from serve.errors import (
    BadRequestError,
    DocumentNotFoundError,
    QueueFullError,
    ServiceError,
    TooManyDocumentsError,
    TranslationFailedError,
    error_location,
)
from serve.service.planning import TranslationRequest
from serve.service.translation_service import TranslationService
from serve.stores.documents import DocumentFiles

State = Literal["queued", "translating", "done", "error"]
"""State of a document, with DeepL's names."""

LIFETIME = 3600.0
"""Seconds for which the translation of a document is kept."""

_MAX_RUNNING = 2
_MAX_WAITING = 200
_MAX_PER_CLIENT = 20  # documents that are not finished
_SEGMENTS_PER_REQUEST = 100  # few, so that other requests come between
_MAX_ATTEMPTS = 30  # while the queue of sentences is full

_log = logging.getLogger(__name__)


class _CancelledDocumentError(Exception):
    """The document has been deleted during its translation."""


@dataclass(eq=False)
class DocumentJob:
    """A document of a client."""

    client: Client
    name: str
    """Name of the uploaded file, for the download."""
    format: FileFormat
    request: TranslationRequest
    id: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    """Secret that the status and the result require in DeepL's API."""
    state: State = "queued"
    num_segments: int = 0
    num_finished: int = 0
    num_characters: int = 0
    error: ServiceError | None = None
    started: float = 0.0
    """Time of `time.monotonic` at which the translation began."""
    finished: float = 0.0
    """Time of `time.monotonic` at which the translation ended."""
    cancelled: bool = False
    done: asyncio.Event = field(default_factory=asyncio.Event)

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


class DocumentQueue:
    """Translates documents in the order of their arrival, and keeps the results for a limited time."""

    def __init__(self, service: TranslationService, usage: CharacterUsage, files: DocumentFiles) -> None:
        """Create a queue."""
        self._service, self._usage, self._files = service, usage, files
        self._jobs: dict[str, DocumentJob] = {}
        self._running = asyncio.Semaphore(_MAX_RUNNING)
        self._tasks: set[asyncio.Task[None]] = set()

    def submit(self, client: Client, name: str, content: bytes, request: TranslationRequest) -> DocumentJob:
        """Add a document to the queue.

        Raises:
            BadRequestError: The format, a language or the language pair is not supported.
            TooManyDocumentsError: The client has too many documents in the queue.
            QueueFullError: There are too many documents, or their results take too much space.
        """
        format_ = find_format(PurePath(name).suffix)
        if format_ is None:
            raise BadRequestError(f"file: unsupported format; its name must end in one of {', '.join(file_suffixes())}")
        self._service.check_languages(request)
        self._expire()
        waiting = [job for job in self._jobs.values() if job.state in {"queued", "translating"}]
        if sum(job.client.identifier == client.identifier for job in waiting) >= _MAX_PER_CLIENT:
            raise TooManyDocumentsError(f"at most {_MAX_PER_CLIENT} documents may wait; wait until some are translated")
        if len(waiting) >= _MAX_WAITING or not self._make_space(2 * len(content)):
            raise QueueFullError(retry_after=30)
        job = DocumentJob(client, name, format_, replace(request, is_segment=True))
        self._files.write_source(job.id, content)
        self._jobs[job.id] = job
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def get(self, document_id: str) -> DocumentJob:
        """Return a document by its id; raise DocumentNotFoundError if there is none."""
        self._expire()
        job = self._jobs.get(document_id)
        if job is None:
            raise DocumentNotFoundError("there is no such document, or it has expired")
        return job

    def get_owned(self, client: Client, document_id: str, key: str) -> DocumentJob:
        """Return a document of a client; raise DocumentNotFoundError unless both the client and the key are right."""
        job = self._jobs.get(document_id)
        if job is None or job.client.name != client.name or not secrets.compare_digest(job.key.encode(), key.encode()):
            raise DocumentNotFoundError("there is no such document, or it has expired")
        return self.get(document_id)

    def result(self, job: DocumentJob) -> Path:
        """Return the path of a finished translation."""
        return self._files.result(job.id)

    def cancel(self, job: DocumentJob) -> None:
        """Stop the translation of a document, and delete it."""
        job.cancelled = True
        self._remove(job)

    def close(self) -> None:
        """Stop all translations and delete all files."""
        for job in list(self._jobs.values()):
            self.cancel(job)
        for task in self._tasks:
            task.cancel()
        self._files.close()

    def _remove(self, job: DocumentJob) -> None:
        self._jobs.pop(job.id, None)
        self._files.delete(job.id)

    def _expire(self) -> None:
        """Delete the results that are older than their lifetime."""
        limit = time.monotonic() - LIFETIME
        for job in [job for job in self._jobs.values() if job.done.is_set() and job.finished < limit]:
            self._remove(job)

    def _make_space(self, num_bytes: int) -> bool:
        """Delete the oldest results until there is space; return whether there is."""
        finished = sorted((job for job in self._jobs.values() if job.done.is_set()), key=lambda job: job.finished)
        for job in finished:
            if self._files.has_space(num_bytes):
                break
            self._remove(job)
        return self._files.has_space(num_bytes)

    # --- translation -----------------------------------------------------------------------------------------------

    async def _run(self, job: DocumentJob) -> None:
        """Translate a document when its turn has come."""
        async with self._running:
            if job.cancelled:
                return
            job.state, job.started = "translating", time.monotonic()
            state: State = "error"
            try:
                await self._translate(job)
                state = "done"
            except _CancelledDocumentError:
                return
            except ServiceError as error:
                job.error = error
            except CarouselError as error:
                # The path is the server's own; the client knows the file by another name.
                message = str(error).replace(str(self._files.source(job.id)), "file")
                job.error = BadRequestError(message)
            except Exception as error:
                _log.error("a document was not translated: %s", error_location(error))
                job.error = TranslationFailedError("the translation failed")
            finally:
                self._finish(job, state)

    def _finish(self, job: DocumentJob, state: State) -> None:
        job.state, job.finished = state, time.monotonic()
        if job.cancelled:
            self._files.delete(job.id)
        else:
            self._files.finish(job.id)
        job.done.set()

    async def _translate(self, job: DocumentJob) -> None:
        source, result = self._files.source(job.id), self._files.result(job.id)
        request = job.request
        languages = request.source_language or request.target_language, request.target_language
        summary = await asyncio.to_thread(self._summarise, job, source, ReadOptions(*languages))
        job.num_segments, job.num_characters = summary.num_segments, summary.num_characters
        with self._usage.charge(job.client, summary.num_characters):
            if request.source_language is None:
                detected = await self._service.detect_source(summary.sample, request.target_language)
                request = replace(request, source_language=detected)
            if self._service.are_equal(str(request.source_language), request.target_language):
                await asyncio.to_thread(shutil.copyfile, source, result)
                return
            options = ReadOptions(str(request.source_language), request.target_language)
            loop = asyncio.get_running_loop()

            def translate(segments: Sequence[str]) -> list[Translation]:
                """Translate segments on the event loop while this thread waits."""
                found: list[Translation] = []
                for start in range(0, len(segments), _SEGMENTS_PER_REQUEST):
                    _check_cancelled(job)
                    part = segments[start : start + _SEGMENTS_PER_REQUEST]
                    found += asyncio.run_coroutine_threadsafe(self._translate_part(part, request), loop).result()
                    job.num_finished += len(part)
                return found

            await asyncio.to_thread(translate_file, source, result, job.format, options, translate)

    def _summarise(self, job: DocumentJob, source: Path, options: ReadOptions) -> FileSummary:
        return summarise_file(source, job.format, options, lambda: _check_cancelled(job))

    async def _translate_part(self, segments: Sequence[str], request: TranslationRequest) -> list[Translation]:
        """Translate segments, and wait while the queue of sentences is full."""
        for attempt in range(_MAX_ATTEMPTS):
            try:
                results = await self._service.translate_segments(segments, request)
            except QueueFullError:
                if attempt == _MAX_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(1)
            else:
                return [result.translation for result in results]
        raise AssertionError("unreachable")


def file_suffixes() -> list[str]:
    """Return the file name extensions of all formats."""
    return [suffix for format_ in available_formats().values() for suffix in format_.suffixes]


def _check_cancelled(job: DocumentJob) -> None:
    if job.cancelled:
        raise _CancelledDocumentError
