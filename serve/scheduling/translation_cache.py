"""Cache of translated sentences."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import TYPE_CHECKING

from cachetools import LRUCache

from serve.metrics import Metrics
from serve.scheduling.jobs import Sentence

if TYPE_CHECKING:
    from nmt.inference.translation import SentenceTranslation

_MAX_CHARACTERS = 1000  # longer sentences are rarely repeated and take much memory


class TranslationCache:
    """Thread-safe cache of translated sentences, which evicts the least recently used one when it is full."""

    def __init__(self, max_sentences: int, metrics: Metrics) -> None:
        """Create an empty cache for a maximum number of sentences; 0 disables it."""
        self._entries: LRUCache[Hashable, SentenceTranslation] = LRUCache(max_sentences)
        self._lock = threading.Lock()
        self._lookups = metrics.cache

    def __len__(self) -> int:
        """Return the number of cached translations."""
        return len(self._entries)

    def get(self, sentence: Sentence) -> SentenceTranslation | None:
        """Return the cached translation of a sentence, or None if there is none; count the lookup in the metrics."""
        if not self._entries.maxsize:
            return None
        with self._lock:
            found = self._entries.get(sentence.cache_key)
        self._lookups.labels("miss" if found is None else "hit").inc()
        return found

    def put(self, sentence: Sentence, translation: SentenceTranslation) -> None:
        """Store the translation of a sentence unless the sentence is very long."""
        if self._entries.maxsize and len(sentence.text) <= _MAX_CHARACTERS:
            with self._lock:
                self._entries[sentence.cache_key] = translation
