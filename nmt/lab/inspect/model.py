"""Translators and language models behind the one interface that inspection uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nmt.lab.inspect.inspection import Inspection
from nmt.lab.inspect.sentence import InspectableTranslator, inspect_translation, load_translator
from nmt.lab.inspect.text import InspectableLanguageModel, inspect_text, load_text_model
from nmt.model_directory.directory import is_language_model
from nmt.utils.errors import UsageError, missing_extra

if TYPE_CHECKING:
    from nmt.lab.inspect.corpus_activations import LayerBatch


class InspectableModel(NamedTuple):
    """A translator or language model with the operations that inspection needs."""

    languages: tuple[str, ...]
    """Language codes of the model: source and target of a translator, or the single one of a language model."""
    inspect: Callable[[str], Inspection]
    """Function that runs the model on one text and returns the activations."""
    trace_corpus: Callable[[Path], Iterator[LayerBatch]]
    """Function that yields the activations over a corpus file; see `nmt.lab.inspect.neuron_search.find_neurons`."""


def load_inspectable_model(
    path: Path,
    translation: str | None = None,
    beam_size: int | None = None,
    source: str | None = None,
    target: str | None = None,
) -> InspectableModel:
    """Load the model of a model directory or run directory.

    Args:
        path: Path of the directory.
        translation: Translation to inspect instead of the model's own; only for translators.
        beam_size: Beam size, by default the model's; only for translators.
        source: Source language, if the model knows several; only for translators.
        target: Target language, if the model knows several; only for translators.

    Raises:
        UsageError: An option for translators is given for a language model, or the languages do not fit the model.
        CarouselError: The directory contains no suitable model.
    """
    if not is_language_model(path):
        translator = load_translator(path, source, target)
        direction = translator.direction
        inspect: Callable[[str], Inspection] = partial(
            inspect_translation, translator, translation=translation, beam_size=beam_size
        )
        languages: tuple[str, ...] = direction.source, direction.target
        return InspectableModel(languages, inspect, partial(_trace_corpus, translator))
    for option, value in (("target", translation), ("beam", beam_size), ("from", source), ("to", target)):
        if value is not None:
            raise UsageError(f"--{option}: applies to translators, and {path} is a language model; leave it out")
    model = load_text_model(path)
    languages = (model.directory.card.language,)
    inspect = partial(inspect_text, model)
    return InspectableModel(languages, inspect, partial(_trace_corpus, model))


def _trace_corpus(model: InspectableTranslator | InspectableLanguageModel, path: Path) -> Iterator[LayerBatch]:
    """Yield the activations over a corpus file; raise CarouselError if the packages that read corpora are missing."""
    try:
        from nmt.lab.inspect import corpus_activations
    except ModuleNotFoundError:
        raise missing_extra("train", "nmt inspect --corpus") from None
    if isinstance(model, InspectableTranslator):
        return corpus_activations.trace_pairs(model, corpus_activations.load_pairs(path, model))
    return corpus_activations.trace_passages(model, corpus_activations.load_passages(path, model))
