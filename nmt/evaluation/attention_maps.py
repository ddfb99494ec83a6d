"""What a network looks at while it writes a given translation.

S source length, T target length, each with end of sentence.
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
    """The attention of one translation."""

    source: list[str]
    """S pieces, as SentencePiece writes them."""
    target: list[str]
    """T pieces."""
    weights: np.ndarray[Any, np.dtype[np.float32]]
    """[T, S]: the alignment head's, or the mean over the last layer's heads; each row sums to one."""


def attention_maps(bundle: ModelDirectory, pairs: Sequence[tuple[str, str]]) -> Iterator[AttentionMap]:
    """The attention of pairs of source and translation; nothing of a model that has none, or has no weights."""
    if bundle.card.model.attention == "none" or bundle.weights is None:
        return
    network = load_network(bundle)
    for source, target in pairs:
        source_ids, source_pieces = _pieces(bundle.tokenizer.source, source)
        target_ids, target_pieces = _pieces(bundle.tokenizer.target, target)
        with torch.inference_mode():
            _, weights = network(
                torch.tensor([source_ids]), torch.tensor([len(source_ids)]), torch.tensor([[BOS, *target_ids[:-1]]])
            )
        yield AttentionMap(source_pieces, target_pieces, weights[0].numpy())


def _pieces(vocabulary: Vocabulary, text: str) -> tuple[list[int], list[str]]:
    """Ids and pieces of a text, with end of sentence."""
    ids = [*vocabulary.encode(normalise(text)).ids, EOS]
    return ids, [vocabulary.id_to_piece(number) for number in ids]
