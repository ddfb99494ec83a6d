"""Which target pieces a sentence can need: the softmax over these alone is several times cheaper.

For each source piece its likeliest translations, for every sentence the most frequent target pieces (Jean et al. 2015,
section 3.3, after their "candidate lists").

V_s and V_t vocabularies, N candidates in all, F frequent pieces.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.utils.errors import CarouselError

if TYPE_CHECKING:
    from nmt.corpus.word_aligner import TranslationTable

Ids = np.ndarray[Any, np.dtype[np.int32]]
Ints = np.ndarray[Any, np.dtype[Any]]


class Shortlist:
    """The lists of a pair of vocabularies."""

    def __init__(self, target_vocabulary: int, offsets: Ids, candidates: Ids, frequent: Ids) -> None:
        """Candidates [N] of source piece i lie from ``offsets[i]`` to ``offsets[i + 1]`` [V_s + 1]; frequent [F].

        Raises ValueError when these don't fit together.
        """
        counts, ids = np.diff(offsets), np.concatenate((candidates, frequent))
        if offsets[:1] != 0 or offsets[-1] != len(candidates) or counts.min(initial=0) < 0:
            raise ValueError("offsets are not those of the candidates")
        if ids.min(initial=0) < 0 or ids.max(initial=0) >= target_vocabulary:
            raise ValueError("ids are not of the target vocabulary")
        self._offsets, self._candidates, self._frequent = offsets, candidates, frequent
        self._bounds: list[int] = offsets.tolist()
        self._always = np.zeros(target_vocabulary, dtype=bool)
        self._always[frequent] = True

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """V_s and V_t."""
        return len(self._offsets) - 1, len(self._always)

    def merge(self, other: Shortlist) -> Shortlist:
        """What either lists, of the same vocabularies."""
        both = (self, other)
        sources = np.concatenate(
            [np.repeat(np.arange(self.vocabulary_sizes[0]), np.diff(one._offsets)) for one in both]
        )
        candidates = np.concatenate([one._candidates for one in both])
        frequent = np.union1d(self._frequent, other._frequent)
        return _of_entries(sources, candidates, frequent, *self.vocabulary_sizes)

    def for_sentence(self, source: Sequence[int], constraints: Sequence[int] = ()) -> Ids:
        """The target ids that a sentence of source ids can need, sorted; ``constraints`` are always among them."""
        candidates, bounds = self._candidates, self._bounds
        wanted = self._always.copy()
        wanted[np.concatenate([candidates[bounds[i] : bounds[i + 1]] for i in source] or [self._frequent])] = True
        wanted[list(constraints)] = True
        return wanted.nonzero()[0].astype(np.int32)

    def coverage(self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> float:
        """The share of target ids that are in the list of their own sentence, over pairs of source and target ids."""
        found = total = 0
        for source, target in pairs:
            found += int(np.isin(target, self.for_sentence(source)).sum())
            total += len(target)
        return found / max(total, 1)

    def serialise(self) -> bytes:
        """The file that `load` reads; equal lists give equal bytes."""
        content = io.BytesIO()
        np.savez_compressed(
            content,
            target_vocabulary=np.int32(len(self._always)),
            offsets=self._offsets,
            candidates=self._candidates,
            frequent=self._frequent,
        )
        return content.getvalue()

    @staticmethod
    def load(path: Path) -> Shortlist:
        """Read the lists. Raises CarouselError when they are damaged."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
                lists = (stored[name].astype(np.int32) for name in ("offsets", "candidates", "frequent"))
                return Shortlist(int(stored["target_vocabulary"]), *lists)
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error):
            raise CarouselError(f"{path}: is no readable shortlist; copy the model directory again") from None


def build_shortlist(
    lexicon: TranslationTable,
    source_vocabulary: int,
    target_vocabulary: int,
    shared: bool,
    candidates_per_piece: int = 50,
    frequent: int = 100,
) -> Shortlist:
    """Shortlists from an aligner's lexicon.

    Where both languages share a vocabulary each source piece is a candidate too, so that names can be copied. Of the
    reserved pieces only end of sentence is ever listed, always.
    """
    ordinary = (lexicon.sources >= FIRST_TEXT_ID) & (lexicon.targets >= FIRST_TEXT_ID)
    sources, targets = lexicon.sources[ordinary], lexicon.targets[ordinary]
    best = np.lexsort((targets, -lexicon.probabilities[ordinary], sources))
    rank = np.arange(len(best)) - np.searchsorted(sources, sources)  # sources are sorted before and after
    best = best[rank < candidates_per_piece]
    own = np.arange(FIRST_TEXT_ID, source_vocabulary if shared else FIRST_TEXT_ID)
    # Each piece of the text was counted once in all, the null word's translations included.
    counts = np.bincount(lexicon.targets, lexicon.counts, minlength=target_vocabulary)
    counts[:FIRST_TEXT_ID] = 0
    most = np.argsort(-counts, kind="stable")[:frequent]
    always = np.unique(np.append(most[counts[most] > 0], EOS))
    named, listed = np.append(sources[best], own), np.append(targets[best], own)
    return _of_entries(named, listed, always, source_vocabulary, target_vocabulary)


def _of_entries(
    sources: Ints, candidates: Ints, frequent: Ints, source_vocabulary: int, target_vocabulary: int
) -> Shortlist:
    """The lists in which each candidate is of the source piece at its place; repeats count once."""
    listed = np.unique(np.stack((sources, candidates)), axis=1)
    offsets = np.searchsorted(listed[0], np.arange(source_vocabulary + 1))
    parts = (part.astype(np.int32) for part in (offsets, listed[1], frequent))
    return Shortlist(target_vocabulary, *parts)
