"""Vocabulary shortlists of multilingual translators, which are separate for each target language.

A source token has other candidates in every target language. The language piece at the beginning of a source sentence
(see `nmt.model_directory.card.ModelCard.languages`) selects the shortlist of its target language.

Shapes: V_s size of the source vocabulary, N candidates of all source tokens together, F frequent target tokens.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID
from nmt.engine.shortlist import Shortlist, build_shortlist, check_vocabularies, damaged_shortlist, measure_coverage
from nmt.utils.array_files import read_array_file
from nmt.utils.arrays import AnyArray, BoolArray, Int32Array

if TYPE_CHECKING:
    from nmt.corpus.word_aligner import TranslationTable

_CANDIDATES = 30  # per source token and target language; fewer than for one pair, because there are many languages


class LanguageShortlist:
    """Shortlists of one target language.

    A sentence with a token that no training pair of this target language contains, such as one of a language pair
    without training data, gets all target tokens of the language.
    """

    def __init__(self, shortlist: Shortlist, language_ids: Int32Array) -> None:
        """``language_ids`` are the sorted target tokens of the language in the training text."""
        self.shortlist, self.language_ids = shortlist, language_ids
        counts = np.diff(shortlist.offsets)
        # A token without translations is its own candidate, so that names can be copied.
        self._is_known: BoolArray = (counts > 1) | (np.arange(len(counts)) < FIRST_TEXT_ID)

    def merge(self, other: LanguageShortlist) -> LanguageShortlist:
        """Return the union with another shortlist of the same target language."""
        return LanguageShortlist(
            self.shortlist.merge(other.shortlist), np.union1d(self.language_ids, other.language_ids)
        )

    def target_ids_for_sentence(self, source: Sequence[int], required_ids: Sequence[int] = ()) -> Int32Array:
        """Return the sorted target ids of a source sentence's shortlist, which includes ``required_ids``."""
        if self._is_known[list(source)].all():
            return self.shortlist.target_ids_for_sentence(source, required_ids)
        return self.shortlist.target_ids_for_sentence(source, [*self.language_ids.tolist(), *required_ids])


class MultilingualShortlist:
    """Shortlists of all target languages of a translator."""

    def __init__(self, by_language: Mapping[int, LanguageShortlist]) -> None:
        """``by_language`` has at least one shortlist, by the id of the language piece."""
        self._by_language = dict(by_language)
        self._all_ids = np.append(EOS, np.arange(FIRST_TEXT_ID, self.vocabulary_sizes[1])).astype(np.int32)

    @property
    def vocabulary_sizes(self) -> tuple[int, int]:
        """Sizes of the source and the target vocabulary."""
        return next(iter(self._by_language.values())).shortlist.vocabulary_sizes

    def merge(self, other: MultilingualShortlist) -> MultilingualShortlist:
        """Return the union with shortlists of the same vocabularies."""
        merged = dict(self._by_language)
        for language, added in other._by_language.items():
            merged[language] = merged[language].merge(added) if language in merged else added
        return MultilingualShortlist(merged)

    def target_ids_for_sentence(self, source: Sequence[int], required_ids: Sequence[int] = ()) -> Int32Array:
        """Return the sorted target ids of the shortlist of a source sentence, which begins with a language piece.

        A language that is no target language of the training text has no shortlist; all text tokens are returned.
        """
        shortlist = self._by_language.get(source[0])
        if shortlist is None:
            return np.union1d(self._all_ids, np.array(required_ids, dtype=np.int32))
        return shortlist.target_ids_for_sentence(source, required_ids)

    def coverage(self, pairs: Iterable[tuple[Sequence[int], Sequence[int]]]) -> float:
        """Return the share of target ids in the shortlists of their sentences, for pairs of source and target ids."""
        return measure_coverage(self.target_ids_for_sentence, pairs)

    def serialise(self) -> bytes:
        """Return the content of a file for `load`; equal shortlists give equal bytes."""
        content = io.BytesIO()
        arrays: dict[str, AnyArray] = {"target_vocabulary": np.array(self.vocabulary_sizes[1], dtype=np.int32)}
        for language, each in sorted(self._by_language.items()):
            arrays |= {f"{name}_{language}": array for name, array in _pack(each, self.vocabulary_sizes[1]).items()}
        np.savez_compressed(content, allow_pickle=False, **arrays)
        return content.getvalue()

    @staticmethod
    def load(path: Path, vocabulary_sizes: tuple[int, int]) -> MultilingualShortlist:
        """Read a file of shortlists. Raises CarouselError if it is damaged or belongs to other vocabularies."""
        try:
            stored = read_array_file(path)
            size = int(stored["target_vocabulary"])
            languages = sorted(int(name.removeprefix("counts_")) for name in stored if name.startswith("counts_"))
            for each in languages:
                check_vocabularies(path, (len(stored[f"counts_{each}"]), size), vocabulary_sizes)
            return MultilingualShortlist({each: _unpack(stored, each, size) for each in languages})
        except (ValueError, KeyError, TypeError, StopIteration):
            raise damaged_shortlist(path) from None


def build_language_shortlist(table: TranslationTable, vocab_size: int) -> LanguageShortlist:
    """Build the shortlists of a target language from the translation table of a direction into it."""
    shortlist = build_shortlist(table, vocab_size, vocab_size, shared_vocab=True, candidates_per_token=_CANDIDATES)
    return LanguageShortlist(shortlist, np.unique(table.targets[table.targets >= FIRST_TEXT_ID]))


def _pack(language: LanguageShortlist, target_vocab_size: int) -> dict[str, AnyArray]:
    """Return the arrays of a shortlist for a file.

    Differences of successive candidates are stored, because small numbers compress better.
    """
    shortlist, dtype = language.shortlist, np.uint16 if target_vocab_size <= 1 << 16 else np.uint32
    differences = np.diff(shortlist.candidates, prepend=0)
    starts = shortlist.offsets[:-1][np.diff(shortlist.offsets) > 0]
    differences[starts] = shortlist.candidates[starts]
    return {
        "counts": np.diff(shortlist.offsets).astype(dtype),
        "differences": differences.astype(dtype),
        "frequent": shortlist.frequent_ids.astype(dtype),
        "language": np.diff(language.language_ids, prepend=0).astype(dtype),
    }


def _unpack(stored: Mapping[str, AnyArray], language: int, target_vocab_size: int) -> LanguageShortlist:
    """Return the shortlist from the arrays of a file. Raises ValueError or KeyError if they are inconsistent."""
    names = ("counts", "differences", "frequent", "language")
    counts, differences, frequent, language_ids = (stored[f"{name}_{language}"].astype(np.int64) for name in names)
    if counts.sum() != len(differences):
        raise ValueError("counts do not match the candidates")
    offsets = np.concatenate(([0], np.cumsum(counts)))
    sums = np.concatenate(([0], np.cumsum(differences)))
    candidates = sums[1:] - np.repeat(sums[offsets[:-1]], counts)
    ids = np.cumsum(language_ids).astype(np.int32)
    if ids.min(initial=0) < 0 or ids.max(initial=0) >= target_vocab_size:
        raise ValueError("ids are outside the target vocabulary")
    arrays = (array.astype(np.int32) for array in (offsets, candidates, frequent))
    return LanguageShortlist(Shortlist(target_vocab_size, *arrays), ids)
