"""Inspection of the translation of one sentence: pieces, scores, gates, states, attention and the beam search.

Shapes: S source length and T target length, both with end of sentence; H heads; N nodes of the search tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from nmt.corpus.tokenizer import BOS, EOS, UNK
from nmt.engine.torch_engine import TorchEngine, load_network
from nmt.lab.inspect.activations import trace_translation
from nmt.lab.inspect.beam_tree import BeamTree, search_with_tree
from nmt.lab.inspect.inspection import Inspection, join_traces, list_unknown_characters
from nmt.model.seq2seq import Seq2Seq
from nmt.model_directory.directory import ModelDirectory, read_model_directory
from nmt.text.normalisation import is_translatable, normalise
from nmt.utils.arrays import Float32Array
from nmt.utils.errors import UsageError


class TorchTranslator(NamedTuple):
    """A translator's model directory with its PyTorch network."""

    directory: ModelDirectory
    network: Seq2Seq
    """Network in evaluation mode, on the CPU."""


@dataclass(frozen=True)
class TranslationInspection(Inspection):
    """Inspection of a translation; ``text`` is the source sentence, ``output_pieces`` are those of the translation."""

    directory: ModelDirectory
    """Directory of the translator."""
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


def load_translator(path: Path) -> TorchTranslator:
    """Load the translator of a model directory or run directory.

    Raises CarouselError if the directory contains no model with PyTorch weights.
    """
    directory = read_model_directory(path)
    return TorchTranslator(directory, load_network(directory))


def inspect_translation(
    model: TorchTranslator, text: str, translation: str | None = None, beam_size: int | None = None
) -> TranslationInspection:
    """Translate a sentence and return the translation with the activations of the network.

    Unlike `nmt translate`, this function does not split long sentences and does not use a shortlist. Characters that
    are not in the vocabulary are read as <unk>.

    Args:
        model: Translator.
        text: Source sentence.
        translation: Translation to inspect instead of the model's own.
        beam_size: Beam size; the model's default if None.

    Raises UsageError if the sentence has nothing to translate, or ``translation`` is empty or has unknown characters.
    """
    directory, network = model
    tokenizer = directory.tokenizer
    clean = normalise(text)
    if not is_translatable(clean):
        raise UsageError("TEXT: contains neither letters nor digits; give some text")
    source = tokenizer.source.encode(clean)
    tree: BeamTree | None = None
    if translation is None:
        engine = TorchEngine(network, num_slots=1, beam_size=beam_size or directory.card.search.beam)
        hypotheses, tree = search_with_tree(engine, source.ids, directory.decoding_options)
        output = tokenizer.target.decode(hypotheses[0].tokens)
    else:
        output = tokenizer.target.encode(normalise(translation))
        if not output.ids:
            raise UsageError("--target: is empty; give a translation, or leave it out to inspect the model's own")
        if UNK in output.ids:
            raise UsageError(f"--target: {translation!r} has characters that are not in the vocabulary; leave them out")
    ids = torch.tensor([[BOS, *output.ids]])
    trace = trace_translation(network, torch.tensor([[*source.ids, EOS]]), torch.tensor([len(source.ids) + 1]), ids)
    logits = (trace.decoder_outputs[0] @ network.output.detach().T).float()
    scores = logits.log_softmax(dim=-1)[torch.arange(ids.shape[1]), torch.tensor([*output.ids, EOS])]
    return TranslationInspection(
        directory=directory,
        text=clean,
        translation=output.text,
        is_given=translation is not None,
        source_pieces=tokenizer.source.ids_to_pieces([*source.ids, EOS]),
        input_pieces=tokenizer.target.ids_to_pieces([BOS, *output.ids]),
        output_pieces=tokenizer.target.ids_to_pieces([*output.ids, EOS]),
        unknown_characters=list_unknown_characters(source),
        scores=scores.numpy(),
        layers=join_traces([trace.layers]),
        attention=[weights[0].float().numpy() for weights in trace.attention],
        tree=tree,
        tree_pieces=[] if tree is None else tokenizer.target.ids_to_pieces(tree.tokens.tolist()),
    )
