"""Vocabulary shortlists: the target tokens that a source sentence is likely to need.

A softmax over a shortlist is several times faster than one over the whole vocabulary. A sentence's shortlist consists
of the most probable translations of each of its tokens and of the most frequent target tokens (Jean et al. 2015,
section 3.3, "candidate lists").

Shapes: V_s size of the source vocabulary, N candidates of all source tokens together, F frequent target tokens,
E pairs of a source token and a candidate.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.utils.array_files import read_array_file
from nmt.utils.arrays import AnyArray, Int32Array
from nmt.utils.errors import CarouselError

if TYPE_CHECKING:
    from nmt.corpus.word_aligner import TranslationTable


class SentenceShortlist(Protocol):
    """Vocabulary shortlists of sentences, of a translator between two languages or of a multilingual one."""

    def target_ids_for_sentence(self, source: Sequence[int], required_ids: Sequence[int] = ()) -> Int32Array:
        """Return the sorted target ids of a source sentence's shortlist, which includes ``required_ids``."""


class Shortlist:
    """Target candidates of each source token, and frequent target tokens; a sentence's shortlist is their union."""

    def __init__(
        self, target_vocab_size: int, offsets: Int32Array, candidates: Int32Array, frequent_ids: Int32Array
    ) -> None:
        """Source token i has the ``candidates`` [N] from ``offsets[i]`` to ``offsets[i + 1]`` [V_s + 1].

        All shortlists include the ``frequent_ids`` [F]. Raises ValueError if the arrays are inconsistent.
        """
        counts, ids = np.diff(offsets), np.concatenate((candidates, frequent_ids))
        if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(candidates) or counts.min(initial=0) < 0:
            raise ValueError("offsets do not match the candidates")
        if ids.min(initial=0) < 0 or ids.max(initial=0) >= target_vocab_size:
            raise ValueError("ids are outside the target vocabulary")
        self.offsets, self.candidates, self.frequent_ids = offsets, candidates, frequent_ids
        self._offset_list: list[int] = offsets.tolist()
        self._is_frequent = np.zeros(target_vocab_size, dtype=bool)
        self._is_frequent[frequent_ids] = True

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """Sizes of the source and the target vocabulary."""
        return len(self.offsets) - 1, len(self._is_frequent)

    def merge(self, other: Shortlist) -> Shortlist:
        """Return the union with a shortlist of the same vocabularies."""
        both, rows = (self, other), np.arange(self.vocabulary_sizes[0])
        sources = np.concatenate([np.repeat(rows, np.diff(each.offsets)) for each in both])
        candidates = np.concatenate([each.candidates for each in both])
        frequent = np.union1d(self.frequent_ids, other.frequent_ids)
        return _from_entries(sources, candidates, frequent, *self.vocabulary_sizes)

    def target_ids_for_sentence(self, source: Sequence[int], required_ids: Sequence[int] = ()) -> Int32Array:
        """Return the sorted target ids of a source sentence's shortlist, which includes ``required_ids``."""
        candidates, offsets = self.candidates, self._offset_list
        included = self._is_frequent.copy()
        included[np.concatenate([candidates[offsets[i] : offsets[i + 1]] for i in source] or [self.frequent_ids])] = (
            True
        )
        included[list(required_ids)] = True
        return included.nonzero()[0].astype(np.int32)

    def coverage(self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> float:
        """Return the share of target ids in the shortlists of their sentences, for pairs of source and target ids."""
        return measure_coverage(self.target_ids_for_sentence, pairs)

    def serialise(self) -> bytes:
        """Return the content of a file for `load`; equal shortlists give equal bytes."""
        content = io.BytesIO()
        np.savez_compressed(
            content, target_vocabulary=np.int32(len(self._is_frequent)), offsets=self.offsets,
            candidates=self.candidates, frequent=self.frequent_ids,
        )  # fmt: skip
        return content.getvalue()

    @staticmethod
    def load(path: Path, vocabulary_sizes: tuple[int, int]) -> Shortlist:
        """Read a shortlist. Raises CarouselError if the file is damaged or belongs to other vocabularies."""
        try:
            stored = read_array_file(path)
            offsets, candidates, frequent = (_read_ids(stored[name]) for name in ("offsets", "candidates", "frequent"))
            check_vocabularies(path, (len(offsets) - 1, int(stored["target_vocabulary"])), vocabulary_sizes)
            return Shortlist(vocabulary_sizes[1], offsets, candidates, frequent)
        except (ValueError, KeyError, TypeError):
            raise damaged_shortlist(path) from None


def check_vocabularies(path: Path, found: tuple[int, int], expected: tuple[int, int]) -> None:
    """Raise CarouselError if a shortlist file belongs to vocabularies of other sizes, source and target."""
    if found != expected:
        sizes = f"{found[0]:,} and {found[1]:,} tokens, not {expected[0]:,} and {expected[1]:,}"
        raise CarouselError(f"{path}: belongs to another tokenizer ({sizes}); copy the model directory again")


def damaged_shortlist(path: Path) -> CarouselError:
    """Return the error for a file that is not a shortlist."""
    return CarouselError(f"{path}: is damaged (not a shortlist); copy the model directory again")


def _read_ids(array: AnyArray) -> Int32Array:
    """Return a vector of integers as int32. Raises ValueError if the array is anything else."""
    if array.ndim != 1 or array.dtype.kind not in "iu" or array.max(initial=0) > np.iinfo(np.int32).max:
        raise ValueError("not a vector of token ids")
    return array.astype(np.int32)


def measure_coverage(
    list_targets: Callable[[Sequence[int]], Int32Array], pairs: Iterable[tuple[Sequence[int], Sequence[int]]]
) -> float:
    """Return the share of target ids in the shortlists of their sentences, for pairs of source and target ids.

    ``list_targets`` returns the target ids of the shortlist of a source sentence.
    """
    found = total = 0
    for source, target in pairs:
        found += int(np.isin(target, list_targets(source)).sum())
        total += len(target)
    return found / max(total, 1)


def build_shortlist(
    table: TranslationTable, source_vocab_size: int, target_vocab_size: int, shared_vocab: bool,
    candidates_per_token: int = 50, num_frequent: int = 100,
) -> Shortlist:  # fmt: skip
    """Build a shortlist of the most probable translations of each source token and the most frequent target tokens.

    If the languages share one vocabulary, each source token is its own candidate too, so that names can be copied. End
    of sentence is in every shortlist; other reserved tokens are in none.
    """
    is_text = (table.sources >= FIRST_TEXT_ID) & (table.targets >= FIRST_TEXT_ID)
    sources, targets = table.sources[is_text], table.targets[is_text]
    best = np.lexsort((targets, -table.probabilities[is_text], sources))
    rank = np.arange(len(best)) - np.searchsorted(sources, sources)  # sources are sorted, also in the order of `best`
    best = best[rank < candidates_per_token]
    copied = np.arange(FIRST_TEXT_ID, source_vocab_size if shared_vocab else FIRST_TEXT_ID)
    # The counts of a target token, those from the null word included, add up to its frequency in the text.
    counts = np.bincount(table.targets, table.counts, minlength=target_vocab_size)
    counts[:FIRST_TEXT_ID] = 0
    most_frequent = np.argsort(-counts, kind="stable")[:num_frequent]
    always = np.unique(np.append(most_frequent[counts[most_frequent] > 0], EOS))
    entry_sources, entry_targets = np.append(sources[best], copied), np.append(targets[best], copied)
    return _from_entries(entry_sources, entry_targets, always, source_vocab_size, target_vocab_size)


def _from_entries(
    sources: AnyArray, candidates: AnyArray, frequent: AnyArray, source_vocab_size: int, target_vocab_size: int
) -> Shortlist:
    """Create a shortlist from pairs of source and target ids, both [E]; duplicates count once."""
    entries = np.unique(np.stack((sources, candidates)), axis=1)
    offsets = np.searchsorted(entries[0], np.arange(source_vocab_size + 1))
    arrays = (array.astype(np.int32) for array in (offsets, entries[1], frequent))
    return Shortlist(target_vocab_size, *arrays)
