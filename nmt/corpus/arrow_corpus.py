"""Tokenized training pairs in cached Arrow files, with their word alignment."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from nmt.config.data import TranslationDirection
from nmt.corpus.arrow_store import RaggedArray, SentencePairTable, write_sentence_pairs
from nmt.corpus.cache import LogFunction, get_or_create
from nmt.corpus.filters import FilterReport
from nmt.corpus.word_aligner import TranslationTable, WordAligner, learn_translation_table, select_training_rows
from nmt.utils.arrays import Int32Array, Int64Array, IntArray
from nmt.utils.hashing import hash_json

_ALIGNER_FORMAT = "1"  # part of the cache key of alignments
_CHUNK_PAIRS = 10_000  # pairs that are aligned and written together
IDS, REPORT = "ids.arrow", "report.json"
_LINKS = "links.arrow"


class ArrowCorpus:
    """Memory-mapped token ids of the training pairs; implements `nmt.corpus.batching.TokenizedCorpus`."""

    def __init__(
        self, folder: Path, fingerprint: str, directions: Sequence[TranslationDirection], prefix_length: int
    ) -> None:
        """Open the corpus in a cache entry.

        Args:
            folder: Folder of the cache entry.
            fingerprint: Hash of all inputs that determine the token ids.
            directions: Translation directions, whose corpora are concatenated.
            prefix_length: Number of tokens before each source sentence that name the target language.
        """
        self.fingerprint = fingerprint
        self.prefix_length = prefix_length
        self._ids = SentencePairTable(folder / IDS)
        reports = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        self.reports = [FilterReport(**report) for report in reports]
        self._links: SentencePairTable | None = None
        self.source_lengths: Int32Array = self._ids.source.lengths()
        self.target_lengths: Int32Array = self._ids.target.lengths()
        self.is_reverse = [direction.is_reverse for direction in directions]
        """Whether each direction has the corpora of the direction before it, with exchanged sides."""
        corpora = np.cumsum([0, *(len(direction.train) for direction in directions)])
        rows = np.cumsum([0, *self.corpus_sizes])[corpora].tolist()
        self.direction_rows = [np.arange(start, stop) for start, stop in itertools.pairwise(rows)]
        """Rows of each translation direction."""

    @property
    def corpus_sizes(self) -> list[int]:
        """Number of pairs of each concatenated corpus, with the pairs derived from it, in order."""
        return [report.kept + report.derived for report in self.reports]

    def __len__(self) -> int:
        return len(self.source_lengths)

    def source_ids(self, rows: IntArray) -> RaggedArray:
        """Return the source token ids of the given pairs, without begin and end of sentence."""
        return self._ids.source.take(rows)

    def target_ids(self, rows: IntArray) -> RaggedArray:
        """Return the target token ids of the given pairs, without begin and end of sentence."""
        return self._ids.target.take(rows)

    def load_alignment(self, folder: Path) -> None:
        """Open the word alignment of the pairs, which is stored in a cache entry of its own."""
        self._links = SentencePairTable(folder / _LINKS)

    def alignment_links(self, rows: IntArray) -> tuple[RaggedArray, RaggedArray] | None:
        """Return the source and target positions of the links of the given pairs, or None without word alignment."""
        table = self._links
        return None if table is None else (table.source.take(rows), table.target.take(rows))


def learn_corpus_translation_table(corpus: ArrowCorpus, rows: IntArray) -> TranslationTable:
    """Learn a lexical translation table from the training pairs of one direction, whose rows are given."""
    return learn_translation_table(*_select_aligner_ids(corpus, rows))


def load_or_align(corpus: ArrowCorpus, log: LogFunction) -> None:
    """Open the word alignment of a corpus in the cache, after aligning each direction on its own if it is missing."""

    def create(folder: Path) -> None:
        log("Aligning the training text")
        write_sentence_pairs(folder / _LINKS, _aligned_chunks(corpus))

    corpus.load_alignment(get_or_create(f"links-{hash_json(_ALIGNER_FORMAT, corpus.fingerprint)}", create, log))


def _aligned_chunks(corpus: ArrowCorpus) -> Iterator[tuple[RaggedArray, RaggedArray]]:
    """Yield the links of all pairs in chunks of consecutive rows.

    A reverse direction, whose pairs are those of the direction before it, is aligned by the models of that direction.
    """
    aligner: WordAligner | None = None
    for rows, is_reverse in zip(corpus.direction_rows, corpus.is_reverse, strict=True):
        if aligner is None or not is_reverse:
            aligner = WordAligner(*_select_aligner_ids(corpus, rows))
        for chunk in np.split(rows, range(_CHUNK_PAIRS, len(rows), _CHUNK_PAIRS)):
            ids = _aligner_ids(corpus, chunk)
            sources, targets = aligner.align(*ids) if not is_reverse else aligner.align(*ids[::-1])[::-1]
            # The language piece, which the aligner doesn't see, has no links.
            shifted = [positions + corpus.prefix_length for positions in sources]
            yield RaggedArray.from_lists(shifted), RaggedArray.from_lists(targets)


def _select_aligner_ids(corpus: ArrowCorpus, rows: IntArray) -> tuple[list[Int32Array], list[Int32Array]]:
    """Return the source and target token ids of the pairs of a direction on which a word aligner is trained."""
    lengths = corpus.source_lengths[rows] - corpus.prefix_length, corpus.target_lengths[rows]
    selected: Int64Array = rows[select_training_rows(*lengths)]
    return _aligner_ids(corpus, selected)


def _aligner_ids(corpus: ArrowCorpus, rows: IntArray) -> tuple[list[Int32Array], list[Int32Array]]:
    """Return the source token ids without the language piece, and the target token ids."""
    sources = [ids[corpus.prefix_length :] for ids in corpus.source_ids(rows).to_lists()]
    return sources, corpus.target_ids(rows).to_lists()
