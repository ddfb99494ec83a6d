"""One model's queue and the one thread that works it off. Knows nothing of HTTP.

The queue knows sentences, not requests. Each turn the thread takes the sentences that have waited longest,
whosever they are, and translates them together, so many small requests cost little more than one large one.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nmt.translator import Translation, Translator

BATCH = 32
"""The most sentences of one turn: enough to fill the processor, few enough that newcomers wait briefly."""

_log = logging.getLogger(__name__)


class QueueFullError(Exception):
    """Too much is waiting already; the same request may succeed a little later."""


class ClosedError(Exception):
    """The scheduler takes no more sentences."""


class TranslationFailedError(Exception):
    """The translator raised an exception over a sentence."""


@dataclass(slots=True, eq=False)
class _Sentence:
    text: str
    alternatives: int
    future: Future[Translation] = field(default_factory=Future)


class Scheduler:
    """Translates sentences with the translator that ``load`` returns.

    The translator is loaded, used and dropped by one thread. ``loaded`` resolves to its source and target
    language, or to the exception that ``load`` raised; submit nothing before.
    """

    def __init__(self, load: Callable[[], Translator], queue_limit: int) -> None:
        self.loaded: Future[tuple[str, str]] = Future()
        self._load = load
        self._queue_limit = queue_limit
        self._waiting: deque[_Sentence] = deque()
        self._closed = False
        self._changed = threading.Condition()
        # A daemon, so that a translation that never ends can't keep a stopped process alive.
        threading.Thread(target=self._work, name="translator", daemon=True).start()

    def submit(self, texts: Sequence[str], alternatives: int) -> list[Future[Translation]]:
        """Queues ``texts``, all or none; cancelling a future takes its sentence out of the queue.

        Raises ``ClosedError`` or ``QueueFullError``.
        """
        sentences = [_Sentence(text, alternatives) for text in texts]
        with self._changed:
            if self._closed:
                raise ClosedError("the server is shutting down")
            if len(self._waiting) + len(sentences) > self._queue_limit:
                self._waiting = deque(each for each in self._waiting if not each.future.cancelled())
            if len(self._waiting) + len(sentences) > self._queue_limit:
                raise QueueFullError("the server is busy")
            self._waiting.extend(sentences)
            self._changed.notify()
        return [each.future for each in sentences]

    def close(self) -> None:
        """Takes no more sentences. Those that wait are still translated; then the thread ends."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _work(self) -> None:
        self.loaded.set_running_or_notify_cancel()  # from here on it can't be cancelled, only resolved
        try:
            translator = self._load()
        except Exception as error:
            self.loaded.set_exception(error)
            return
        self.loaded.set_result((translator.source_language, translator.target_language))
        while batch := self._take():
            batch.sort(key=_options)  # stable: within equal options the oldest stays first
            for _, group in groupby(batch, key=_options):
                _translate(translator, list(group))

    def _take(self) -> list[_Sentence]:
        """The next turn's sentences, oldest first; waits for them. Empty only when all is done for good."""
        batch: list[_Sentence] = []
        with self._changed:
            while not batch:
                while self._waiting and len(batch) < BATCH:
                    sentence = self._waiting.popleft()
                    # False: its request has gone. True: nobody can cancel it now, so resolving it is safe.
                    if sentence.future.set_running_or_notify_cancel():
                        batch.append(sentence)
                if not batch:
                    if self._closed:
                        break
                    self._changed.wait()
        return batch


def _options(sentence: _Sentence) -> int:
    """What all sentences of one translate call share."""
    return sentence.alternatives


def _translate(translator: Translator, sentences: list[_Sentence]) -> None:
    """Resolves the futures of ``sentences``, which have equal options."""
    texts = [each.text for each in sentences]
    try:
        translations = translator.translate(texts, alternatives=sentences[0].alternatives)
        resolved = list(zip(sentences, translations, strict=True))
    except Exception:
        if len(sentences) > 1:
            # One sentence must not fail its neighbours, which may be other people's.
            for sentence in sentences:
                _translate(translator, [sentence])
            return
        _log.exception("a sentence of %d characters could not be translated", len(texts[0]))
        sentences[0].future.set_exception(TranslationFailedError("the translation failed"))
        return
    for sentence, translation in resolved:
        sentence.future.set_result(translation)
