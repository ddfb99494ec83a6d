"""The program of a worker process, which receives token ids and returns hypotheses.

    python -m serve.workers.process MODEL SOCKET...

`serve.workers.client` starts it with the file descriptors of inherited sockets. For each of them a thread decodes, and
the client calls the methods of the thread's `WorkerServer` over the socket. The threads share the weights of the model.
The process ends when the sockets are closed. It continues to decode between calls, so that other work of the server
does not delay its next step.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Hashable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from nmt.inference.continuous_batcher import ContinuousBatcher, DecodingRequest
from nmt.inference.translator import Translator
from nmt.search.hypotheses import Hypothesis
from nmt.utils.allocator import return_large_blocks
from nmt.utils.errors import CarouselError
from serve.errors import error_location

_NICENESS = 5
# Seconds between two replies. Each reply wakes a thread of the server; a reply per step would cost a sixth of its time.
_REPLY_INTERVAL = 0.004  # while nothing finishes
_BUSY_REPLY_INTERVAL = 0.008  # while most slots are in use, even if something finishes: few slots could be refilled
# Steps of one call of the batcher, times sentences: some 2 ms, after which the server may admit others.
_MAX_SENTENCE_STEPS = 64

FinishedRequest = tuple[Hashable, list[Hypothesis]]
"""Key of a request with its hypotheses, best first."""


def main() -> None:
    """Load a model, send its checksum, and decode until the server closes the socket."""
    # The server ends its workers itself after they have finished their work, but Ctrl-C in a terminal and some
    # supervisors send signals to all processes.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # SIGHUP does not exist on Windows
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    return_large_blocks()
    connections = [Connection(int(descriptor)) for descriptor in sys.argv[2:]]
    try:
        translator = Translator.load(sys.argv[1], threads=len(connections))
    except Exception as error:
        message = str(error) if isinstance(error, CarouselError) else f"{type(error).__name__}: {error}"
        with suppress(ConnectionError):  # the server may have given up already
            connections[0].send((False, message))
        return
    # HTTP has priority over decoding, so that the server stays responsive while all cores decode.
    if hasattr(os, "nice"):  # it does not exist on Windows
        os.nice(_NICENESS)
    # A step leaves few reference cycles; collecting them after every 700 allocations takes 2% of the time.
    gc.set_threshold(20_000)
    # A thread that returns from native code waits for the interpreter, which another thread may hold for this long.
    sys.setswitchinterval(5e-4)
    servers = [WorkerServer(connection, translator, number) for number, connection in enumerate(connections)]
    threads = [threading.Thread(target=server.run) for server in servers]
    with suppress(ConnectionError):
        connections[0].send((True, translator.checksum))
        for thread in threads:
            thread.start()


@dataclass
class BatcherSession:
    """A batcher with its results that were not fetched yet."""

    batcher: ContinuousBatcher
    finished: list[FinishedRequest] = field(default_factory=list)
    """Finished requests that were not fetched yet."""
    error: Exception | None = None
    """Exception that made the batcher unusable; the next call of `advance` for this batcher reports it."""

    @property
    def active(self) -> bool:
        """Whether there are requests to decode."""
        return len(self.batcher) > 0 and self.error is None

    def step(self) -> None:
        """Advance the batcher by one step or some, and keep its results or its exception."""
        try:
            self.finished += self.batcher.advance(max(1, _MAX_SENTENCE_STEPS // len(self.batcher)))
        except Exception as error:
            self.error = error


class WorkerServer:
    """Handles calls of the server. A call is a tuple of a method's name and its arguments, and receives one reply.

    The reply is ``(True, result)``, or ``(False, location of the error)``.
    """

    def __init__(self, connection: Connection, translator: Translator, thread_number: int = 0) -> None:
        self._connection, self._translator, self._thread_number = connection, translator, thread_number
        self._sessions: dict[int, BatcherSession] = {}
        """Sessions by the number of the batcher."""
        self._next_number = 0
        self._awaited: int | None = None
        """Number of the batcher whose call of `advance` has no reply yet."""
        self._awaited_since = 0.0

    def run(self) -> None:
        """Handle calls and advance all batchers in turn until the connection is closed; then close this end, too."""
        with self._connection, suppress(EOFError, ConnectionError):
            while True:
                self._handle_calls()
                for session in list(self._sessions.values()):
                    if session.active:
                        session.step()
                self._reply_if_due()

    def _handle_calls(self) -> None:
        """Handle the calls that have arrived; wait for one if there is nothing to decode."""
        while self._awaited is None and (
            self._connection.poll() or not any(session.active for session in self._sessions.values())
        ):
            method, *arguments = pickle.loads(self._connection.recv_bytes())
            try:
                getattr(self, method)(*arguments)
            except Exception as error:
                self._reply(error_location(error), succeeded=False)

    def create_batcher(self, num_slots: int, beam_size: int) -> None:
        """Create a batcher and send its number."""
        batcher = self._translator.continuous_batcher(num_slots, beam_size, self._thread_number)
        self._sessions[self._next_number] = BatcherSession(batcher)
        self._next_number += 1
        self._reply(self._next_number - 1)

    def admit(self, batcher_number: int, requests: Sequence[DecodingRequest]) -> None:
        """Add all requests to the batcher with this number. If that fails, none of them is added."""
        session = self._sessions[batcher_number]
        if session.error is None:
            session.batcher.admit(requests)
        self._reply(None)

    def release(self, batcher_number: int, keys: Sequence[Hashable]) -> None:
        """Remove the requests with the given keys, finished or not, from a batcher."""
        session, released = self._sessions[batcher_number], set(keys)
        if session.error is None:
            session.batcher.release(released - {key for key, _ in session.finished})
        session.finished = [finished for finished in session.finished if finished[0] not in released]
        self._reply(None)

    def advance(self, batcher_number: int) -> None:
        """Send the finished requests of a batcher after some milliseconds; there may be none."""
        self._awaited, self._awaited_since = batcher_number, time.perf_counter()
        self._reply_if_due()

    def _reply_if_due(self) -> None:
        """Reply to a pending `advance` if there are results, or the server may want to refill the batch."""
        if self._awaited is None:
            return
        session, waited = self._sessions[self._awaited], time.perf_counter() - self._awaited_since
        if len(session.batcher) > session.batcher.num_free:  # most slots are in use
            due = waited > _BUSY_REPLY_INTERVAL
        else:
            due = bool(session.finished) or waited > _REPLY_INTERVAL
        if session.error is not None:
            del self._sessions[self._awaited]  # the batcher is unusable, and the server makes no more calls for it
            self._awaited = None
            self._reply(error_location(session.error), succeeded=False)
        elif due or not session.active:
            self._awaited = None
            finished, session.finished = session.finished, []
            self._reply(finished)

    def _reply(self, result: Any, *, succeeded: bool = True) -> None:
        self._connection.send_bytes(pickle.dumps((succeeded, result)))


if __name__ == "__main__":
    main()
