"""Loading a translator or a language model for inspection behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nmt.lab.inspect.corpus_activations import LayerBatch, trace_pair_corpus, trace_text_corpus
from nmt.lab.inspect.inspection import Inspection
from nmt.lab.inspect.sentence import inspect_translation, load_translator
from nmt.lab.inspect.text import inspect_text, load_text_model
from nmt.model_directory.directory import is_language_model
from nmt.utils.errors import UsageError


class InspectableModel(NamedTuple):
    """Operations that inspection needs, the same for translators and language models."""

    languages: tuple[str, ...]
    """Codes of the model's languages."""
    inspect: Callable[[str], Inspection]
    """Inspects one text."""
    trace_corpus: Callable[[Path], Iterator[LayerBatch]]
    """Traces a corpus, for `nmt.lab.inspect.neuron_search.find_neurons`."""


def load_inspectable_model(path: Path, target: str | None = None, beam_size: int | None = None) -> InspectableModel:
    """Load the model of a model directory or run directory.

    Args:
        path: The directory.
        target: A given translation; see `inspect_translation`.
        beam_size: Beam size; see `inspect_translation`.

    Raises:
        UsageError: ``target`` or ``beam`` is given for a language model.
        CarouselError: The directory contains no model with PyTorch weights.
    """
    if not is_language_model(path):
        translator = load_translator(path)
        card = translator.directory.card
        inspect = partial(inspect_translation, translator, target=target, beam_size=beam_size)
        corpus = partial(trace_pair_corpus, translator)
        return InspectableModel((card.source_language, card.target_language), inspect, corpus)
    for option, value in (("target", target), ("beam", beam_size)):
        if value is not None:
            raise UsageError(f"--{option}: applies to translators, and {path} is a language model; leave it out")
    model = load_text_model(path)
    languages = (model.directory.card.language,)
    return InspectableModel(languages, partial(inspect_text, model), partial(trace_text_corpus, model))
