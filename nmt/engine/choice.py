"""Which engine a model is used with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from nmt.bundle import Bundle
from nmt.errors import CarouselError, UsageError, missing_extra
from nmt.search.protocol import Engine

EngineName = Literal["auto", "onnx", "torch"]


def engine_factories(
    bundles: Sequence[Bundle], engine: EngineName, threads: int, shortlist: bool
) -> Sequence[Callable[[int, int], Engine]]:
    """For each thread, what makes its engines of so many slots and rows a slot.

    Several bundles make an ensemble, for which the first one's shortlist counts. Raises CarouselError when a bundle
    does not suit the engine, or when the engine's packages are missing.
    """
    if engine == "auto":
        engine = "onnx" if all(bundle.graphs for bundle in bundles) else "torch"
    if engine == "onnx":
        from nmt.engine import onnx_engine

        return onnx_engine.engine_factories(bundles, threads, shortlist)
    if len(bundles) > 1:
        raise UsageError("an ensemble needs the onnx engine, and models with graphs; make them with nmt export")
    return [_torch_factory(bundles[0], threads)]


def check_ensemble(bundles: Sequence[Bundle]) -> None:
    """Raise CarouselError unless all have the first one's languages and tokenizer."""
    first = bundles[0].card
    for bundle in bundles[1:]:
        card = bundle.card
        if (card.source_language, card.target_language) != (first.source_language, first.target_language):
            raise CarouselError(f"{bundle.path}: translates between other languages; an ensemble shares them")
        names = [name for name in first.files | card.files if name.startswith("tokenizer")]
        if any(first.files.get(name) != card.files.get(name) for name in names):
            raise CarouselError(f"{bundle.path}: has another tokenizer; train the members of an ensemble with the same")


def _torch_factory(bundle: Bundle, threads: int) -> Callable[[int, int], Engine]:
    try:
        from nmt.engine.torch_engine import engine_factory
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise missing_extra("train", "translating with the torch engine") from None
    return engine_factory(bundle, threads)
