"""How one sentence is searched."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SearchOptions:
    """The wishes of whoever wants the translation; those that nobody wishes cost nothing."""

    length_penalty: float = 1.0
    """Exponent alpha of `length_penalty`."""
    length_ratio: float = 2.0
    """Tokens of the longest translation over those of its source: beyond it lies only repetition."""
    n_best: int = 1
    """Hypotheses wanted, at most K."""
    attention: bool = True
    """Whether hypotheses shall know their ``sources``."""
    length_extra: int = 16
    """Tokens that even the shortest source may give beyond its share."""
    min_length_ratio: float = 0.0
    """Tokens of the shortest translation over those of its source; no translation is ever empty."""

    def __post_init__(self) -> None:
        """Raise ValueError for what no search can mean."""
        for name in ("length_penalty", "length_ratio", "length_extra", "min_length_ratio"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: {getattr(self, name)} is not a number from 0 up")
        if self.n_best < 1:
            raise ValueError(f"n_best: {self.n_best} is too few; use at least 1")

    def limits(self, source_length: int) -> tuple[int, int]:
        """The fewest tokens of a translation, and the most; only the most count end of sentence."""
        most = max(int(self.length_ratio * source_length) + self.length_extra, 2)
        fewest = max(int(self.min_length_ratio * source_length), 1)
        return min(fewest, most - 1), most
