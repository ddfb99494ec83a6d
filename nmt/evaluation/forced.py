"""What a network attends to while it is made to write a given translation.

B sentences, T and S the lengths of the longest target and source, end of sentence counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from nmt.corpus.batching import pad
from nmt.corpus.tokenizer import BOS, EOS, Pieces, Tokenizer
from nmt.evaluation.alignment import Span
from nmt.model.seq2seq import Seq2Seq

_BATCH = 64


@torch.inference_mode()
def forced_alignment(network: Seq2Seq, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[list[Span]]:
    """For each pair of normalised texts, the source piece that each target piece attends to most.

    What attends to end of sentence renders nothing. ``network`` has an attention, and is in evaluation mode on the CPU.
    """
    encoded = [(tokenizer.source.encode(source), tokenizer.target.encode(target)) for source, target in pairs]
    order = sorted(range(len(pairs)), key=lambda i: len(encoded[i][1].ids))
    aligned: list[list[Span]] = [[] for _ in pairs]
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        for row, places in zip(rows, _attended([encoded[row] for row in rows], network), strict=True):
            aligned[row] = _spans(*encoded[row], places)
    return aligned


def _attended(pairs: Sequence[tuple[Pieces, Pieces]], network: Seq2Seq) -> Iterator[list[int]]:
    """The source place that each target place of each pair attends to most."""
    sources, targets = ([np.array(side.ids, dtype=np.int32) for side in sides] for sides in zip(*pairs, strict=True))
    lengths = torch.tensor([len(source) + 1 for source in sources])
    _, attention = network(torch.from_numpy(pad(sources, after=EOS)), lengths, torch.from_numpy(pad(targets, BOS)))
    return iter(attention.argmax(dim=2).tolist())


def _spans(source: Pieces, target: Pieces, places: Sequence[int]) -> list[Span]:
    spans = []
    for place, target_range in zip(places, target.spans, strict=False):  # places go on with end of sentence and padding
        if place < len(source.spans):
            spans.append((*_trim(source.text, *source.spans[place]), *_trim(target.text, *target_range)))
    return spans


def _trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The range without the space that a piece begins with."""
    return (start + 1, end) if text[start:end].startswith(" ") else (start, end)
