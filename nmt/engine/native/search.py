"""Beam search in native code, which decodes whole sentences without returning to Python at each step."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from nmt.corpus.tokenizer import BOS
from nmt.engine.native import library as native
from nmt.engine.native.model import NativeModel
from nmt.engine.native.sentences import SentencesToAdmit
from nmt.engine.shortlist import SentenceShortlist
from nmt.search.hypotheses import Hypothesis
from nmt.search.protocol import SentenceGroup
from nmt.utils.arrays import AnyArray

_UNTIL_SENTENCES_FINISH = 2**31 - 1  # steps


class NativeBeamSearch:
    """Beam search for the options that `nmt.search.strategies.is_plain` accepts; implements `PlainBeamSearch`.

    The algorithm is that of `nmt.search.beam_search.BeamSearch`, which agrees with it up to rounding.
    """

    def __init__(
        self, model: NativeModel, num_slots: int, beam_size: int, shortlist: SentenceShortlist | None = None
    ) -> None:
        """Without a shortlist, the softmax is over the whole vocabulary."""
        assert shortlist is not None or model.with_whole_vocabulary
        self._model, self._library, self._shortlist = model, model.library, shortlist
        self._beam_size, self._has_attention = beam_size, model.has_attention
        self._address = self._library.create("search_new", model.address, num_slots, beam_size, BOS)
        self._finalizer = weakref.finalize(self, _delete_search, model, self._address)
        self._free = set(range(num_slots))
        self._returns_attention = [False] * num_slots

    def free_slots(self) -> list[int]:
        """Return the slots without a sentence, in ascending order."""
        return sorted(self._free)

    def admit_groups(self, groups: Sequence[SentenceGroup]) -> None:
        """Start decoding groups of sentences in free slots; see `PlainBeamSearch.admit_groups`."""
        slots = [slot for group in groups for slot in group.slots]
        sources = [source for group in groups for source in group.sources]
        required_ids = [group.options.copy_tokens for group in groups for _ in group.slots]
        sentences = SentencesToAdmit(slots, sources, required_ids, self._shortlist)
        copy_tokens = [native.contiguous(group.options.copy_tokens, np.int32) for group in groups]  # kept for the call
        of_each = (native.SearchOptions * len(slots))(
            *(
                options
                for group, tokens in zip(groups, copy_tokens, strict=True)
                for options in self._convert_options(group, tokens)
            )
        )
        self._library.call(
            "search_admit", self._address, self._model.address, ctypes.byref(sentences.structure), of_each
        )
        self._free.difference_update(slots)
        for slot, options in zip(slots, of_each, strict=True):
            self._returns_attention[slot] = bool(options.return_attention)

    def _convert_options(self, group: SentenceGroup, copy_tokens: AnyArray) -> Iterator[native.SearchOptions]:
        """Yield the options of each sentence; they point to ``copy_tokens``."""
        options = group.options
        with_attention = options.return_attention and self._has_attention
        num_hypotheses = min(options.num_hypotheses, self._beam_size)
        for limits in group.length_limits():
            yield native.SearchOptions(
                *limits, num_hypotheses, with_attention, options.no_repeat_ngram_size,
                len(copy_tokens), options.length_penalty, native.pointer(copy_tokens),
            )  # fmt: skip

    def release(self, slots: Sequence[int]) -> None:
        """Free the given slots, whether or not their sentences have finished."""
        for slot in slots:
            self._library.call("search_release", self._address, slot)
        self._free.update(slots)

    def advance(self, max_steps: int = _UNTIL_SENTENCES_FINISH) -> list[tuple[int, list[Hypothesis]]]:
        """Advance all sentences until some of them finish, or by ``max_steps`` tokens, and free the slots of those.

        Returns:
            Slot and hypotheses, best first, of each sentence that has finished; no hypotheses if the network computes
            scores that are not numbers.
        """
        found = native.FinishedSentences()
        self._library.call("search_advance", self._address, max_steps, ctypes.byref(found))
        count = found.num_slots
        slots, counts = _read(found.slots, count), _read(found.hypotheses_per_slot, count)
        hypotheses = iter(self._read_hypotheses(found, np.repeat(slots, counts).tolist()))
        self._free.update(slots)
        return [(slot, [next(hypotheses) for _ in range(number)]) for slot, number in zip(slots, counts, strict=True)]

    def _read_hypotheses(self, found: native.FinishedSentences, slots: list[int]) -> list[Hypothesis]:
        """Return the hypotheses of all finished sentences, given the slot of each hypothesis."""
        count = len(slots)
        lengths, scores, ranks = (_read(each, count) for each in (found.lengths, found.scores, found.rank_scores))
        total = sum(lengths)
        tokens, positions = _read(found.tokens, total), _read(found.source_positions, total)
        cumulative = _read(found.cumulative_scores, total)
        hypotheses, first = [], 0
        for slot, length, score, rank_score in zip(slots, lengths, scores, ranks, strict=True):
            last = first + length
            steps = pairwise([0.0, *cumulative[first:last], score])
            hypotheses.append(
                Hypothesis(
                    tokens=tokens[first:last],
                    score=score,
                    rank_score=rank_score,
                    source_positions=positions[first:last] if self._returns_attention[slot] else None,
                    token_scores=[after - before for before, after in steps],
                )
            )
            first = last
        return hypotheses


def _read(values: Any, count: int) -> list[Any]:
    """Return the numbers at an address as a list."""
    numbers: list[Any] = values[:count] if count else []
    return numbers


def _delete_search(model: NativeModel, address: int) -> None:
    model.library.functions["search_delete"](address)
