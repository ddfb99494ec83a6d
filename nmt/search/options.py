"""Decoding options of a sentence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain


@dataclass(frozen=True)
class DecodingOptions:
    """Decoding options of a sentence, named as in Transformers and CTranslate2.

    Lengths are numbers of tokens. Phrases and prefixes are token ids without begin and end of sentence. The tokens of
    ``target_prefix`` and ``force_phrases`` are exempt from ``bad_phrases`` and ``no_repeat_ngram_size``.
    """

    length_penalty: float = 1.0
    """Exponent alpha of the length penalty, see `nmt.search.hypotheses.length_penalty`; 0 disables it."""
    max_length_ratio: float = 2.0
    """Maximum length of the translation relative to the length of its source; ``max_length_extra`` is added to it."""
    num_hypotheses: int = 1
    """Number of hypotheses to return, at most the beam size."""
    return_attention: bool = True
    """If true, hypotheses include ``source_positions``."""
    max_length_extra: int = 16
    """Number of tokens added to the maximum length of every translation."""
    min_length_ratio: float = 0.0
    """Minimum length of the translation relative to the length of its source; a translation has at least one token."""
    coverage_penalty: float = 0.0
    """Weight beta of the coverage penalty, see `nmt.search.coverage`; no effect if the engine returns no attention."""
    no_repeat_ngram_size: int = 0
    """Size of the n-grams that may occur only once in a translation; 0 allows all repetitions."""
    retry_repetition: bool = True
    """If true, a sentence whose translation degenerates into repetition is decoded again without repeated n-grams.

    The search itself ignores this field; `nmt.inference.retry` implements the retry.
    """
    bad_phrases: tuple[tuple[int, ...], ...] = ()
    """Phrases that must not occur in the translation."""
    target_prefix: tuple[int, ...] = ()
    """Tokens that the translation must begin with."""
    prefix_ends_word: bool = False
    """If true, the last word of ``target_prefix`` is complete: no token of ``word_continuations`` follows it."""
    return_alternatives: bool = False
    """If true, the hypotheses differ in the token after ``target_prefix``, and each is then completed greedily."""
    force_phrases: tuple[tuple[int, ...], ...] = ()
    """Phrases that must occur, each as often as it is listed; the beam should exceed their total number of tokens."""
    copy_tokens: tuple[int, ...] = ()
    """Tokens that must occur exactly once each, such as placeholders; they are exempt from ``no_repeat_ngram_size``."""
    allocate_copies: bool = False
    """If true, ``copy_tokens`` are placed as forced phrases are, by dynamic beam allocation.

    It considers improbable places, but leaves a smaller beam to the rest of the sentence.
    """
    word_continuations: frozenset[int] = frozenset()
    """Tokens that continue a word. None of them follows a forced phrase, which therefore ends where a word ends.

    See also ``prefix_ends_word``.

    `nmt.inference.translator.Translator` sets this field to the tokens of its model's vocabulary.
    """
    num_beam_groups: int = 1
    """Number of groups of diverse beam search; 1 is plain beam search."""
    diversity_penalty: float = 0.5
    """Amount in nats subtracted from the score of a token for each earlier group that selected it in the same step."""
    sampling_temperature: float = 0.0
    """Sampling temperature; 0 selects beam search.

    Above 0, ``num_hypotheses`` translations are drawn from p^(1 / temperature).
    """
    sampling_topk: int = 0
    """Number of most probable tokens to sample from; 0 for all."""
    sampling_topp: float = 1.0
    """Probability mass of the most probable tokens to sample from (nucleus sampling)."""
    seed: int = 0
    """Random seed of sampling; a sentence with the same seed yields the same samples in any batch."""

    def __post_init__(self) -> None:
        """Validate the fields; raise ValueError with a message that begins with the name of the invalid field."""
        for name in ("num_hypotheses", "num_beam_groups"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: {getattr(self, name)} is too small; use at least 1")
        if not 0 < self.sampling_topp <= 1:
            raise ValueError(f"sampling_topp: {self.sampling_topp} is out of range; use a number above 0 and up to 1")
        for name, value in vars(self).items():
            if isinstance(value, int | float) and not 0 <= value < math.inf:
                raise ValueError(f"{name}: {value} is out of range; use a finite number of at least 0")
        for name in ("bad_phrases", "force_phrases"):
            if () in getattr(self, name):
                raise ValueError(f"{name}: a phrase is empty; leave it out")
        if self.forces_phrases and (self.num_beam_groups > 1 or self.sampling_temperature > 0):
            raise ValueError("force_phrases: exclude num_beam_groups and sampling_temperature; use one of them")
        searches = self.forces_phrases, self.num_beam_groups > 1, self.sampling_temperature > 0
        if self.return_alternatives and any(searches):
            raise ValueError("return_alternatives: excludes force_phrases, beam groups and sampling; use one of them")
        if len(set(self.copy_tokens)) < len(self.copy_tokens):
            raise ValueError("copy_tokens: a token is listed twice; list each token once")
        for name, phrases in (("force_phrases", self.force_phrases), ("bad_phrases", self.bad_phrases)):
            if not set(self.copy_tokens).isdisjoint(chain.from_iterable(phrases)):
                raise ValueError(f"copy_tokens: a phrase of {name} contains one; use separate tokens")
        if self.num_beam_groups > 1 and self.sampling_temperature > 0:
            raise ValueError("num_beam_groups: excludes sampling_temperature; use one of them")

    @property
    def forces_phrases(self) -> bool:
        """True if the search is constrained by dynamic beam allocation."""
        return bool(self.force_phrases or (self.allocate_copies and self.copy_tokens))

    def length_limits(self, source_length: int) -> tuple[int, int]:
        """Return the minimum and the maximum length of a translation; only the maximum includes end of sentence."""
        forced = len(self.target_prefix) + sum(map(len, self.force_phrases)) + len(self.copy_tokens)
        maximum = max(int(self.max_length_ratio * source_length) + self.max_length_extra, forced + 1, 2)
        minimum = max(int(self.min_length_ratio * source_length), len(self.target_prefix), 1)
        return min(minimum, maximum - 1), maximum
