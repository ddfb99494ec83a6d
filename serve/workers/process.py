"""A decoding process: ids in, hypotheses out.

    python -m serve.workers.process SOCKET MODEL

`serve.workers.client` starts it, and asks what `Decoder` answers; the process ends when the other side is gone. Between
two questions it goes on by itself, so that nobody's work elsewhere holds up the next step.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from nmt.inference.continuous_batcher import ContinuousBatcher, DecodingRequest
from nmt.inference.translator import Translator
from nmt.search.hypotheses import Hypothesis
from nmt.utils.errors import CarouselError

_NICENESS = 5
# Seconds between two answers. Each wakes a thread of the server, and one after each step would cost a sixth of it.
_QUIET = 0.004  # while nothing finishes
_CROWDED = 0.016  # while most slots are in use, whatever finishes: there is little room for others before

Found = tuple[Hashable, list[Hypothesis]]


def main() -> None:
    """Load a model, say so, and work until the other side closes the socket."""
    # The server ends its decoders itself, when they have finished what they have begun; but a terminal's Ctrl-C and
    # some supervisors' SIGTERM go to all processes.
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has no SIGHUP
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    connection = Connection(int(sys.argv[1]))
    try:
        translator = Translator.load(sys.argv[2])
    except Exception as error:
        refusal = str(error) if isinstance(error, CarouselError) else f"{type(error).__name__}: {error}"
        with suppress(ConnectionError):  # the server may have found out for itself
            connection.send((False, refusal))
        return
    # HTTP comes first: where all cores decode, who asks should be heard all the same.
    os.nice(_NICENESS)
    # A step leaves few cycles behind: to look for them after every 700 objects takes 2% of the time.
    gc.set_threshold(20_000)
    Decoder(connection, translator).run()


class Lane:
    """A decode loop, and what came of it that was not fetched yet."""

    def __init__(self, loop: ContinuousBatcher) -> None:
        self.loop = loop
        self.found: list[Found] = []
        self.failure: Exception | None = None

    def step(self) -> None:
        """Advance the loop; what fails is told to whoever asks next."""
        try:
            self.found += self.loop.advance()
        except Exception as error:
            self.failure = error

    @property
    def busy(self) -> bool:
        """Whether there are steps to make."""
        return self.failure is None and len(self.loop) > 0

    @property
    def crowded(self) -> bool:
        """Whether most slots are in use."""
        return len(self.loop) > self.loop.free


class Decoder:
    """Answers one question after the other: each is a tuple, a method's name first, and has one answer.

    That is (True, what the method returns), or (False, where it failed).
    """

    def __init__(self, connection: Connection, translator: Translator) -> None:
        self._connection, self._translator = connection, translator
        self._questions: dict[str, Callable[..., None]] = {
            "open": self.open, "admit": self.admit, "release": self.release, "advance": self.advance,
        }  # fmt: skip
        self._lanes: dict[int, Lane] = {}
        self._opened = 0
        self._asked: int | None = None
        """The lane of which somebody waits for news."""
        self._since = 0.0
        """When he asked."""

    def run(self) -> None:
        """Answer and advance all loops in turn, until the other side is gone."""
        try:
            self._answer(self._translator.checksum)
            while True:
                self._listen()
                for lane in list(self._lanes.values()):
                    if lane.busy:
                        lane.step()
                self._report_progress()
        except (EOFError, ConnectionError):
            return

    def _listen(self) -> None:
        """Answer what was asked; without work, wait for a question."""
        while self._asked is None and (self._connection.poll() or not any(lane.busy for lane in self._lanes.values())):
            name, *arguments = pickle.loads(self._connection.recv_bytes())
            try:
                self._questions[name](*arguments)
            except Exception as error:
                self._answer_failure(error)

    def open(self, slots: int, beam: int) -> None:
        """A new loop; the answer is its number."""
        number = self._opened
        self._lanes[number] = Lane(self._translator.continuous_batcher(slots, beam))
        self._opened += 1
        self._answer(number)

    def admit(self, number: int, searches: Sequence[DecodingRequest]) -> None:
        """Take sentences into a loop: all, or none."""
        lane = self._lanes[number]
        if lane.failure is None:
            lane.loop.admit(searches)
        self._answer(None)

    def release(self, number: int, keys: Sequence[Hashable]) -> None:
        """Give up sentences, finished or not."""
        lane, gone = self._lanes[number], set(keys)
        if lane.failure is None:
            lane.loop.release(gone - {key for key, _ in lane.found})
        lane.found = [found for found in lane.found if found[0] not in gone]
        self._answer(None)

    def advance(self, number: int) -> None:
        """What has finished; the answer may take some milliseconds, in which there may be nothing."""
        self._asked, self._since = number, time.perf_counter()
        self._report_progress()

    def _report_progress(self) -> None:
        """Answer who waits, if there is something to tell, or he might have something to say."""
        if self._asked is None:
            return
        lane, waited = self._lanes[self._asked], time.perf_counter() - self._since
        told = waited > _CROWDED if lane.crowded else bool(lane.found) or waited > _QUIET
        if told or not lane.busy:
            self._report(self._asked)

    def _report(self, number: int) -> None:
        self._asked, lane = None, self._lanes[number]
        if lane.failure is not None:
            del self._lanes[number]  # it is of no more use, and nobody asks for it again
            self._answer_failure(lane.failure)
        else:
            found, lane.found = lane.found, []
            self._answer(found)

    def _answer(self, value: Any) -> None:
        self._connection.send_bytes(pickle.dumps((True, value)))

    def _answer_failure(self, error: Exception) -> None:
        # Without the error's own words, which may hold some of a user's text.
        where = f"{type(error).__name__} at\n{''.join(traceback.format_tb(error.__traceback__))}"
        self._connection.send_bytes(pickle.dumps((False, where)))


if __name__ == "__main__":
    main()
