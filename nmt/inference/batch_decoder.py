"""Ids in, hypotheses out: threads that search, the engines that they keep, and a second try where one went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from threading import Event
from typing import Any

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.factory import EngineFactory
from nmt.inference.continuous_batcher import RETRY_NGRAM_SIZE, ContinuousBatcher
from nmt.inference.repetition import has_repetition
from nmt.search.beam_search import Hypothesis, search_all
from nmt.search.forced_scoring import ForcedScore, score_all
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine

Numbered = tuple[int, Sequence[int]]
"""A sentence's number and its source ids."""
NumberedPair = tuple[int, Sequence[int], Sequence[int]]
"""A pair's number, source ids and target ids."""
_Results = Iterator[tuple[int, Any]]  # what was found for each number

# Sentences searched together. A step's time grows with its rows from the first on, so few of like length, whose memory
# stays in the cache, are faster than many; for the same reason all finish before others begin (benchmarks/refill.py).
SLOTS = 16
_SENTENCES_A_THREAD = 8  # below that, another thread brings nothing


class BatchDecoder:
    """Decoding threads, each with engines of its own."""

    def __init__(self, factories: Sequence[EngineFactory]) -> None:
        self._workers = [_Worker(make_engine) for make_engine in factories]
        self._threads = ThreadPoolExecutor(len(factories), "decoding")  # starts none before there is work

    def search(self, sentences: Sequence[Numbered], beam: int, options: DecodingOptions) -> dict[int, list[Hypothesis]]:
        """The hypotheses of numbered sentences, best first.

        A translation that loops is searched once more, with no three pieces allowed to come twice; it stays as it was
        if that doesn't help.
        """
        found = self._share(sentences, lambda worker, share: worker.search(share, beam, options))
        looping = [(n, source) for n, source in sentences if has_repetition(source, found[n][0].tokens)]
        if looping and options.no_repeat_ngram_size == 0 and options.retry_repetition:
            safer = replace(options, no_repeat_ngram_size=RETRY_NGRAM_SIZE)
            again = self._share(looping, lambda worker, share: worker.search(share, beam, safer))
            found |= {n: again[n] for n, source in looping if not has_repetition(source, again[n][0].tokens)}
        return found

    def score(self, pairs: Sequence[NumberedPair]) -> dict[int, ForcedScore]:
        """What the model thinks of numbered pairs."""
        return self._share(pairs, lambda worker, share: worker.score(share))

    def loop(self, slots: int, beam: int) -> ContinuousBatcher:
        """A loop with an engine of its own, whose graphs are those of the first thread."""
        return ContinuousBatcher(self._workers[0].make_engine(slots, beam))

    def _share(self, items: Sequence[Any], work: Callable[[_Worker, Sequence[Any]], _Results]) -> dict[int, Any]:
        """Each thread works on every n-th item, so that all get like lengths."""
        count = min(len(self._workers), -(-len(items) // _SENTENCES_A_THREAD))
        if count <= 1:
            return dict(work(self._workers[0], items))
        given_up = Event()
        shares = [work(self._workers[n], items[n::count]) for n in range(count)]
        running = [self._threads.submit(_collected, share, given_up) for share in shares]
        try:
            return {number: result for future in running for number, result in future.result().items()}
        except BaseException:  # such as Ctrl-C: a process doesn't end before its threads do
            given_up.set()
            raise


def _collected(results: _Results, given_up: Event) -> dict[int, Any]:
    """All of them, or those that were there before they were given up."""
    found = {}
    for number, result in results:
        if given_up.is_set():
            break
        found[number] = result
    return found


class _Worker:
    """One thread's engines."""

    def __init__(self, make_engine: EngineFactory) -> None:
        self.make_engine = make_engine
        self._engines: dict[tuple[int, int], Engine] = {}

    def search(self, sentences: Sequence[Numbered], beam: int, options: DecodingOptions) -> _Results:
        with self._engine(len(sentences), beam) as engine:
            yield from search_all(engine, sentences, BOS, EOS, options, refill=False)

    def score(self, pairs: Sequence[NumberedPair]) -> _Results:
        with self._engine(len(pairs), 1) as engine:
            yield from score_all(engine, pairs, BOS, EOS, attention=True)

    @contextmanager
    def _engine(self, sentences: int, beam: int) -> Iterator[Engine]:
        """An engine of that beam, kept for the next call unless this one fails: sentences would be left in it."""
        # Search keeps arrays of all slots: a sentence alone should not pay for the room of many.
        key = (SLOTS if sentences > 1 else 1), beam
        engine = self._engines.pop(key, None) or self.make_engine(*key)
        yield engine
        self._engines[key] = engine
