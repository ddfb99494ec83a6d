"""Encoding of source sentences on ONNX Runtime, with the output layers of their shortlists.

Shapes: n sentences that are encoded together, L tokens of the longest shortlist, Z total size of the decoder state.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from nmt.corpus.tokenizer import EOS, PAD
from nmt.engine.onnx.sessions import Arrays, OnnxSessions
from nmt.engine.shortlist import SentenceShortlist
from nmt.engine.slot_storage import BLOCK_SIZE
from nmt.utils.arrays import AnyArray

_ENCODER_CALL_COST = 0.4  # overhead of an encoder call, as a multiple of the cost of encoding one sentence


class EncodedSentences(NamedTuple):
    """Sentences that were encoded together, with what a step needs of them."""

    state: AnyArray
    """Initial decoder state [n, Z]."""
    memory: Arrays
    """Attention memory, by the names of the step graph's inputs."""
    blocks: AnyArray
    """Number of blocks of source positions of each sentence [n]."""
    shortlists: Arrays | None
    """Output layer of each sentence's shortlist, by the names of the step graph's inputs, and the token ids "list"."""
    shortlist_lengths: AnyArray | None
    """Number of tokens in each shortlist [n]."""


class SentenceEncoder:
    """Encoder of source sentences, which also prepares the output layers of their shortlists."""

    def __init__(self, sessions: OnnxSessions, shortlist: SentenceShortlist | None) -> None:
        self._sessions, self._shortlist = sessions, shortlist

    def encode(self, sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]) -> EncodedSentences:
        """Encode sentences together; the sources are ids without end of sentence. See `Engine.admit`."""
        lengths = np.array([len(source) + 1 for source in sources])
        ids = _pad_sequences([[*source, EOS] for source in sources], PAD)
        memory = self._sessions.run("encoder", {"source": ids, "lengths": lengths.astype(np.int32)})
        state = memory.pop("state")
        shortlists, shortlist_lengths = self._gather_shortlists(sources, required_ids)
        return EncodedSentences(state, memory, -(-lengths // BLOCK_SIZE), shortlists, shortlist_lengths)

    def _gather_shortlists(
        self, sources: Sequence[Sequence[int]], required_ids: Sequence[Sequence[int]]
    ) -> tuple[Arrays, AnyArray] | tuple[None, None]:
        if self._shortlist is None:
            return None, None
        # End of sentence must be the first token of every shortlist; the special tokens before it are never generated.
        included = [[token for token in tokens if token > EOS] for tokens in required_ids]
        lists = [self._shortlist.target_ids_for_sentence(*pair) for pair in zip(sources, included, strict=True)]
        lengths = np.array([len(tokens) for tokens in lists])
        ids = _pad_sequences(lists, EOS)
        is_padding = np.arange(ids.shape[1]) >= lengths[:, None]
        arrays = self._sessions.run("rows", {"list": ids})
        arrays["list_bias"] = np.where(is_padding, np.float32(-np.inf), np.float32(0))[:, None]
        arrays["list"] = ids
        return arrays, lengths


def group_by_length(lengths: Sequence[int]) -> list[list[int]]:
    """Group the indices of sentences, from short to long, so that padding costs less than another encoder call."""
    groups: list[list[int]] = []
    for n in sorted(range(len(lengths)), key=lambda n: lengths[n]):
        if groups:
            shortest = lengths[groups[-1][0]]
            padding = sum(lengths[n] - lengths[member] for member in groups[-1])
            if padding <= _ENCODER_CALL_COST * shortest:
                groups[-1].append(n)
                continue
        groups.append([n])
    return groups


def _pad_sequences(sequences: Sequence[Any], fill: int) -> AnyArray:
    """Return sequences of different lengths as an array [n, longest]."""
    ids = np.full((len(sequences), max(map(len, sequences))), fill, dtype=np.int64)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = sequence
    return ids
