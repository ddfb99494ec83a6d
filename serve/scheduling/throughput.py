"""How long a sentence will take, by the ones before it."""

from __future__ import annotations

from collections.abc import Iterable

_SENTENCE = 20  # characters that a sentence costs by itself: encoding it, ending it
_FIRST_GUESS = 1e-4  # seconds a character
_ENOUGH = 0.25  # seconds of work that say something about the pace
_SMOOTHING = 0.2  # weight of what was measured last


class ThroughputEstimate:
    """What a character costs one decoding thread while it has much to do."""

    def __init__(self) -> None:
        self._seconds: float | None = None  # a character
        self._busy, self._characters = 0.0, 0  # since the last measurement

    def estimate(self, text: str) -> float:
        """Seconds of a thread for a sentence."""
        return (self._seconds or _FIRST_GUESS) * (len(text) + _SENTENCE)

    def worked(self, seconds: float, finished: Iterable[str]) -> None:
        """Take note of time in which a thread had much to do, and of the sentences that it finished meanwhile."""
        self._busy += seconds
        self._characters += sum(len(text) + _SENTENCE for text in finished)
        if self._characters and (self._seconds is None or self._busy >= _ENOUGH):
            measured = self._busy / self._characters
            before = measured if self._seconds is None else self._seconds
            self._seconds = before + _SMOOTHING * (measured - before)
            self._busy, self._characters = 0.0, 0
