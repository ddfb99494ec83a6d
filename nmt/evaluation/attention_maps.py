"""Attention weights of given translations.

Shapes: S source length and T target length, both with end of sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from nmt.corpus.tokenizer import BOS, EOS, Vocabulary
from nmt.engine.torch_engine import load_network
from nmt.model_directory.directory import ModelDirectory
from nmt.text.normalisation import normalise


@dataclass(frozen=True)
class AttentionMap:
    """Attention weights of one translation, with the pieces of both sides."""

    source: list[str]
    """The S source pieces, in SentencePiece's notation."""
    target: list[str]
    """The T target pieces, in SentencePiece's notation."""
    weights: np.ndarray[Any, np.dtype[np.float32]]
    """Weights [T, S] of the alignment head, or averaged over the heads of the last layer; each row sums to 1."""


def compute_attention_maps(
    directory: ModelDirectory, pairs: Sequence[tuple[str, str]], prefix: Sequence[int] = ()
) -> Iterator[AttentionMap]:
    """Yield the attention map of each pair of source and translation.

    ``prefix`` are token ids before each source: of a multilingual model, that of the target language.
    The iterator is empty if the model has no attention, or its directory no PyTorch weights.
    """
    if directory.card.model.attention == "none" or directory.weights is None:
        return
    network = load_network(directory)
    for source, target in pairs:
        source_ids, source_pieces = _encode_with_end(directory.tokenizer.source, source, prefix)
        target_ids, target_pieces = _encode_with_end(directory.tokenizer.target, target)
        with torch.inference_mode():
            ids, lengths = torch.tensor([source_ids]), torch.tensor([len(source_ids)])
            _, weights = network(ids, lengths, torch.tensor([[BOS, *target_ids[:-1]]]))
        yield AttentionMap(source_pieces, target_pieces, weights[0].numpy())


def _encode_with_end(vocabulary: Vocabulary, text: str, prefix: Sequence[int] = ()) -> tuple[list[int], list[str]]:
    """Return the token ids and the pieces of a text, both with a prefix and end of sentence."""
    ids = [*prefix, *vocabulary.encode(normalise(text)).ids, EOS]
    return ids, vocabulary.ids_to_pieces(ids)
