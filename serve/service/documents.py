"""Queue of document translations, which runs a few at a time beside the other requests.

With a directory in the settings, the queue continues after a restart of the server, however the server ended.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePath

from nmt.inference.files.file_translation import FileSummary, Translate, summarise_file, translate_file
from nmt.inference.files.format import ReadOptions, available_formats, find_format
from nmt.inference.files.journal import Journal
from nmt.inference.translation import Translation
from nmt.utils.errors import CarouselError
from nmt.utils.hashing import hash_json
from serve.auth.api_keys import ApiKey
from serve.auth.client_identity import Client, current_client
from serve.auth.rate_limits import CharacterUsage
from serve.errors import (
    BadRequestError,
    DocumentNotFoundError,
    DocumentStorageError,
    QueueFullError,
    ServiceError,
    TooManyDocumentsError,
    TranslationFailedError,
    error_location,
)
from serve.service.document_job import DocumentJob, restore_job
from serve.service.planning import TranslationRequest
from serve.service.translation_service import TranslationService
from serve.stores.documents import DocumentFiles

LIFETIME = 3600.0
"""Seconds for which the translation of a document is kept."""

_LONGEST_WAIT = 24 * LIFETIME  # of a document that is not finished, while the server is down
_MAX_RUNNING = 2
_MAX_WAITING = 200
_MAX_PER_CLIENT = 20  # documents that are not finished
_SEGMENTS_PER_REQUEST = 100  # few, so that other requests come between
_MAX_ATTEMPTS = 30  # while the queue of sentences is full

_log = logging.getLogger(__name__)


class _StoppedError(Exception):
    """The document has been deleted during its translation, or the server shuts down."""


class DocumentQueue:
    """Translates documents in the order of their arrival, and keeps the results for a limited time."""

    def __init__(self, service: TranslationService, usage: CharacterUsage, files: DocumentFiles) -> None:
        """Create a queue."""
        self._service, self._usage, self._files = service, usage, files
        self._jobs: dict[str, DocumentJob] = {}
        self._running = asyncio.Semaphore(_MAX_RUNNING)
        self._tasks: set[asyncio.Task[None]] = set()

    def restore(self, keys: Iterable[ApiKey], loading: asyncio.Future[None]) -> None:
        """Continue with the documents of an earlier server, as soon as the models are loaded."""
        for record in self._files.read_records():
            job = restore_job(record, keys)
            is_outdated = record.submitted < time.time() - _LONGEST_WAIT
            if job is None or is_outdated or not self._is_complete(job):
                self._files.delete(record.id)
                continue
            self._jobs[job.id] = job
            if not job.done.is_set():
                self._start(job, loading)
        self._expire()

    def submit(
        self, client: Client, name: str, content: bytes, request: TranslationRequest, *, is_awaited: bool = False
    ) -> DocumentJob:
        """Add a document to the queue.

        Args:
            client: Client, to whom the document belongs.
            name: Name of the file.
            content: Content of the file.
            request: Languages and options.
            is_awaited: Whether the client learns the id only when the translation is done, so that the document is
                dropped if the server ends before.

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
        job = DocumentJob(client, name, format_, replace(request, is_segment=True), len(content), is_awaited)
        try:
            self._files.write_source(job.id, content)
            if not is_awaited:
                self._files.write_record(job.record)
        except DocumentStorageError:
            self._discard(job)
            raise
        self._jobs[job.id] = job
        self._start(job)
        return job

    def get(self, document_id: str) -> DocumentJob:
        """Return a document by its id; raise DocumentNotFoundError if there is none."""
        self._expire()
        job = self._jobs.get(document_id)
        if job is None:
            raise self._not_found()
        return job

    def get_owned(self, client: Client, document_id: str, key: str) -> DocumentJob:
        """Return a document of a client; raise DocumentNotFoundError unless both the client and the key are right."""
        job = self._jobs.get(document_id)
        if job is None or job.client.name != client.name or not job.has_key(key):
            raise self._not_found()
        return self.get(document_id)

    def result(self, job: DocumentJob) -> Path:
        """Return the path of a finished translation."""
        return self._files.result(job.id)

    def cancel(self, job: DocumentJob) -> None:
        """Stop the translation of a document, and delete it."""
        job.stopped = job.deleted = True
        self._remove(job)

    def close(self) -> None:
        """Stop all translations. Their files are left to the next server, unless the directory is temporary."""
        for job in self._jobs.values():
            job.stopped = True
        for task in self._tasks:
            task.cancel()
        self._files.close()

    def _start(self, job: DocumentJob, loading: asyncio.Future[None] | None = None) -> None:
        task = asyncio.create_task(self._run(job, loading))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _is_complete(self, job: DocumentJob) -> bool:
        """Return whether the files of a restored document are as its record says."""
        if job.state == "done":
            return self._files.result(job.id).is_file()
        source = self._files.source(job.id)
        return job.done.is_set() or (source.is_file() and source.stat().st_size == job.num_bytes)

    def _not_found(self) -> DocumentNotFoundError:
        message = "there is no such document, or it has expired"
        if not self._files.outlives_server:
            message += "; documents end with the server, so upload it again if the server was restarted"
        return DocumentNotFoundError(message)

    def _remove(self, job: DocumentJob) -> None:
        self._jobs.pop(job.id, None)
        self._discard(job)

    def _discard(self, job: DocumentJob) -> None:
        """Delete the files of a document; log an error of the disk."""
        try:
            self._files.delete(job.id)
        except (CarouselError, OSError) as error:
            _log.error("a document was not deleted: %s", error)

    def _expire(self) -> None:
        """Delete the results that are older than their lifetime."""
        limit = time.time() - LIFETIME
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

    async def _run(self, job: DocumentJob, loading: asyncio.Future[None] | None) -> None:
        """Translate a document when its turn has come; a restored one after the models are loaded."""
        current_client.set(job.client)
        if loading is not None:
            await asyncio.wait([loading])
        async with self._running:
            if job.stopped:
                return
            job.state, job.started = "translating", time.monotonic()
            try:
                await self._translate(job)
            except _StoppedError:
                pass
            except ServiceError as error:
                job.error = error
            except CarouselError as error:
                # The path is the server's own; the client knows the file by another name.
                message = str(error).replace(str(self._files.source(job.id)), "file")
                job.error = BadRequestError(message)
            except Exception as error:
                _log.error("a document was not translated: %s", error_location(error))
                job.error = TranslationFailedError("the translation failed")
            if job.deleted:
                self._files.delete(job.id)  # what was written since
            elif not self._is_interrupted(job):
                self._finish(job)

    def _is_interrupted(self, job: DocumentJob) -> bool:
        """Return whether the server shuts down, so that the next one translates the document."""
        is_refused = job.error is not None and self._service.models.draining
        return job.stopped or (is_refused and self._files.outlives_server and not job.is_awaited)

    def _finish(self, job: DocumentJob) -> None:
        job.state, job.finished = "error" if job.error else "done", time.time()
        job.done.set()
        with suppress(DocumentStorageError):  # then the next server repeats the work
            self._files.write_record(job.record)
        self._files.finish(job.id)

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

            def translate(segments: Sequence[str]) -> Iterator[Translation]:
                """Translate segments on the event loop while this thread waits."""
                for start in range(0, len(segments), _SEGMENTS_PER_REQUEST):
                    _check_stopped(job)
                    part = segments[start : start + _SEGMENTS_PER_REQUEST]
                    yield from asyncio.run_coroutine_threadsafe(self._translate_part(job, part, request), loop).result()

            await asyncio.to_thread(self._translate_file, job, options, self._journal_key(request), translate)

    def _translate_file(self, job: DocumentJob, options: ReadOptions, journal_key: str, translate: Translate) -> None:
        """Translate the file of a document, from where an earlier server has stopped."""
        source, result = self._files.source(job.id), self._files.result(job.id)
        journal = Journal(self._files.journal(job.id), journal_key) if self._files.outlives_server else None
        try:
            translate_file(source, result, job.format, options, translate, journal=journal)
        finally:
            if journal is not None:
                journal.close()

    def _journal_key(self, request: TranslationRequest) -> str:
        """Return a checksum of what determines the translations of a document, beside its content."""
        models = self._service.models
        source, target = models.match_pair(str(request.source_language), request.target_language)
        steps = models.find_route(source.code, target.code)
        names = [step.entry.model.checksum if step.entry.model else step.entry.name for step in steps]
        terms = request.glossary.entries if request.glossary else request.terms
        return hash_json([names, source.name, target.name, terms])

    def _summarise(self, job: DocumentJob, source: Path, options: ReadOptions) -> FileSummary:
        return summarise_file(source, job.format, options, lambda: _check_stopped(job))

    async def _translate_part(
        self, job: DocumentJob, segments: Sequence[str], request: TranslationRequest
    ) -> list[Translation]:
        """Translate segments of a document, and wait while the queue of sentences is full."""
        for attempt in range(_MAX_ATTEMPTS):
            try:
                results = await self._service.translate_segments(segments, request)
            except QueueFullError:
                if attempt == _MAX_ATTEMPTS - 1:
                    raise
                await asyncio.sleep(1)
            else:
                job.num_finished += len(segments)
                self._files.measure(job.id)
                self._make_space(0)
                return [result.translation for result in results]
        raise AssertionError("unreachable")


def file_suffixes() -> list[str]:
    """Return the file name extensions of all formats."""
    return [suffix for format_ in available_formats().values() for suffix in format_.suffixes]


def _check_stopped(job: DocumentJob) -> None:
    if job.stopped:
        raise _StoppedError
