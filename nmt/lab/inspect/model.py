"""A model to look into: a translator or a language model, as its card says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from nmt.lab.inspect import readings as corpus
from nmt.lab.inspect import sentence, text
from nmt.lab.inspect.inspection import Inspection
from nmt.lab.inspect.readings import Reading
from nmt.model_directory import directory as bundles
from nmt.utils.errors import UsageError


class Inspected(NamedTuple):
    """What can be asked of either."""

    languages: tuple[str, ...]
    inspect: Callable[[str], Inspection]
    """Look at one text."""
    readings: Callable[[Path], Iterator[Reading]]
    """Read a corpus, for `nmt.lab.inspect.neuron_search.search`."""


def load(path: Path, target: str | None = None, beam: int | None = None) -> Inspected:
    """The model of a model or run directory; ``target`` and ``beam`` are those of `nmt.lab.inspect.sentence.inspect`.

    Raises UsageError for either of them with a language model, CarouselError where there is no model with weights.
    """
    if not bundles.is_language_model(path):
        translator = sentence.load(path)
        card = translator.bundle.card
        inspect = partial(sentence.inspect, translator, target=target, beam=beam)
        return Inspected(
            (card.source_language, card.target_language), inspect, partial(corpus.read_by_translator, translator)
        )
    for option, value in (("target", target), ("beam", beam)):
        if value is not None:
            raise UsageError(f"--{option}: is about a translation, and {path} is a language model; leave it out")
    reader = text.load(path)
    return Inspected(
        (reader.bundle.card.language,), partial(text.inspect, reader), partial(corpus.read_by_language_model, reader)
    )
