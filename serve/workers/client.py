"""The server's side of the worker processes.

A model is decoded in a process of its own (`serve.workers.process`), so that a crash, a lack of memory or a model that
never ends its work does not take the server with it; the server starts the process again. The process has a decoding
thread for each worker thread of the server, which waits for its replies. The decoding threads share the weights, and
native code runs in all of them at the same time.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.utils.errors import CarouselError

if TYPE_CHECKING:
    from nmt.inference.continuous_batcher import DecodingRequest
    from nmt.inference.directions import AvailableDirections, LanguagePair
    from nmt.inference.text_processor import TextProcessor
    from nmt.model_directory.directory import ModelDirectory
    from nmt.search.hypotheses import Hypothesis
    from nmt.text.chinese import ChineseScript

_EXIT_TIMEOUT = 5  # seconds for a process to end by itself: longer than any decoding step


class WorkerError(Exception):
    """A call failed in a worker process; the message is the type and stack trace of the exception raised there."""


class WorkerLostError(WorkerError):
    """The worker process has ended."""


class WorkerConnection:
    """Connection to a decoding thread of a worker process. Only one thread makes calls; any thread may close it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self.lost = False
        """True if the process has ended or the connection was closed, so that further calls fail."""

    def receive(self) -> tuple[bool, Any]:
        """Return whether a call has succeeded, and its result or the location of the error."""
        succeeded, reply = pickle.loads(self._connection.recv_bytes())
        return succeeded, reply

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of `serve.workers.process.WorkerServer` and return its result.

        Raises:
            WorkerError: If the method raised.
            WorkerLostError: If the process has ended.
        """
        try:
            with self._lock:
                self._connection.send_bytes(pickle.dumps((method, *arguments)))
                succeeded, reply = self.receive()
        except (EOFError, OSError):
            self.lost = True
            raise WorkerLostError("the worker process was killed or has crashed") from None
        if not succeeded:
            raise WorkerError(reply)
        return reply

    def close(self, kill: Callable[[], None]) -> None:
        """Close the connection after the current call; if that takes long, call a function that kills the process."""
        if not self._lock.acquire(timeout=_EXIT_TIMEOUT):
            kill()  # a call hangs; this ends it
            self._lock.acquire()
        try:
            self.lost = True
            self._connection.close()
        finally:
            self._lock.release()


class WorkerProcess:
    """A worker process with one model, and a connection to each of its decoding threads."""

    def __init__(self, process: subprocess.Popen[bytes], connections: Sequence[WorkerConnection]) -> None:
        """Wrap a running process; `start` creates a new one."""
        self.popen, self.connections = process, connections

    @staticmethod
    def start(model_directory: Path, num_threads: int) -> WorkerProcess:
        """Start a process that loads a model directory; call `wait_until_loaded` before using its connections."""
        pairs = [socket.socketpair() for _ in range(num_threads)]
        with ExitStack() as theirs:
            sockets = [theirs.enter_context(their) for _, their in pairs]
            descriptors = [each.fileno() for each in sockets]
            # The process imports the same packages as this one; -P excludes the working directory.
            environment = {name: value for name, value in os.environ.items() if name.upper() != "NMT_API_KEYS"}
            environment["PYTHONPATH"] = os.pathsep.join(sys.path)
            command = [sys.executable, "-P", "-m", "serve.workers.process", str(model_directory)]
            process = subprocess.Popen(
                [*command, *map(str, descriptors)], stdin=subprocess.DEVNULL, env=environment, pass_fds=descriptors
            )
        return WorkerProcess(process, [WorkerConnection(Connection(ours.detach())) for ours, _ in pairs])

    @property
    def lost(self) -> bool:
        """True if the process has ended or was closed."""
        return any(connection.lost for connection in self.connections)

    def wait_until_loaded(self, expected_checksum: str) -> None:
        """Wait until the model is loaded; raise CarouselError if that fails or its checksum is another one."""
        try:
            succeeded, reply = self.connections[0].receive()
        except (EOFError, OSError):
            message = "a worker process ended while it loaded its model; check that there is enough memory"
            raise CarouselError(message) from None
        if not succeeded:
            raise CarouselError(reply)
        if reply != expected_checksum:
            raise CarouselError("the model was replaced while it was being loaded; load it again")

    def close(self) -> None:
        """End the process after its current step and wait for it."""
        for connection in self.connections:
            connection.close(self.popen.kill)
        try:
            self.popen.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


class RemoteBatcher:
    """A batcher in a worker process. Unlike a local batcher, it also advances between calls."""

    def __init__(self, connection: WorkerConnection, num_slots: int, beam_size: int) -> None:
        self.num_slots = num_slots
        self._connection = connection
        self._batcher_number: int = connection.call("create_batcher", num_slots, beam_size)
        self._serial = count()
        self._keys: dict[int, Hashable] = {}  # by the number that replaces the key in messages

    def __len__(self) -> int:
        """Return the number of requests in the batch, including finished requests that were not fetched yet."""
        return len(self._keys)

    @property
    def num_free(self) -> int:
        """Number of free slots."""
        return self.num_slots - len(self._keys)

    def admit(self, requests: Sequence[DecodingRequest]) -> None:
        """Add requests, at most as many as there are free slots. If this raises, none of them was added."""
        numbers = [next(self._serial) for _ in requests]
        numbered = [replace(request, key=number) for request, number in zip(requests, numbers, strict=True)]
        self._connection.call("admit", self._batcher_number, numbered)
        self._keys.update(zip(numbers, (request.key for request in requests), strict=True))

    def release(self, keys: Iterable[Hashable]) -> None:
        """Remove the requests with the given keys from the batch."""
        released = set(keys)
        if numbers := [number for number, key in self._keys.items() if key in released]:
            self._keys = {number: key for number, key in self._keys.items() if key not in released}
            self._connection.call("release", self._batcher_number, numbers)

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        """Return the key and hypotheses of each request that has finished since the last call.

        The call takes some milliseconds; the list is empty if no request finishes within this time.
        """
        results = self._connection.call("advance", self._batcher_number)
        return [(self._keys.pop(number), hypotheses) for number, hypotheses in results]


class RemoteTranslator:
    """A model that is loaded in a worker process, which decodes; this process tokenises and detokenises the texts."""

    def __init__(self, directory: ModelDirectory, process: WorkerProcess) -> None:
        """Use a process that has loaded the model directory; `ModelDirectoryLoader` starts it."""
        card = directory.card
        self._directory, self._process = directory, process
        self._lock, self._restart_lock = threading.Lock(), threading.Lock()
        self._closed = False
        self.directions = [(each.source, each.target) for each in card.trained_directions]
        self.beam_size, self.checksum = card.search.beam, directory.checksum

    @property
    def pid(self) -> int:
        """Id of the worker process."""
        return self._process.popen.pid

    def create_text_processor(self, pair: LanguagePair, script: ChineseScript | None = None) -> TextProcessor:
        """Create the text processor of a direction, trained or not; ``script`` is that of Chinese translations.

        Raises CarouselError if the model does not know one of the languages.
        """
        from nmt.inference.text_processor import TextProcessor

        direction = self._directory.card.find_direction(*pair)
        if direction is None:
            raise CarouselError(f"{'→'.join(pair)}: {self._directory.path} does not translate this; load another model")
        return TextProcessor(self._directory, direction, script=script)

    def create_batcher(self, worker_number: int, num_slots: int, beam_size: int) -> RemoteBatcher:
        """Create a batcher in the decoding thread of the worker thread with this number.

        A lost process is started again; raises CarouselError if that fails, and WorkerLostError after `close`.
        """
        with self._restart_lock:  # all worker threads lose the process at the same time
            if self._process.lost:
                self._restart()
            connection = self._process.connections[worker_number]
        return RemoteBatcher(connection, num_slots, beam_size)

    def _restart(self) -> None:
        self._check_open()
        self._process.close()
        process = WorkerProcess.start(self._directory.path, len(self._process.connections))
        try:
            process.wait_until_loaded(self.checksum)  # the model directory may have been replaced
            with self._lock:
                self._check_open()
                self._process = process
        except BaseException:
            process.close()
            raise

    def _check_open(self) -> None:
        if self._closed:
            raise WorkerLostError("the model was closed")

    def close(self) -> None:
        """End the process. Calls that other threads make afterwards raise WorkerLostError."""
        with self._lock:
            self._closed = True
        self._process.close()


@dataclass(frozen=True)
class ModelDirectoryLoader:
    """Loads a model directory into a worker process."""

    path: Path
    """Path of the model directory."""
    num_threads: int
    """Number of decoding threads, one for each worker thread."""

    @property
    def name(self) -> str:
        """Path of the model directory."""
        return str(self.path)

    def directions(self) -> AvailableDirections:
        """Read the directions from the model directory."""
        # Imported late, so that the server answers /health while the package is still being imported.
        from nmt.inference.directions import AvailableDirections
        from nmt.model_directory.directory import read_model_directory

        return AvailableDirections.of_model(read_model_directory(self.path).card)

    def load(self) -> RemoteTranslator:
        """Load the model; raise CarouselError if that fails."""
        from nmt.model_directory.directory import read_model_directory

        process = WorkerProcess.start(self.path, self.num_threads)
        try:
            directory = read_model_directory(self.path)
            process.wait_until_loaded(directory.checksum)
            return RemoteTranslator(directory, process)
        except BaseException:
            process.close()
            raise
