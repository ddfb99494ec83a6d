"""Inspection of the translation of one sentence: pieces, scores, gates, states, attention and the beam search.

Shapes: S source length and T target length, both with end of sentence; H heads; N nodes of the search tree.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nmt.corpus.tokenizer import BOS, EOS, UNK, Vocabulary, language_id
from nmt.engine.factory import EngineFactory, engine_factories
from nmt.inference.chunk_alignment import Chunk
from nmt.inference.directions import choose_direction
from nmt.inference.prepared_text import PreparedText
from nmt.inference.text_options import DEFAULT_TEXT_OPTIONS
from nmt.inference.text_processor import TextProcessor
from nmt.lab.inspect.activations import trace_translation
from nmt.lab.inspect.beam_tree import BeamTree, search_with_tree
from nmt.lab.inspect.inspection import Inspection, join_traces, list_unknown_characters
from nmt.lab.inspect.network.weights import NetworkWeights, load_weights
from nmt.model_directory.card import DirectionCard
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.text.normalisation import normalise
from nmt.utils.arrays import Float32Array
from nmt.utils.errors import UsageError

_UNLIMITED = 1_000_000_000  # number of tokens


class InspectableTranslator(NamedTuple):
    """A translator's model directory with the weights of its network, for one translation direction."""

    directory: ModelDirectory
    direction: DirectionCard
    weights: NetworkWeights
    make_engine: EngineFactory
    """Factory of the engines for the beam search."""

    @property
    def language_prefix(self) -> list[int]:
        """Token ids that precede every source sentence: the language piece of a multilingual model, else nothing."""
        languages = self.directory.card.languages
        return [language_id(languages.index(self.direction.target))] if languages else []


