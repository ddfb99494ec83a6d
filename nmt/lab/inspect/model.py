"""Translators and language models behind the one interface that inspection uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nmt.lab.inspect.corpus_activations import LayerBatch, load_pairs, load_passages, trace_pairs, trace_passages
from nmt.lab.inspect.inspection import Inspection
from nmt.lab.inspect.sentence import inspect_translation, load_translator
from nmt.lab.inspect.text import inspect_text, load_text_model
from nmt.model_directory.directory import is_language_model
from nmt.utils.errors import UsageError


class InspectableModel(NamedTuple):
    """A translator or language model with the operations that inspection needs."""

    languages: tuple[str, ...]
    """Language codes of the model: source and target of a translator, or the single one of a language model."""
    inspect: Callable[[str], Inspection]
    """Function that runs the model on one text and returns the activations."""
    trace_corpus: Callable[[Path], Iterator[LayerBatch]]
    """Function that yields the activations over a corpus file; see `nmt.lab.inspect.neuron_search.find_neurons`."""


def load_inspectable_model(
    path: Path, translation: str | None = None, beam_size: int | None = None
) -> InspectableModel:
    """Load the model of a model directory or run directory.

    Args:
        path: Path of the directory.
        translation: Translation to inspect instead of the model's own; only for translators.
        beam_size: Beam size, by default the model's; only for translators.

    Raises:
        UsageError: ``translation`` or ``beam_size`` is given for a language model.
        CarouselError: The directory contains no model with PyTorch weights.
    """
    if not is_language_model(path):
        translator = load_translator(path)
        card = translator.directory.card
        inspect: Callable[[str], Inspection] = partial(
            inspect_translation, translator, translation=translation, beam_size=beam_size
        )
        languages: tuple[str, ...] = card.source_language, card.target_language
        return InspectableModel(languages, inspect, lambda path: trace_pairs(translator, load_pairs(path, translator)))
    for option, value in (("target", translation), ("beam", beam_size)):
        if value is not None:
            raise UsageError(f"--{option}: applies to translators, and {path} is a language model; leave it out")
    model = load_text_model(path)
    languages = (model.directory.card.language,)
    inspect = partial(inspect_text, model)
    return InspectableModel(languages, inspect, lambda path: trace_passages(model, load_passages(path, model)))
