"""A translator without a model: deterministic, and as slow or as faulty as a test wants it.

Shared by the tests and by the program that the drain test runs.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Alternative:
    text: str
    score: float


@dataclass(frozen=True)
class Translation:
    text: str
    score: float
    confidence: float | None
    alternatives: tuple[Alternative, ...]
    alignment: tuple[tuple[int, int, int, int], ...] | None
    truncated: bool


class FakeTranslator:
    """Translates ``word`` into ``[word]``. Words in the text choose what else happens."""

    def __init__(self, source: str = "en", target: str = "fr") -> None:
        self.source_language = source
        self.target_language = target
        self.calls: list[tuple[tuple[str, ...], int]] = []
        self.open = threading.Event()
        """Translate calls wait for it."""
        self.open.set()

    def translate(self, texts: Sequence[str], *, alternatives: int = 0) -> list[Translation]:
        self.calls.append((tuple(texts), alternatives))
        if not self.open.wait(10):
            raise TimeoutError("the test forgot to open the gate")
        if any("EXPLODE" in text for text in texts):
            raise RuntimeError("the engine broke")
        return [self._translation(text, alternatives) for text in texts]

    def seen(self) -> list[str]:
        """All texts that reached this translator, less those of the warming."""
        return [text for texts, _ in self.calls[2:] for text in texts]

    def _translation(self, text: str, alternatives: int) -> Translation:
        translated = "[two\nlines]" if "NEWLINE" in text else f"[{text}]"
        others = [Alternative(f"{translated}{n + 1}", -float(n)) for n in range(alternatives)]
        if "SAME" in text and others:
            others[0] = Alternative(translated, -0.5)
        return Translation(
            text=translated,
            score=-float(len(text)),
            confidence=None if "UNSURE" in text else len(text) / 100,
            alternatives=tuple(others),
            alignment=None if "UNALIGNED" in text else ((0, len(text), 1, 1 + len(text)),),
            truncated="CUT" in text,
        )
