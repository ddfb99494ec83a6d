"""The server's side of the worker processes.

Only one thread of a process can run Python code at a time, and a third of a decoding step is Python. If the server's
own threads decoded, they would wait for each other and for HTTP, and more than three would gain nothing. Each worker
thread therefore has a process of its own (`serve.workers.process`) for each model, and waits for its replies.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.utils.errors import CarouselError

if TYPE_CHECKING:
    from nmt.inference.continuous_batcher import DecodingRequest
    from nmt.model_directory.directory import ModelDirectory
    from nmt.search.hypotheses import Hypothesis

_EXIT_TIMEOUT = 5  # seconds for a process to end by itself: longer than any decoding step


class WorkerError(Exception):
    """A call failed in a worker process."""

    def __init__(self, location: str) -> None:
        """``location`` has the type and the stack trace of the exception in the worker process."""
        super().__init__(location)
        self.location = location


class WorkerLostError(WorkerError):
    """The worker process has ended."""


class WorkerProcess:
    """A worker process with one model. Only one thread makes calls; any thread may close it."""

    def __init__(self, process: subprocess.Popen[bytes], connection: Connection) -> None:
        """Use `WorkerProcess.start` instead."""
        self._process, self._connection = process, connection
        self._lock = threading.Lock()
        self.lost = False
        """Whether the process has ended or was closed, so that further calls fail."""

    @staticmethod
    def start(model: Path) -> WorkerProcess:
        """Start a process that loads a model directory; call `wait_until_loaded` before any other method."""
        ours, theirs = socket.socketpair()
        with theirs:
            # The process imports the same packages as this one; -P excludes the working directory.
            environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "serve.workers.process", str(model)],
                stdin=theirs.fileno(),
                env=environment,
            )
        return WorkerProcess(process, Connection(ours.detach()))

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def wait_until_loaded(self, checksum: str) -> None:
        """Wait until the model is loaded; raise CarouselError if that fails or the checksum is not the expected one."""
        try:
            succeeded, reply = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise CarouselError(
                "a worker process ended while it loaded its model; check that there is enough memory"
            ) from None
        if not succeeded:
            raise CarouselError(reply)
        if reply != checksum:
            raise CarouselError("the model was replaced while it was being loaded; load it again")

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of `serve.workers.process.WorkerServer` and return its result.

        Raises:
            WorkerError: If the method raised.
            WorkerLostError: If the process has ended.
        """
        try:
            with self._lock:
                self._connection.send_bytes(pickle.dumps((method, *arguments)))
                succeeded, reply = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self.lost = True
            raise WorkerLostError("the worker process was killed or has crashed") from None
        if not succeeded:
            raise WorkerError(reply)
        return reply

    def disconnect(self) -> None:
        """Close the connection, which ends the process after its current step."""
        if not self._lock.acquire(timeout=_EXIT_TIMEOUT):
            self._process.kill()  # a call hangs; this ends it
            self._lock.acquire()
        try:
            self.lost = True
            self._connection.close()
        finally:
            self._lock.release()

    def close(self) -> None:
        """End the process and wait for it."""
        self.disconnect()
        try:
            self._process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class RemoteBatcher:
    """A batcher in a worker process. Unlike a local one, it also advances between calls."""

    def __init__(self, process: WorkerProcess, slots: int, beam: int) -> None:
        self.slots, self.beam = slots, beam
        self._process = process
        self._batcher: int = process.call("create_batcher", slots, beam)
        self._serial = count()
        self._keys: dict[int, Hashable] = {}  # by the number that replaces the key in messages
        self._numbers: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """Return the number of requests in the batch, including finished ones that were not fetched yet."""
        return len(self._keys)

    @property
    def free(self) -> int:
        """Number of free slots."""
        return self.slots - len(self._keys)

    def admit(self, requests: Sequence[DecodingRequest]) -> None:
        """Add at most `free` requests to the batch. If this raises, none of them was added."""
        numbers = [next(self._serial) for _ in requests]
        numbered = [replace(request, key=number) for request, number in zip(requests, numbers, strict=True)]
        self._process.call("admit", self._batcher, numbered)
        for request, number in zip(requests, numbers, strict=True):
            self._keys[number], self._numbers[request.key] = request.key, number

    def release(self, keys: Iterable[Hashable]) -> None:
        """Remove requests from the batch."""
        numbers = [self._numbers.pop(key) for key in keys]
        for number in numbers:
            del self._keys[number]
        if numbers:
            self._process.call("release", self._batcher, numbers)

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        """Return the requests that have finished since the last call; after some milliseconds possibly none."""
        finished = [
            (self._keys.pop(number), hypotheses) for number, hypotheses in self._process.call("advance", self._batcher)
        ]
        for key, _ in finished:
            del self._numbers[key]
        return finished


