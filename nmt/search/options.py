"""How one sentence is searched."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class DecodingOptions:
    """The wishes of whoever wants the translation; those that nobody wishes cost nothing.

    Lengths are in tokens, and phrases are token ids without begin and end of sentence. What a prefix or a required
    phrase asks for is exempt from bans.
    """

    length_penalty: float = 1.0
    """Exponent alpha of `length_penalty`."""
    max_length_ratio: float = 2.0
    """Length of the longest translation over that of its source: beyond it lies only repetition."""
    num_hypotheses: int = 1
    """Hypotheses wanted, at most K."""
    return_attention: bool = True
    """Whether hypotheses shall know their ``sources``."""
    max_length_extra: int = 16
    """Tokens that even the shortest source may give beyond its share."""
    min_length_ratio: float = 0.0
    """Length of the shortest translation over that of its source; no translation is ever empty."""
    coverage_penalty: float = 0.0
    """Weight beta of `Coverage`; of no effect where the engine reports no attention."""
    no_repeat_ngram_size: int = 0
    """So many tokens in a row never occur twice; 0 for no such rule."""
    retry_repetition: bool = True
    """Whether whoever runs the search shall repeat it, with no three tokens twice, where a translation loops."""
    bad_phrases: tuple[tuple[int, ...], ...] = ()
    """Phrases that never occur."""
    target_prefix: tuple[int, ...] = ()
    """What the translation begins with."""
    force_phrases: tuple[tuple[int, ...], ...] = ()
    """Phrases that occur, each as often as it is named here. A beam wider than all their tokens does them justice."""
    num_beam_groups: int = 1
    """Parts of the beam that keep away from one another, for alternatives that differ."""
    diversity_penalty: float = 0.5
    """How much a token costs for each time that the groups before have taken it in the same step, in nats."""
    sampling_temperature: float = 0.0
    """Above 0, ``n_best`` translations are drawn instead of searched: from p^(1 / temperature), renormalised."""
    sampling_topk: int = 0
    """Draw among so many likeliest tokens; 0 for all."""
    sampling_topp: float = 1.0
    """Draw among the likeliest tokens that together have this probability."""
    seed: int = 0
    """Equal seeds draw equal translations of equal sentences, whatever the company."""

    def __post_init__(self) -> None:
        """Raise ValueError for what no search can mean."""
        for name in ("length_penalty", "max_length_ratio", "max_length_extra", "min_length_ratio", "coverage_penalty",
                     "no_repeat_ngram_size", "diversity_penalty", "sampling_temperature", "sampling_topk", "seed"):  # fmt: skip
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}: {getattr(self, name)} is not a number from 0 up")
        for name in ("num_hypotheses", "num_beam_groups"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is too few; use at least 1")
        if not 0 < self.sampling_topp <= 1:
            raise ValueError(f"sampling_topp: {self.sampling_topp} is no probability above 0")
        if () in self.bad_phrases or () in self.force_phrases:
            raise ValueError("a banned or required phrase is empty")
        if (self.sampling_temperature > 0) + (self.num_beam_groups > 1) + bool(self.force_phrases) > 1:
            raise ValueError("sampling, groups and required phrases each have their own way to choose; use one of them")

    def limits(self, source_length: int) -> tuple[int, int]:
        """The fewest tokens of a translation, and the most; only the most count end of sentence."""
        asked_for = len(self.target_prefix) + sum(map(len, self.force_phrases))
        most = max(int(self.max_length_ratio * source_length) + self.max_length_extra, asked_for + 1, 2)
        fewest = max(int(self.min_length_ratio * source_length), len(self.target_prefix), 1)
        return min(fewest, most - 1), most
