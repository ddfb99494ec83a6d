"""Subword regularization: the words of the training text are segmented differently each time they are used.

The token ids of a corpus represent one segmentation. This module segments the text of each batch again at random.
SentencePiece's own sampling is not reproducible across processes, so BPE-dropout and unigram sampling are implemented
here and depend only on the seed.

At most 32 segmentations of each word are sampled, on first use, and cached, so that a batch requires little more than
dictionary look-ups.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from random import Random
from typing import Literal

import numpy as np

from nmt.corpus.arrow_store import RaggedArray
from nmt.corpus.batching import Batch, TokenizedCorpus, collate_batch
from nmt.corpus.tokenizer import FIRST_TEXT_ID, UNK, Tokenizer, Vocabulary, corpus_tag_id
from nmt.utils.arrays import Int32Array, IntArray

_SEGMENTATIONS_PER_WORD = 32
_CACHED_SEGMENTATIONS = 2_000_000  # about 300 bytes each
_NBEST = 64  # candidates from which unigram sampling draws; l in Kudo (2018)
_SPACE = "\u2581"  # SentencePiece's symbol for the space before a word

Segmenter = Callable[[str, Random], Sequence[int]]
"""Function that samples a segmentation, as token ids, of a word in the notation of SentencePiece."""


class SubwordSampler:
    """Sampler of new segmentations for the source and target sentences of batches."""

    def __init__(self, tokenizer: Tokenizer, kind: Literal["bpe", "unigram", "char"], alpha: float) -> None:
        """Create a sampler; ``alpha`` is the dropout of BPE merges or the exponent of unigram probabilities."""
        segmenter = BpeDropout if kind == "bpe" else UnigramSampler
        self._source = _SentenceSampler(tokenizer.source, segmenter(tokenizer.source, alpha).segment)
        self._target = self._source
        if not tokenizer.shared:
            self._target = _SentenceSampler(tokenizer.target, segmenter(tokenizer.target, alpha).segment)

    def make_batch(self, corpus: TokenizedCorpus, rows: IntArray, seed: tuple[int, ...]) -> Batch:
        """Return a batch of the given rows with new segmentations; it may exceed the planned number of tokens."""
        random = np.random.default_rng(seed)
        return collate_batch(
            self._source.sample(corpus.source_ids(rows), random), self._target.sample(corpus.target_ids(rows), random)
        )


class _SentenceSampler:
    """Sampler of new segmentations of sentences, with a cache of the segmentations of each word."""

    def __init__(self, vocabulary: Vocabulary, segment: Segmenter) -> None:
        self._vocabulary = vocabulary

        @lru_cache(maxsize=_CACHED_SEGMENTATIONS)
        def segmentation(word: str, number: int) -> Sequence[int]:
            digest = hashlib.blake2b(f"{number} {word}".encode(), digest_size=8).digest()
            return segment(_SPACE + word, Random(int.from_bytes(digest, "little")))

        self._segmentation = segmentation

    def sample(self, sentences: RaggedArray, random: np.random.Generator) -> RaggedArray:
        """Return new segmentations of sentences. Language piece and corpus tag are kept."""
        tags, originals = zip(*map(_split_tag, sentences.to_lists()), strict=True)
        texts = [text.split() for text in self._vocabulary.decode_batch(originals)]
        numbers = iter(random.integers(_SEGMENTATIONS_PER_WORD, size=sum(map(len, texts))).tolist())
        sampled = [[i for word in text for i in self._segmentation(word, next(numbers))] for text in texts]
        # A sentence with an unknown piece cannot be decoded to its text, so it keeps its segmentation.
        parts = zip(tags, originals, sampled, strict=True)
        return RaggedArray.from_lists([[*tag, *(ids if UNK in ids else new)] for tag, ids, new in parts])


class BpeDropout:
    """BPE-dropout: byte-pair encoding that skips merges at random (Provilkov, Emelianenko & Voita 2020)."""

    def __init__(self, vocabulary: Vocabulary, dropout: float) -> None:
        self._vocabulary, self._dropout = vocabulary, dropout
        pieces = list(vocabulary.text_pieces())
        self._ids = {piece: i for piece, i, _ in pieces}
        self._scores = {piece: score for piece, _, score in pieces}

    def segment(self, word: str, random: Random) -> list[int]:
        """Return the token ids of a word, after applying merges as in algorithm 1 of the paper.

        Each step drops every possible merge with the dropout probability, and applies the best of the remaining merges.
        The first step without a remaining merge is the last.
        """
        symbols = list(word)
        scores = [self._merge_score(*pair) for pair in pairwise(symbols)]
        while (best := max(candidates := self._drop_merges(scores, random), default=-math.inf)) > -math.inf:
            i = candidates.index(best)
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
            del scores[i]
            if i > 0:
                scores[i - 1] = self._merge_score(symbols[i - 1], symbols[i])
            if i < len(scores):
                scores[i] = self._merge_score(symbols[i], symbols[i + 1])
        ids = [i for symbol in symbols for i in self._symbol_ids(symbol)]
        return [i for n, i in enumerate(ids) if i != UNK or ids[n - 1 : n] != [UNK]]  # collapse consecutive UNK

    def _drop_merges(self, scores: list[float], random: Random) -> list[float]:
        if not self._dropout:
            return scores
        return [-math.inf if random.random() < self._dropout else score for score in scores]

    def _merge_score(self, left: str, right: str) -> float:
        return self._scores.get(left + right, -math.inf)

    def _symbol_ids(self, symbol: str) -> list[int]:
        known = self._ids.get(symbol)
        return self._vocabulary.fallback_ids(symbol) if known is None else [known]


class UnigramSampler:
    """Sampling from the n-best segmentations of a unigram model (Kudo 2018)."""

    def __init__(self, vocabulary: Vocabulary, exponent: float) -> None:
        """Create a sampler that draws segmentations with their probability to the power of ``exponent``."""
        self._exponent = exponent
        self._nbest = lru_cache(maxsize=_CACHED_SEGMENTATIONS // _SEGMENTATIONS_PER_WORD)(
            lambda word: vocabulary.nbest_segmentations(word.removeprefix(_SPACE), _NBEST)
        )

    def segment(self, word: str, random: Random) -> list[int]:
        """Return the token ids of a word in a randomly drawn segmentation."""
        nbest = self._nbest(word)
        weights = [math.exp(self._exponent * (score - nbest[0][1])) for _, score in nbest]
        return random.choices(nbest, weights)[0][0]


def _split_tag(ids: Int32Array) -> tuple[list[int], list[int]]:
    """Split the token ids of a sentence into its language piece and corpus tag, as far as present, and its text."""
    length = 0
    while length < len(ids) and corpus_tag_id(0) <= ids[length] < FIRST_TEXT_ID:
        length += 1
    return ids[:length].tolist(), ids[length:].tolist()