class RemoteTranslator:
    """A model that worker processes decode with; text is tokenised and detokenised in this process."""

    def __init__(self, directory: ModelDirectory, processes: list[WorkerProcess]) -> None:
        """Use `RemoteTranslator.load` instead."""
        from nmt.inference.text_processor import TextProcessor

        card = directory.card
        self._directory, self._processes = directory, processes
        self._lock = threading.Lock()
        self._closed = False
        self.text_processor = TextProcessor(directory, card.confidence)
        self.source_language, self.target_language = card.source_language, card.target_language
        self.beam, self.checksum = card.search.beam, directory.checksum
        self.decoding_options = directory.decoding_options
        self.phrase_ids = self.text_processor.phrase_ids

    @staticmethod
    def load(path: Path, processes: int) -> RemoteTranslator:
        """Load a model directory into a number of processes; raise CarouselError if that fails."""
        from nmt.model_directory.directory import read_model_directory

        started = [WorkerProcess.start(path) for _ in range(processes)]
        try:
            directory = read_model_directory(path)
            for process in started:
                process.wait_until_loaded(directory.checksum)
        except BaseException:
            _close(started)
            raise
        return RemoteTranslator(directory, started)

    @property
    def pids(self) -> list[int]:
        """Ids of the worker processes."""
        return [process.pid for process in self._processes]

    def create_batcher(self, worker: int, slots: int, beam: int) -> RemoteBatcher:
        """Create a batcher in the process of a worker thread.

        A lost process is started again; raises CarouselError if that fails, and WorkerLostError after `close`.
        """
        if self._processes[worker].lost:
            self._restart(worker)
        return RemoteBatcher(self._processes[worker], slots, beam)

    def _restart(self, worker: int) -> None:
        self._check_open()
        self._processes[worker].close()
        process = WorkerProcess.start(self._directory.path)
        try:
            process.wait_until_loaded(self.checksum)  # the model directory may have been replaced
            with self._lock:
                self._check_open()
                self._processes[worker] = process
        except BaseException:
            process.close()
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise WorkerLostError("the model was closed")

    def close(self) -> None:
        """End all processes. Calls that other threads make afterwards raise WorkerLostError."""
        with self._lock:
            self._closed = True
        _close(self._processes)


@dataclass(frozen=True)
class ModelDirectoryLoader:
    """Loads the model directory at ``path`` into ``processes`` worker processes, one for each worker thread."""

    path: Path
    processes: int

    def pair(self) -> tuple[str, str]:
        """Read the source and target language from the model directory."""
        # Imported late, so that the server answers /health while the package is still being imported.
        from nmt.model_directory.directory import read_model_directory

        card = read_model_directory(self.path).card
        return card.source_language, card.target_language

    def load(self) -> RemoteTranslator:
        """Load the model; raise CarouselError if that fails."""
        return RemoteTranslator.load(self.path, self.processes)


def _close(processes: Sequence[WorkerProcess]) -> None:
    for process in processes:
        process.disconnect()
    for process in processes:
        process.close()
