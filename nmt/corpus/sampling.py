"""Words cut in other ways each time they are learned from (Kudo 2018; Provilkov, Emelianenko & Voita 2020).

The ids of a corpus say how its words are cut; here their text is cut anew, a batch at a time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from nmt.corpus.batching import Batch, assemble
from nmt.corpus.prepare import IdCorpus
from nmt.corpus.ragged import Ids, Ragged, Rows
from nmt.corpus.tokenizer import FIRST_ORDINARY, Tokenizer, Vocabulary


@dataclass(frozen=True)
class SubwordSampler:
    """Draws segmentations of both sides."""

    tokenizer: Tokenizer
    alpha: float
    """See `Vocabulary.sample`."""

    def make_batch(self, corpus: IdCorpus, rows: Rows, seed: tuple[int, ...]) -> Batch:
        """The padded ids of some pairs, as cut by this seed; sampled words have more pieces than planned."""
        sources = self._sample(self.tokenizer.source, corpus.sources(rows), (*seed, 0))
        targets = self._sample(self.tokenizer.target, corpus.targets(rows), (*seed, 1))
        return assemble(sources, targets)

    def _sample(self, vocabulary: Vocabulary, texts: Ragged, seed: tuple[int, ...]) -> Ragged:
        tags, words = zip(*map(_split, texts.lists()), strict=True)
        sampled = vocabulary.sample(words, self.alpha, _one_number(seed))
        return Ragged.of([[*tag, *ids] for tag, ids in zip(tags, sampled, strict=True)])


def _split(ids: Ids) -> tuple[list[int], list[int]]:
    """The tag that begins a sentence, if one does, and the text; tags are no text."""
    tagged = int(len(ids) > 0 and ids[0] < FIRST_ORDINARY and ids[0] > 3)
    return ids[:tagged].tolist(), ids[tagged:].tolist()


def _one_number(seed: tuple[int, ...]) -> int:
    digest = hashlib.blake2b(" ".join(map(str, seed)).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")
