"""Inspection of a language model that reads a text: pieces, scores, gates and states.

Shapes: T pieces read, with begin of sentence before each line; V vocabulary size.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nmt.corpus.tokenizer import BOS, EOS, TokenizedText, Vocabulary
from nmt.lab.inspect.activations import trace_text
from nmt.lab.inspect.inspection import Inspection, join_traces, list_unknown_characters
from nmt.lab.inspect.network.weights import NetworkWeights, load_weights
from nmt.model_directory.directory import LanguageModelDirectory, read_language_model_directory
from nmt.utils.errors import UsageError


class InspectableLanguageModel(NamedTuple):
    """A language model's directory with the weights of its network."""

    directory: LanguageModelDirectory
    weights: NetworkWeights


@dataclass(frozen=True)
class TextInspection(Inspection):
    """Inspection of a text that a language model reads and predicts piece by piece."""

    directory: LanguageModelDirectory
    """Directory of the language model."""
    spans: list[tuple[int, int]]
    """Character range of each of the T input pieces in the text.

    The range of begin of sentence is the line end before it; it is empty at the first line.
    """

    @property
    def summary(self) -> str:
        """Number of pieces, perplexity and score, for a message of one line."""
        perplexity = math.exp(-self.score)
        return f"{len(self.output_pieces):,} pieces, perplexity {perplexity:.2f}, {super().summary}"


def load_text_model(path: Path) -> InspectableLanguageModel:
    """Load the language model of a model directory or run directory.

    Raises CarouselError if the directory contains no language model.
    """
    directory = read_language_model_directory(path)
    return InspectableLanguageModel(directory, load_weights(directory))


def inspect_text(model: InspectableLanguageModel, text: str) -> TextInspection:
    """Run a language model over a text of one or more lines and return its scores and activations.

    As in training, the state is either carried over line ends or reset at every line.

    Raises UsageError if the text is empty or has characters that are not in the vocabulary.
    """
    directory, weights = model
    lines = directory.split_lines(text)
    if not any(lines):
        raise UsageError("TEXT: is empty; give some text")
    pieces = join_lines(directory.vocabulary, lines)
    if unknown := list_unknown_characters(pieces):
        raise UsageError(f"TEXT: the vocabulary does not contain {unknown}; leave these characters out")
    inputs, outputs = [BOS, *pieces.ids], [EOS if id_ == BOS else id_ for id_ in [*pieces.ids, EOS]]
    starts = [0] if directory.card.carried else [index for index, id_ in enumerate(inputs) if id_ == BOS]
    passages = itertools.pairwise([*starts, len(inputs)])
    traces = [trace_text(weights, np.array([inputs[start:end]])) for start, end in passages]
    all_scores = weights.log_probabilities(np.concatenate([trace.decoder_outputs[0] for trace in traces]))  # [T, V]
    return TextInspection(
        directory=directory,
        text=pieces.text,
        input_pieces=directory.vocabulary.ids_to_pieces(inputs),
        output_pieces=directory.vocabulary.ids_to_pieces(outputs),
        spans=[(0, 0), *pieces.spans],
        scores=all_scores[np.arange(len(inputs)), outputs],
        layers=join_traces([trace.layers for trace in traces]),
    )


def join_lines(vocabulary: Vocabulary, lines: Sequence[str]) -> TokenizedText:
    """Encode lines as one text, in which begin of sentence replaces each line end."""
    ids: list[int] = []
    spans: list[tuple[int, int]] = []
    offset = 0
    for line in lines:
        if offset:
            ids.append(BOS)
            spans.append((offset - 1, offset))
        pieces = vocabulary.encode(line)
        ids += pieces.ids
        spans += [(offset + start, offset + end) for start, end in pieces.spans]
        offset += len(line) + 1
    return TokenizedText("\n".join(lines), ids, spans)
