"""Decoding processes, as the service sees them.

Only one thread of a process can run Python at a time. A step of search is a third Python, so that decoding threads
would wait for each other and for HTTP, and more than three of them would gain nothing. So each decode loop runs in a
process of its own (`serve.workers.process`), and a thread of the service waits for it.
"""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import weakref
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.utils.errors import CarouselError

if TYPE_CHECKING:
    from nmt.inference.continuous_batcher import DecodingRequest
    from nmt.model_directory.directory import ModelDirectory
    from nmt.search.hypotheses import Hypothesis

_GRACE = 5  # seconds that a process may take to end by itself: a step, however large
# Large arrays go back to the system when they are done with. As glibc has it by itself, which keeps them for later, a
# process grows by half.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1000000"}


class DecoderError(Exception):
    """Something failed in a decoding process; ``where`` is the kind of exception and its place there."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class DecoderLostError(DecoderError):
    """The process itself is gone."""


class DecodingProcess:
    """A decoding process of a model. One thread uses it at a time."""

    def __init__(self, model: Path) -> None:
        """Starts it; `wait` for it before anything is asked."""
        ours, theirs = socket.socketpair()
        with theirs:
            # What is imported there is what would be imported here; -P, because that may not be what lies around.
            environment = _MEMORY | os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "serve.workers.process", str(theirs.fileno()), str(model)],
                stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()], env=environment,
            )  # fmt: skip
        self._connection = Connection(ours.detach())
        self.lost = False
        """Whether it is gone; nothing more can be asked of it."""

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def wait(self, checksum: str) -> None:
        """Wait until the model is loaded; raises CarouselError where it can't be, or is another one than thought."""
        try:
            good, answer = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            raise CarouselError("a decoding process ended while it loaded its model; is there enough memory?") from None
        if not good:
            raise CarouselError(answer)
        if answer != checksum:
            raise CarouselError("the model was replaced while it was being loaded; load it again")

    def ask(self, *question: Any) -> Any:
        """The answer to a question, which is one of the methods of `serve.workers.process.Decoder` and its arguments."""
        try:
            self._connection.send_bytes(pickle.dumps(question))
            good, answer = pickle.loads(self._connection.recv_bytes())
        except (EOFError, OSError):
            self.lost = True
            raise DecoderLostError("the decoding process was killed or has crashed") from None
        if not good:
            raise DecoderError(answer)
        return answer

    def hang_up(self) -> None:
        """Let it end, as it does when nobody is there to ask it."""
        self.lost = True
        self._connection.close()

    def close(self) -> None:
        """Let it end, and wait for that."""
        self.hang_up()
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class RemoteLoop:
    """A loop of a decoding process; for the rest like `nmt.inference.continuous_batcher.ContinuousBatcher`, but that it goes on by itself."""

    def __init__(self, decoder: DecodingProcess, slots: int, beam: int) -> None:
        self.slots, self.beam = slots, beam
        self._decoder = decoder
        self._loop: int = decoder.ask("open", slots, beam)
        self._serial = count()
        self._keys: dict[int, Hashable] = {}
        self._numbers: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """How many sentences are in work, or finished and not fetched yet."""
        return len(self._keys)

    @property
    def free(self) -> int:
        """How many more sentences there is room for."""
        return self.slots - len(self._keys)

    def admit(self, searches: Sequence[DecodingRequest]) -> None:
        """Take in sentences, at most as many as are `free`. Where this raises, none of them is in work."""
        numbers = [next(self._serial) for _ in searches]
        numbered = [replace(search, key=number) for search, number in zip(searches, numbers, strict=True)]
        self._decoder.ask("admit", self._loop, numbered)
        for search, number in zip(searches, numbers, strict=True):
            self._keys[number], self._numbers[search.key] = search.key, number

    def release(self, keys: Iterable[Hashable]) -> None:
        """Give up some of the sentences in work."""
        numbers = [self._numbers.pop(key) for key in keys]
        for number in numbers:
            del self._keys[number]
        if numbers:
            self._decoder.ask("release", self._loop, numbers)

    def advance(self) -> list[tuple[Hashable, list[Hypothesis]]]:
        """The sentences that have finished since the last call; after some milliseconds there may be none."""
        found = [
            (self._keys.pop(number), hypotheses) for number, hypotheses in self._decoder.ask("advance", self._loop)
        ]
        for key, _ in found:
            del self._numbers[key]
        return found


class RemoteTranslator:
    """A model in decoding processes; the text itself is taken apart and put together here."""

    def __init__(self, bundle: ModelDirectory, decoders: list[DecodingProcess]) -> None:
        """Use `RemoteTranslator.load` instead."""
        from nmt.inference.text_processor import TextProcessor

        self._bundle, self._decoders = bundle, decoders
        self.text_processor = TextProcessor(bundle, bundle.card.confidence)
        self.source_language, self.target_language = bundle.card.source_language, bundle.card.target_language
        self.beam, self.checksum = bundle.card.search.beam, bundle.checksum
        self.decoding_options = bundle.decoding_options
        self.phrase_ids = self.text_processor.phrase_ids
        weakref.finalize(self, _close, decoders)

    @staticmethod
    def load(path: Path, processes: int) -> RemoteTranslator:
        """Load the model directory at ``path``; raises CarouselError with one line when it can't be."""
        from nmt.model_directory.directory import read_model_directory

        decoders = [DecodingProcess(path) for _ in range(processes)]
        try:
            bundle = read_model_directory(path)
            for decoder in decoders:
                decoder.wait(bundle.checksum)
        except BaseException:
            _close(decoders)
            raise
        return RemoteTranslator(bundle, decoders)

    def loop(self, thread: int, slots: int, beam: int) -> RemoteLoop:
        """A loop in the n-th process, which is started again if it was lost. Raises CarouselError where it can't be."""
        if self._decoders[thread].lost:
            self._decoders[thread].close()
            decoder = DecodingProcess(self._bundle.path)
            try:
                decoder.wait(self.checksum)
            except BaseException:  # what it has loaded may be another model
                decoder.close()
                raise
            self._decoders[thread] = decoder
        return RemoteLoop(self._decoders[thread], slots, beam)


def _close(decoders: Sequence[DecodingProcess]) -> None:
    for decoder in decoders:
        decoder.hang_up()
    for decoder in decoders:
        decoder.close()
