"""A corpus as a model's layers read it, a batch at a time: pairs of a translator, passages of a language model.

B texts, T pieces of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import torch

from nmt.corpus.language_model_data import read_training_lines
from nmt.corpus.parallel_corpus import read_pairs
from nmt.corpus.text_files import read_lines
from nmt.corpus.tokenizer import BOS, EOS, PAD, TokenizedText
from nmt.inference.translator import Translator
from nmt.lab.inspect.activations import LayerTrace, trace, trace_text
from nmt.lab.inspect.sentence import Model
from nmt.lab.inspect.text import TextModel, joined
from nmt.text.normalisation import is_translatable, normalise
from nmt.utils.errors import CarouselError, UsageError

MOST_LINES = 2000
"""Of a corpus: the first ones."""
_BATCH = 32  # texts, and
_PLACES = 8000  # pieces of them, padding counted, that are traced together
_PASSAGE = 1000  # pieces, after which one ends where a paragraph or a definition does
_LONGEST = 5 * _PASSAGE  # after which it ends with the line

Pair = tuple[TokenizedText, TokenizedText]
Item = TypeVar("Item")


class Reading(NamedTuple):
    """What one layer has read of a batch."""

    trace: LayerTrace
    texts: Sequence[TokenizedText]
    """B"""
    language: str
    begin: int
    """How many places come before a text's first piece: one where begin of sentence is read."""


def read_by_translator(model: Model, path: Path) -> Iterator[Reading]:
    """How a translator reads a file: see `pairs_of`."""
    return readings_of_pairs(model, pairs_of(path, model))


def read_by_language_model(model: TextModel, path: Path) -> Iterator[Reading]:
    """How a language model reads a file: see `passages_of`."""
    return readings_of_passages(model, passages_of(path, model))


def pairs_of(path: Path, model: Model) -> list[Pair]:
    """The pieces of a corpus: pairs of a ``.tsv`` file, or lines of a text, which the model itself then translates.

    Raises CarouselError where there is nothing to read.
    """
    tokenizer, card = model.bundle.tokenizer, model.bundle.card
    if path.suffix == ".tsv":
        rows = read_pairs(str(path), card.source_language, card.target_language)
        pairs = list(itertools.islice(rows, MOST_LINES))
    else:
        lines = [line for line in itertools.islice(read_lines(path), MOST_LINES) if is_translatable(line)]
        translations = Translator.load(model.bundle.path, shortlist=False).translate(lines, beam=1)
        pairs = [(line, translation.text) for line, translation in zip(lines, translations, strict=True)]
    encoded = [(tokenizer.source.encode(normalise(a)), tokenizer.target.encode(normalise(b))) for a, b in pairs]
    return _not_empty([pair for pair in encoded if pair[0].ids], path)


def passages_of(path: Path, model: TextModel) -> list[TokenizedText]:
    """The pieces of a text, cut where the state begins anew.

    That is each line, if the model was trained so; else passages of a thousand pieces or more, up to an empty line
    before one that is not indented. Raises CarouselError where there is nothing to read.
    """
    if path.suffix == ".tsv":
        raise UsageError(f"--corpus: {path} holds pairs, and a language model reads text; name a text")
    card, vocabulary = model.bundle.card, model.bundle.vocabulary
    lines = list(itertools.islice(read_training_lines(path, card.verbatim), MOST_LINES))
    passages: list[list[str]] = [[]]
    pieces, above = 0, ""
    for line, ids in zip(lines, vocabulary.encode_batch(lines), strict=True):
        begins = pieces >= _PASSAGE and not above and line[:1].strip()
        if passages[-1] and (begins or pieces >= _LONGEST or not card.carried):
            passages.append([])
            pieces = 0
        passages[-1].append(line)
        pieces, above = pieces + len(ids) + 1, line
    encoded = [joined(vocabulary, passage) for passage in passages]
    return _not_empty([each for each in encoded if each.text.strip()], path)


def readings_of_pairs(model: Model, pairs: Sequence[Pair]) -> Iterator[Reading]:
    """How a translator reads pairs: the encoder the source, the decoder the target."""
    card = model.bundle.card
    for batch in _batches(pairs, lambda pair: len(pair[0].ids)):
        sources = [[*source.ids, EOS] for source, _ in batch]
        targets = [[BOS, *target.ids] for _, target in batch]
        lengths = torch.tensor([len(ids) for ids in sources])
        for layer in trace(model.network, _padded(sources), lengths, _padded(targets)).layers:
            if layer.part == "decoder":
                yield Reading(layer, [target for _, target in batch], card.target_language, begin=1)
            else:
                yield Reading(layer, [source for source, _ in batch], card.source_language, begin=0)


def readings_of_passages(model: TextModel, passages: Sequence[TokenizedText]) -> Iterator[Reading]:
    """How a language model reads passages, each from the state before any text."""
    language = model.bundle.card.language
    for batch in _batches(passages, lambda pieces: len(pieces.ids)):
        for layer in trace_text(model.network, _padded([[BOS, *pieces.ids] for pieces in batch])).layers:
            yield Reading(layer, batch, language, begin=1)


def _not_empty(found: list[Item], path: Path) -> list[Item]:
    if not found:
        raise CarouselError(f"{path}: holds no text; name a corpus with text in it")
    return found


def _batches(items: Sequence[Item], length: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Texts of like length together."""
    batch: list[Item] = []
    for item in sorted(items, key=length):
        if batch and (len(batch) == _BATCH or (len(batch) + 1) * length(item) > _PLACES):
            yield batch
            batch = []
        batch.append(item)
    yield batch


def _padded(lists: list[list[int]]) -> torch.Tensor:
    longest = max(map(len, lists))
    return torch.tensor([ids + [PAD] * (longest - len(ids)) for ids in lists])
