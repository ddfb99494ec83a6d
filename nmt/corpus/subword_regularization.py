"""Words cut in other ways each time they are learned from.

The ids of a corpus say how its words are cut; here their text is cut anew, a batch at a time. SentencePiece samples
too, but what it draws differs from process to process, so that no run could be repeated or resumed. Here everything
follows from the seed.

A word is cut in at most 32 ways, each of which is drawn when it is first wanted: a batch costs little more than looking
its words up.
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

from nmt.corpus.arrow_store import Ids, RaggedArray, Rows
from nmt.corpus.batching import Batch, TokenizedCorpus, collate
from nmt.corpus.tokenizer import EOS, FIRST_TEXT_ID, UNK, Tokenizer, Vocabulary

_WAYS = 32
_REMEMBERED = 2_000_000  # cuts of words; some 300 bytes each
_CANDIDATES = 64  # segmentations of a word that a unigram model chooses among; Kudo's l
_SPACE = "\u2581"  # what SentencePiece writes for the space before a word

Cut = Callable[[str, Random], Sequence[int]]
"""A word, as SentencePiece writes it, to ids."""


class SubwordSampler:
    """Draws segmentations of both sides."""

    def __init__(self, tokenizer: Tokenizer, kind: Literal["bpe", "unigram", "char"], alpha: float) -> None:
        """``alpha`` is the share of merges left out of BPE, or the exponent of a unigram model's probabilities."""
        cutter = BpeDropout if kind == "bpe" else UnigramSampling
        self._source = _Words(tokenizer.source, cutter(tokenizer.source, alpha).cut)
        self._target = self._source
        if not tokenizer.shared:
            self._target = _Words(tokenizer.target, cutter(tokenizer.target, alpha).cut)

    def make_batch(self, corpus: TokenizedCorpus, rows: Rows, seed: tuple[int, ...]) -> Batch:
        """The padded ids of some pairs, as cut by this seed; sampled words have more pieces than planned."""
        random = np.random.default_rng(seed)
        return collate(
            self._source.sample(corpus.sources(rows), random), self._target.sample(corpus.targets(rows), random)
        )


class _Words:
    """The words of one language, each with the ways in which it was cut so far."""

    def __init__(self, vocabulary: Vocabulary, cut: Cut) -> None:
        self._vocabulary = vocabulary

        @lru_cache(maxsize=_REMEMBERED)
        def way(word: str, number: int) -> Sequence[int]:
            digest = hashlib.blake2b(f"{number} {word}".encode(), digest_size=8).digest()
            return cut(_SPACE + word, Random(int.from_bytes(digest, "little")))

        self._way = way

    def sample(self, sentences: RaggedArray, random: np.random.Generator) -> RaggedArray:
        """Other segmentations of segmented sentences; a tag that begins a sentence stays."""
        tags, pieces = zip(*map(_split, sentences.lists()), strict=True)
        texts = [text.split() for text in self._vocabulary.decode_batch(pieces)]
        numbers = iter(random.integers(_WAYS, size=sum(map(len, texts))).tolist())
        cut = [[i for word in text for i in self._way(word, next(numbers))] for text in texts]
        # What holds an unknown piece does not spell its text any more: it stays as it is.
        parts = zip(tags, pieces, cut, strict=True)
        return RaggedArray.of([[*tag, *(whole if UNK in whole else ids)] for tag, whole, ids in parts])


class BpeDropout:
    """Byte-pair encoding that leaves out merges at random (Provilkov, Emelianenko & Voita 2020)."""

    def __init__(self, vocabulary: Vocabulary, dropout: float) -> None:
        self._vocabulary, self._dropout = vocabulary, dropout
        pieces = list(vocabulary.text_pieces())
        self._ids = {piece: i for piece, i, _ in pieces}
        self._scores = {piece: score for piece, _, score in pieces}

    def cut(self, word: str, random: Random) -> list[int]:
        """Merge the best neighbours again and again: of those that could be, each step leaves out some, anew.

        With none left to a step it ends, as in the paper's algorithm 1.
        """
        symbols = list(word)
        scores = [self._score(*pair) for pair in pairwise(symbols)]
        while (best := max(offered := self._offered(scores, random), default=-math.inf)) > -math.inf:
            i = offered.index(best)
            symbols[i : i + 2] = [symbols[i] + symbols[i + 1]]
            del scores[i]
            if i > 0:
                scores[i - 1] = self._score(symbols[i - 1], symbols[i])
            if i < len(scores):
                scores[i] = self._score(symbols[i], symbols[i + 1])
        ids = [i for symbol in symbols for i in self._of(symbol)]
        return [i for n, i in enumerate(ids) if i != UNK or ids[n - 1 : n] != [UNK]]  # one for a row of them

    def _offered(self, scores: list[float], random: Random) -> list[float]:
        if not self._dropout:
            return scores
        return [-math.inf if random.random() < self._dropout else score for score in scores]

    def _score(self, left: str, right: str) -> float:
        return self._scores.get(left + right, -math.inf)

    def _of(self, symbol: str) -> list[int]:
        known = self._ids.get(symbol)
        return self._vocabulary.spelled(symbol) if known is None else [known]


class UnigramSampling:
    """Segmentations by a unigram model's probabilities, to a power (Kudo 2018)."""

    def __init__(self, vocabulary: Vocabulary, exponent: float) -> None:
        self._exponent = exponent
        self._likely = lru_cache(maxsize=_REMEMBERED // _WAYS)(
            lambda word: vocabulary.likely(word.removeprefix(_SPACE), _CANDIDATES)
        )

    def cut(self, word: str, random: Random) -> list[int]:
        """Draw one of the likeliest."""
        likely = self._likely(word)
        weights = [math.exp(self._exponent * (score - likely[0][1])) for _, score in likely]
        return random.choices(likely, weights)[0][0]


def _split(ids: Ids) -> tuple[list[int], list[int]]:
    """The tag that begins a sentence, if one does, and the text; tags are no text."""
    tagged = int(len(ids) > 0 and EOS < ids[0] < FIRST_TEXT_ID)
    return ids[:tagged].tolist(), ids[tagged:].tolist()
