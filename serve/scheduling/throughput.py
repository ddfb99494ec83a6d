"""Running estimate of a model's decoding speed."""

from __future__ import annotations

from collections.abc import Iterable

_SENTENCE_OVERHEAD = 20  # characters that take as long as the fixed cost of a sentence
_INITIAL_SECONDS_PER_CHARACTER = 1e-4
_MIN_SECONDS = 0.25  # shorter measurements are accumulated until they reach this
_SMOOTHING = 0.2  # weight of the latest measurement


class ThroughputEstimate:
    """Exponential moving average of the seconds that one busy worker needs to decode a character."""

    def __init__(self) -> None:
        self._seconds_per_character: float | None = None
        self._busy_seconds, self._characters = 0.0, 0  # since the last update of the average

    def estimate(self, text: str) -> float:
        """Return the estimated number of seconds that one worker needs to decode a text."""
        return (self._seconds_per_character or _INITIAL_SECONDS_PER_CHARACTER) * (len(text) + _SENTENCE_OVERHEAD)

    def record(self, seconds: float, texts: Iterable[str]) -> None:
        """Update the estimate by a measurement: texts that one busy worker decoded in ``seconds``."""
        self._busy_seconds += seconds
        self._characters += sum(len(text) + _SENTENCE_OVERHEAD for text in texts)
        if self._characters and (self._seconds_per_character is None or self._busy_seconds >= _MIN_SECONDS):
            measured = self._busy_seconds / self._characters
            previous = measured if self._seconds_per_character is None else self._seconds_per_character
            self._seconds_per_character = previous + _SMOOTHING * (measured - previous)
            self._busy_seconds, self._characters = 0.0, 0
