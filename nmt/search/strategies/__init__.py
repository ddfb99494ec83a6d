"""Search strategies for options that plain beam search cannot express."""

from __future__ import annotations

from collections.abc import Sequence

from nmt.search.options import DecodingOptions
from nmt.search.strategies.base import SearchStrategy
from nmt.search.strategies.diverse_beam_search import DiverseBeamSearch
from nmt.search.strategies.lexical_constraints import LexicalConstraints
from nmt.search.strategies.prefix_alternatives import PrefixAlternatives
from nmt.search.strategies.sampling import Sampling

__all__ = ["is_plain", "make_strategy"]


def is_plain(options: DecodingOptions) -> bool:
    """Return whether plain beam search suffices, which may forbid repeated n-grams and place copy tokens.

    Other strategies and a coverage penalty are not part of it.
    """
    strategy = make_strategy(options, beam_size=1, eos_id=0, min_length=0, source=())
    only_ngrams = type(strategy) is SearchStrategy and not options.target_prefix and not options.bad_phrases
    return (strategy is None or only_ngrams) and not options.coverage_penalty


def make_strategy(
    options: DecodingOptions, beam_size: int, eos_id: int, min_length: int, source: Sequence[int]
) -> SearchStrategy | None:
    """Return the search strategy that `BeamSearch` needs for a sentence with these options, or None."""
    if options.sampling_temperature > 0:
        return Sampling(options, beam_size, eos_id, min_length, source)
    if options.num_beam_groups > 1:
        return DiverseBeamSearch(options, beam_size, eos_id, min_length)
    if options.return_alternatives:
        return PrefixAlternatives(options, beam_size, eos_id, min_length)
    if options.forces_phrases:
        return LexicalConstraints(options, beam_size, eos_id, min_length)
    if options.target_prefix or options.bad_phrases or options.no_repeat_ngram_size:
        return SearchStrategy(options, beam_size, eos_id, min_length)
    return None
