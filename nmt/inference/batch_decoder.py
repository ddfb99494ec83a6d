"""Batch decoding: sentences, given as token ids, are decoded by one or more threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from threading import Event
from typing import Any

from nmt.corpus.tokenizer import BOS, EOS
from nmt.engine.factory import EngineFactory
from nmt.inference.continuous_batcher import ContinuousBatcher
from nmt.inference.retry import choose_attempt, retry_options
from nmt.search.beam_search import Hypothesis, decode_sentences
from nmt.search.forced_scoring import ForcedScore, score_pairs
from nmt.search.options import DecodingOptions
from nmt.search.protocol import Engine
from nmt.utils.errors import CarouselError

NumberedSource = tuple[int, Sequence[int]]
"""Number of a sentence, by which its result is returned, and its source token ids."""
NumberedPair = tuple[int, Sequence[int], Sequence[int]]
"""Number of a sentence pair, by which its result is returned, its source token ids and its target token ids."""
_NumberedResults = Iterator[tuple[int, Any]]

# The time of a step grows with the number of rows, so a few sentences of similar length, whose state stays in the CPU
# cache, are decoded faster than many. For the same reason slots are not refilled before all sentences have finished
# (see benchmarks/refill.py).
_BATCH_SIZE = 16  # sentences
_MIN_SENTENCES_PER_THREAD = 8  # with fewer, another thread does not pay off


class BatchDecoder:
    """Pool of decoding threads, with one thread per engine factory."""

    def __init__(self, factories: Sequence[EngineFactory]) -> None:
        self._workers = [_ThreadEngines(make_engine) for make_engine in factories]
        self._threads = ThreadPoolExecutor(len(factories), "decoding")  # starts threads on first use

    def search(
        self, sentences: Sequence[NumberedSource], beam_size: int, options: DecodingOptions
    ) -> dict[int, list[Hypothesis]]:
        """Return the hypotheses of each sentence, best first, by its number.

        A sentence whose translation has a flaw is decoded again; see `nmt.inference.retry`.

        Raises:
            CarouselError: The network computes scores that are not numbers.
        """
        found = self._run_in_threads(sentences, lambda worker, share: worker.search(share, beam_size, options))
        if not all(found.values()):
            raise CarouselError("model: the network computes scores that are NaN; its weights are damaged, replace it")
        retried: dict[DecodingOptions, list[NumberedSource]] = {}
        for n, source in sentences:
            if retry := retry_options(source, found[n], options):
                retried.setdefault(retry, []).append((n, source))
        for retry, again in retried.items():
            second = self._run_in_threads(again, partial(_ThreadEngines.search, beam_size=beam_size, options=retry))
            found |= {n: choose_attempt(source, found[n], second[n]) for n, source in again if second[n]}
        return found

    def score(self, pairs: Sequence[NumberedPair]) -> dict[int, ForcedScore]:
        """Return the score of each sentence pair by its number."""
        return self._run_in_threads(pairs, lambda worker, share: worker.score(share))

    def continuous_batcher(self, num_slots: int, beam_size: int, thread_number: int) -> ContinuousBatcher:
        """Return a continuous batcher with a new engine, which the factory of a thread creates."""
        worker = self._workers[thread_number % len(self._workers)]  # the torch engine has one factory for all threads
        return ContinuousBatcher(worker.make_engine(num_slots, beam_size))

    def _run_in_threads(
        self, items: Sequence[Any], work: Callable[[_ThreadEngines, Sequence[Any]], _NumberedResults]
    ) -> dict[int, Any]:
        """Process numbered items in all threads.

        Of n threads, each processes every n-th item, so that all threads get items of similar lengths.
        """
        count = min(len(self._workers), -(-len(items) // _MIN_SENTENCES_PER_THREAD))
        if count <= 1:
            return dict(work(self._workers[0], items))
        cancelled = Event()
        shares = [work(self._workers[n], items[n::count]) for n in range(count)]
        running = [self._threads.submit(_collect_results, share, cancelled) for share in shares]
        try:
            return {number: result for future in running for number, result in future.result().items()}
        except BaseException:  # includes KeyboardInterrupt: the process cannot exit before its threads do
            cancelled.set()
            raise


def _collect_results(results: _NumberedResults, cancelled: Event) -> dict[int, Any]:
    """Return the results by number: all of them, or those that were available before cancellation."""
    found = {}
    for number, result in results:
        if cancelled.is_set():
            break
        found[number] = result
    return found


class _ThreadEngines:
    """Engines of one decoding thread, which are created on first use and kept."""

    def __init__(self, make_engine: EngineFactory) -> None:
        self.make_engine = make_engine
        self._engines: dict[tuple[int, int], Engine] = {}

    def search(self, sentences: Sequence[NumberedSource], beam_size: int, options: DecodingOptions) -> _NumberedResults:
        with self._borrow_engine(len(sentences), beam_size) as engine:
            yield from decode_sentences(engine, sentences, BOS, EOS, options, refill=False)

    def score(self, pairs: Sequence[NumberedPair]) -> _NumberedResults:
        with self._borrow_engine(len(pairs), 1) as engine:
            yield from score_pairs(engine, pairs, BOS, EOS, return_attention=True)

    @contextmanager
    def _borrow_engine(self, num_sentences: int, beam_size: int) -> Iterator[Engine]:
        """Yield an engine for a number of sentences; keep it for the next call unless the block raises an exception."""
        # An engine keeps arrays for all slots, so a single sentence uses one with a single slot.
        key = (_BATCH_SIZE if num_sentences > 1 else 1), beam_size
        engine = self._engines.pop(key, None) or self.make_engine(*key)
        yield engine
        self._engines[key] = engine
