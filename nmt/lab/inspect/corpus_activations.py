"""Activations of a model over a corpus, yielded for one batch of texts and one layer at a time.

Shapes: B texts, T pieces per text.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from nmt.corpus.compressed_files import content_suffix
from nmt.corpus.language_model_data import read_training_lines
from nmt.corpus.parallel_corpus import read_pairs
from nmt.corpus.text_files import read_lines
from nmt.corpus.tokenizer import BOS, EOS, PAD, TokenizedText
from nmt.inference.translator import Translator
from nmt.lab.inspect.activations import trace_text, trace_translation
from nmt.lab.inspect.network.trace import LayerTrace
from nmt.lab.inspect.sentence import InspectableTranslator
from nmt.lab.inspect.text import InspectableLanguageModel, join_lines
from nmt.text.normalisation import is_translatable, normalise
from nmt.utils.arrays import Int64Array
from nmt.utils.errors import CarouselError, UsageError

MAX_LINES = 2000
"""Largest number of lines that are read, from the beginning of a corpus."""
_BATCH_TEXTS = 32
_BATCH_PIECES = 8000  # of a batch, including padding
_PASSAGE_PIECES = 1000  # a passage of this size ends at the next paragraph or definition
_MAX_PASSAGE_PIECES = 5 * _PASSAGE_PIECES  # a passage of this size ends with its line

EncodedPair = tuple[TokenizedText, TokenizedText]
"""Tokenized source text and tokenized translation."""
Item = TypeVar("Item")


class LayerBatch(NamedTuple):
    """Activations of one layer for a batch of texts."""

    trace: LayerTrace
    texts: Sequence[TokenizedText]
    """The B texts that the layer reads."""
    language: str
    """Language code of the texts."""
    first_piece_position: int
    """Number of pieces that the layer reads before the text: begin of sentence, or a language piece."""


def load_pairs(path: Path, model: InspectableTranslator) -> list[EncodedPair]:
    """Read and encode the pairs of a ``.tsv`` file, or the lines of a text file with the model's translations of them.

    Raises CarouselError if the file contains no text.
    """
    tokenizer, direction = model.directory.tokenizer, model.direction
    if content_suffix(path) == ".tsv":
        rows = read_pairs(str(path), direction.source, direction.target)
        pairs = list(itertools.islice(rows, MAX_LINES))
    else:
        lines = [line for line in itertools.islice(read_lines(path), MAX_LINES) if is_translatable(line)]
        translator = Translator.load(model.directory.path, shortlist=False)
        translations = translator.translate(lines, beam_size=1, source=direction.source, target=direction.target)
        pairs = [(line, translation.text) for line, translation in zip(lines, translations, strict=True)]
    encoded = [(tokenizer.source.encode(normalise(a)), tokenizer.target.encode(normalise(b))) for a, b in pairs]
    return _require_text([pair for pair in encoded if pair[0].ids], path)


def load_passages(path: Path, model: InspectableLanguageModel) -> list[TokenizedText]:
    """Read and encode a text file, divided into passages that the model reads from its initial state.

    A passage is a line if the model was trained on single lines. Otherwise a passage has at least 1,000 pieces and ends
    at an empty line that is followed by a line without indentation, or at any line after 5,000 pieces.

    Raises:
        UsageError: The file contains pairs.
        CarouselError: The file contains no text.
    """
    if content_suffix(path) == ".tsv":
        raise UsageError(f"--corpus: {path} contains pairs, but a language model reads text; give a text file")
    card, vocabulary = model.directory.card, model.directory.vocabulary
    lines = list(itertools.islice(read_training_lines(path, card.verbatim), MAX_LINES))
    passages: list[list[str]] = [[]]
    pieces, previous = 0, ""
    for line, ids in zip(lines, vocabulary.encode_batch(lines), strict=True):
        may_end = pieces >= _PASSAGE_PIECES and not previous and line[:1].strip()
        if passages[-1] and (may_end or pieces >= _MAX_PASSAGE_PIECES or not card.carried):
            passages.append([])
            pieces = 0
        passages[-1].append(line)
        pieces, previous = pieces + len(ids) + 1, line
    encoded = [join_lines(vocabulary, passage) for passage in passages]
    return _require_text([passage for passage in encoded if passage.text.strip()], path)


def trace_pairs(model: InspectableTranslator, pairs: Sequence[EncodedPair]) -> Iterator[LayerBatch]:
    """Yield the activations of a translator over pairs; encoder layers read the source, decoder layers the target."""
    direction, prefix = model.direction, model.language_prefix
    for batch in _batch_by_length(pairs, lambda pair: len(pair[0].ids)):
        sources = [[*prefix, *source.ids, EOS] for source, _ in batch]
        targets = [[BOS, *target.ids] for _, target in batch]
        lengths = np.array([len(ids) for ids in sources])
        for layer in trace_translation(model.weights, _pad(sources), lengths, _pad(targets)).layers:
            if layer.part == "decoder":
                yield LayerBatch(layer, [target for _, target in batch], direction.target, first_piece_position=1)
            else:
                sources_read = [source for source, _ in batch]
                yield LayerBatch(layer, sources_read, direction.source, first_piece_position=len(prefix))


def trace_passages(model: InspectableLanguageModel, passages: Sequence[TokenizedText]) -> Iterator[LayerBatch]:
    """Yield the activations of a language model over passages, each read from the initial state."""
    language = model.directory.card.language
    for batch in _batch_by_length(passages, lambda pieces: len(pieces.ids)):
        for layer in trace_text(model.weights, _pad([[BOS, *pieces.ids] for pieces in batch])).layers:
            yield LayerBatch(layer, batch, language, first_piece_position=1)


def _require_text(texts: list[Item], path: Path) -> list[Item]:
    """Return the texts, or raise CarouselError if there are none."""
    if not texts:
        raise CarouselError(f"{path}: contains no text; give a corpus with text")
    return texts


def _batch_by_length(items: Sequence[Item], get_length: Callable[[Item], int]) -> Iterator[list[Item]]:
    """Yield batches of items of similar length."""
    batch: list[Item] = []
    for item in sorted(items, key=get_length):
        if batch and (len(batch) == _BATCH_TEXTS or (len(batch) + 1) * get_length(item) > _BATCH_PIECES):
            yield batch
            batch = []
        batch.append(item)
    yield batch


def _pad(sequences: list[list[int]]) -> Int64Array:
    """Return id sequences as an array [B, T], padded at the end."""
    longest = max(map(len, sequences))
    return np.array([ids + [PAD] * (longest - len(ids)) for ids in sequences])
