"""Sentences in the form in which native code takes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nmt.corpus.tokenizer import EOS
from nmt.engine.native import library as native
from nmt.engine.shortlist import SentenceShortlist
from nmt.utils.arrays import AnyArray, Int32Array


class SentencesToAdmit:
    """Arrays of source sentences and their shortlists."""

    def __init__(
        self,
        slots: Sequence[int],
        sources: Sequence[Sequence[int]],
        required_ids: Sequence[Sequence[int]],
        shortlist: SentenceShortlist | None,
    ) -> None:
        """``sources`` are without end of sentence; see `nmt.search.protocol.Engine.admit`."""
        self.lengths = [len(source) + 1 for source in sources]
        """Source length of each sentence, with end of sentence."""
        self.lists = _target_lists(sources, required_ids, shortlist)
        """Shortlist of each sentence; empty without a shortlist."""
        sources_and_ends = [token for source in sources for token in (*source, EOS)]
        # The structure has only addresses, so this object keeps the arrays alive.
        self._arrays: dict[str, AnyArray | None] = {
            "slots": native.contiguous(slots, np.int32),
            "sources": native.contiguous(sources_and_ends, np.int32),
            "source_ends": native.contiguous(np.cumsum(self.lengths), np.int64),
            "shortlists": native.contiguous(np.concatenate(self.lists), np.int32) if self.lists else None,
            "shortlist_ends": native.contiguous(np.cumsum([len(each) for each in self.lists]), np.int64)
            if self.lists
            else None,
        }
        pointers = {name: native.pointer(array) for name, array in self._arrays.items()}
        self.structure = native.PackedSentences(count=len(slots), **pointers)
        """The argument of native functions, valid as long as this object."""


def _target_lists(
    sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]], shortlist: SentenceShortlist | None
) -> list[Int32Array]:
    if shortlist is None:
        return []
    # The special tokens before end of sentence are never generated.
    required = [[token for token in tokens if token > EOS] for tokens in required_ids]
    pairs = zip(sources, required, strict=True)
    return [np.asarray(shortlist.target_ids_for_sentence(*pair), dtype=np.int32) for pair in pairs]
