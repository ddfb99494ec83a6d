"""Cache of finished translations."""

from __future__ import annotations

import threading
from collections.abc import Hashable

from cachetools import LRUCache

from serve.interfaces import DecodingModel
from serve.metrics import Metrics
from serve.scheduling.jobs import Sentence, SentenceTranslation

_MAX_CHARACTERS = 1000  # longer sentences hardly ever repeat, and would fill the memory


class TranslationCache:
    """Least recently used cache of sentences' translations. Thread-safe."""

    def __init__(self, size: int, metrics: Metrics) -> None:
        """Create an empty cache for ``size`` sentences; 0 disables it."""
        self._entries: LRUCache[Hashable, SentenceTranslation] = LRUCache(size)
        self._lock = threading.Lock()
        self._lookups = metrics.cache

    def get(self, model: DecodingModel, sentence: Sentence) -> SentenceTranslation | None:
        """Return the cached translation of a sentence, or None, and count the lookup."""
        if not self._entries.maxsize:
            return None
        with self._lock:
            found = self._entries.get((model.checksum, sentence))
        self._lookups.labels("miss" if found is None else "hit").inc()
        return found

    def put(self, model: DecodingModel, sentence: Sentence, translation: SentenceTranslation) -> None:
        """Store the translation of a sentence, unless the sentence is very long."""
        if self._entries.maxsize and len(sentence.text) <= _MAX_CHARACTERS:
            with self._lock:
                self._entries[model.checksum, sentence] = translation
