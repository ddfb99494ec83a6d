"""How one sentence is searched."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SearchOptions:
    """The wishes of whoever wants the translation; those that nobody wishes cost nothing.

    Lengths are in tokens, and phrases are token ids without begin and end of sentence. What a prefix or a required
    phrase asks for is exempt from bans.
    """

    length_penalty: float = 1.0
    """Exponent alpha of `length_penalty`."""
    length_ratio: float = 2.0
    """Length of the longest translation over that of its source: beyond it lies only repetition."""
    n_best: int = 1
    """Hypotheses wanted, at most K."""
    attention: bool = True
    """Whether hypotheses shall know their ``sources``."""
    length_extra: int = 16
    """Tokens that even the shortest source may give beyond its share."""
    min_length_ratio: float = 0.0
    """Length of the shortest translation over that of its source; no translation is ever empty."""
    coverage_penalty: float = 0.0
    """Weight beta of `Coverage`; of no effect where the engine reports no attention."""
    no_repeat_ngram: int = 0
    """So many tokens in a row never occur twice; 0 for no such rule."""
    break_loops: bool = True
    """Whether whoever runs the search shall repeat it, with no three tokens twice, where a translation loops."""
    banned: tuple[tuple[int, ...], ...] = ()
    """Phrases that never occur."""
    prefix: tuple[int, ...] = ()
    """What the translation begins with."""
    required: tuple[tuple[int, ...], ...] = ()
    """Phrases that occur, each as often as it is named here. A beam wider than all their tokens does them justice."""
    groups: int = 1
    """Parts of the beam that keep away from one another, for alternatives that differ."""
    diversity: float = 0.5
    """How much a token costs for each time that the groups before have taken it in the same step, in nats."""
    temperature: float = 0.0
    """Above 0, ``n_best`` translations are drawn instead of searched: from p^(1 / temperature), renormalised."""
    top_k: int = 0
    """Draw among so many likeliest tokens; 0 for all."""
    top_p: float = 1.0
    """Draw among the likeliest tokens that together have this probability."""
    seed: int = 0
    """Equal seeds draw equal translations of equal sentences, whatever the company."""

    def __post_init__(self) -> None:
        """Raise ValueError for what no search can mean."""
        for name in ("length_penalty", "length_ratio", "length_extra", "min_length_ratio", "coverage_penalty",
                     "no_repeat_ngram", "diversity", "temperature", "top_k", "seed"):  # fmt: skip
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name)} is not a number from 0 up")
        for name in ("n_best", "groups"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is too few; use at least 1")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"top_p: {self.top_p} is no probability above 0")
        if () in self.banned or () in self.required:
            raise ValueError("a banned or required phrase is empty")
        if (self.temperature > 0) + (self.groups > 1) + bool(self.required) > 1:
            raise ValueError("sampling, groups and required phrases each have their own way to choose; use one of them")

    def limits(self, source_length: int) -> tuple[int, int]:
        """The fewest tokens of a translation, and the most; only the most count end of sentence."""
        asked_for = len(self.prefix) + sum(map(len, self.required))
        most = max(int(self.length_ratio * source_length) + self.length_extra, asked_for + 1, 2)
        fewest = max(int(self.min_length_ratio * source_length), len(self.prefix), 1)
        return min(fewest, most - 1), most