@dataclass(frozen=True)
class TranslationInspection(Inspection):
    """Inspection of a translation; ``text`` is the source sentence, ``output_pieces`` are those of the translation."""

    directory: ModelDirectory
    """Directory of the translator."""
    direction: DirectionCard
    """Translation direction."""
    translation: str
    """Text of the translation."""
    is_given: bool
    """True if the translation was given by the user rather than found by beam search."""
    source_pieces: list[str]
    """The S source pieces, in SentencePiece's notation; the last is end of sentence."""
    attention: list[Float32Array]
    """Attention weights [H, T, S] of each layer with attention; empty for a model without attention."""
    tree: BeamTree | None
    """Search tree; None if the translation was given."""
    tree_pieces: list[str]
    """Piece of each of the N nodes of the tree; empty if there is no tree."""
    unknown_characters: str
    """List, for a message, of the source characters that are not in the vocabulary; empty if there are none."""

    @property
    def summary(self) -> str:
        """Translation and score, for a message of one line."""
        return f"{self.translation}   {super().summary}"

    @property
    def warning(self) -> str:
        """Warning about unknown characters; see `Inspection.warning`."""
        unknown = self.unknown_characters
        return unknown and f"TEXT: the vocabulary does not contain {unknown}; the model reads <unk> instead"

    def texts(self) -> dict[str, str]:
        """Return the source sentence ("text") and the translation."""
        return {**super().texts(), "translation": self.translation}

    def arrays(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the arrays of `Inspection.arrays` with source pieces, attention weights and the search tree."""
        arrays = {"source": np.array(self.source_pieces), **super().arrays()}
        arrays |= {f"attention.{number}": weights for number, weights in enumerate(self.attention, start=1)}
        if self.tree is not None:
            arrays["tree.pieces"] = np.array(self.tree_pieces)
            names = ("tokens", "parents", "steps", "scores", "ranks")
            arrays |= {f"tree.{name}": getattr(self.tree, name) for name in names}
        return arrays


def load_translator(
    path: Path, source: str | None = None, target: str | None = None, *, use_shortlist: bool = False
) -> InspectableTranslator:
    """Load the translator of a model directory or run directory.

    Args:
        path: Path of the directory.
        source: Source language; None if the model determines it.
        target: Target language; None if the model determines it.
        use_shortlist: Whether the search is limited to the shortlist of each sentence, if the model has shortlists.

    Raises:
        UsageError: The model does not translate between the languages, or several directions are possible.
        CarouselError: The directory contains no translator, or one without graphs.
    """
    directory = read_model_directory(path)
    return open_translator(directory, *choose_direction(directory.card, source, target), use_shortlist=use_shortlist)


def open_translator(
    directory: ModelDirectory, source: str, target: str, *, use_shortlist: bool
) -> InspectableTranslator:
    """Load the weights of a translator for a direction; see `load_translator`."""
    direction = directory.card.find_direction(source, target)
    if direction is None:
        raise UsageError(f"{directory.path}: does not translate {source}→{target} in one step; choose other languages")
    [make_engine] = engine_factories([directory], "onnx", 1, use_shortlist)
    return InspectableTranslator(directory, direction, load_weights(directory), make_engine)


def inspect_translation(
    model: InspectableTranslator,
    text: str,
    translation: str | None = None,
    beam_size: int | None = None,
    max_pieces: int | None = None,
) -> TranslationInspection:
    """Translate a sentence and return the translation with the activations of the network.

    The sentence is prepared as for `nmt translate`, but not split, however long it is. Characters that are not in the
    vocabulary are read as <unk>.

    Args:
        model: Translator.
        text: Source sentence.
        translation: Translation to inspect instead of the model's own.
        beam_size: Beam size; the model's default if None.
        max_pieces: Maximum number of source pieces; None for no limit.

    Raises UsageError if the sentence has nothing to translate or too many pieces, or if ``translation`` is empty or has
    unknown characters.
    """
    directory, direction, weights, make_engine = model
    tokenizer = directory.tokenizer
    processor = TextProcessor(directory, direction.model_copy(update={"longest_source": _UNLIMITED}))
    prepared, chunk = _prepare(processor, text)
    source = chunk.tokenized
    if max_pieces is not None and len(source.ids) > max_pieces:
        raise UsageError(f"TEXT: has {len(source.ids)} pieces; at most {max_pieces} can be inspected at once")
    tree: BeamTree | None = None
    if translation is None:
        defaults = replace(directory.decoding_options, max_length_ratio=direction.longest_ratio)
        options = prepared.decoding_options(defaults, chunk)
        engine = make_engine(1, beam_size or directory.card.search.beam)
        hypotheses, tree = search_with_tree(engine, source.ids, options)
        output, output_text = hypotheses[0].tokens, processor.assemble(prepared, [hypotheses], options).text
    else:
        output_text = normalise(translation)
        output = _encode_given_translation(tokenizer.target, output_text)
    read, written = [BOS, *output], [*output, EOS]
    trace = trace_translation(
        weights, np.array([[*source.ids, EOS]]), np.array([len(source.ids) + 1]), np.array([read])
    )
    return TranslationInspection(
        directory=directory,
        direction=direction,
        text=source.text,
        translation=output_text,
        is_given=translation is not None,
        source_pieces=tokenizer.source.ids_to_pieces([*source.ids, EOS]),
        input_pieces=tokenizer.target.ids_to_pieces(read),
        output_pieces=tokenizer.target.ids_to_pieces(written),
        unknown_characters=list_unknown_characters(source),
        scores=weights.log_probabilities(trace.decoder_outputs[0])[np.arange(len(written)), written],
        layers=join_traces([trace.layers]),
        attention=[shares[0] for shares in trace.attention],
        tree=tree,
        tree_pieces=[] if tree is None else tokenizer.target.ids_to_pieces(tree.tokens.tolist()),
    )


def _prepare(processor: TextProcessor, text: str) -> tuple[PreparedText, Chunk]:
    """Return a sentence in the form that the network reads, with its only chunk."""
    prepared = processor.prepare(text, DEFAULT_TEXT_OPTIONS)
    if not prepared.chunks:
        language = processor.source_language
        raise UsageError(f"TEXT: contains nothing to translate; give a sentence in the language {language}")
    if len(prepared.chunks) > 1:
        raise UsageError("TEXT: contains too many numbers, names and codes to be read at once; shorten the text")
    return prepared, prepared.chunks[0]


def _encode_given_translation(vocabulary: Vocabulary, translation: str) -> list[int]:
    """Return the token ids of a translation that the user gave."""
    ids = vocabulary.encode(translation).ids
    if not ids:
        raise UsageError("--target: is empty; give a translation, or leave it out to inspect the model's own")
    if UNK in ids:
        raise UsageError(f"--target: {translation!r} has characters that are not in the vocabulary; leave them out")
    return ids
