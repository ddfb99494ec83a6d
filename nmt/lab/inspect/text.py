"""A text under a language model, with everything inside the network while it is read.

T pieces read, begin of sentence before each line; V vocabulary.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch

from nmt.corpus.tokenizer import BOS, EOS, TokenizedText, Vocabulary
from nmt.engine.shallow_fusion import load_language_model
from nmt.lab.inspect.activations import trace_text
from nmt.lab.inspect.inspection import Inspection, layers_of, without_piece
from nmt.model.language_model import LanguageModel
from nmt.model_directory import directory as bundles
from nmt.model_directory.directory import LanguageModelDirectory
from nmt.utils.errors import UsageError


class TextModel(NamedTuple):
    """The bundle of a language model, and its network."""

    bundle: LanguageModelDirectory
    network: LanguageModel
    """In evaluation mode, on the CPU."""


@dataclass(frozen=True)
class TextInspection(Inspection):
    """A text, piece by piece: what was read, and what was expected before each piece."""

    bundle: LanguageModelDirectory
    spans: list[tuple[int, int]]
    """[T]: the code points of the text, half-open, that each read piece stands for: begin of sentence for the line end
    before it, the first one for none."""

    @property
    def summary(self) -> str:
        """See `Inspection.summary`."""
        return f"{len(self.written):,} pieces, perplexity {math.exp(-self.score):.2f}, {super().summary}"


def load(path: Path) -> TextModel:
    """The language model of a model or run directory. Raises CarouselError where there is none."""
    bundle = bundles.read_language_model(path)
    return TextModel(bundle, load_language_model(bundle))


def inspect(model: TextModel, text: str) -> TextInspection:
    """Read a text of one line or several as the model was trained: with its state carried on over line ends, or not.

    Raises UsageError for texts that it can't read.
    """
    bundle, network = model
    lines = bundle.lines(text)
    if not any(lines):
        raise UsageError("TEXT: is empty; give some text")
    pieces = joined(bundle.vocabulary, lines)
    if unknown := without_piece(pieces):
        raise UsageError(f"TEXT: the model has no piece for {unknown}; leave that out")
    read, written = [BOS, *pieces.ids], [EOS if number == BOS else number for number in [*pieces.ids, EOS]]
    begins = [0] if bundle.card.carried else [place for place, number in enumerate(read) if number == BOS]
    traces = [
        trace_text(network, torch.tensor([read[begin:end]]))
        for begin, end in itertools.pairwise([*begins, len(read)])
    ]  # fmt: skip
    logits = torch.cat([each.decoded[0] for each in traces]) @ network.output.detach().T  # [T, V]
    scores = logits.float().log_softmax(dim=-1)[torch.arange(len(read)), torch.tensor(written)]
    return TextInspection(
        bundle=bundle,
        text=pieces.text,
        read=bundle.vocabulary.ids_to_pieces(read),
        written=bundle.vocabulary.ids_to_pieces(written),
        spans=[(0, 0), *pieces.spans],
        scores=scores.numpy(),
        layers=layers_of([each.layers for each in traces]),
    )


def joined(vocabulary: Vocabulary, lines: Sequence[str]) -> TokenizedText:
    """Lines as one text; its piece for a line end is the begin of sentence that is read before the next line."""
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    at = 0
    for line in lines:
        if at:
            ids.append(BOS)
            spans.append((at - 1, at))
        pieces = vocabulary.encode(line)
        ids += pieces.ids
        spans += [(at + start, at + end) for start, end in pieces.spans]
        at += len(line) + 1
    return TokenizedText("\n".join(lines), ids, spans)
