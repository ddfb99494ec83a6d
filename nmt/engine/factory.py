"""Which engine a model is used with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from nmt.model_directory.directory import GRAPHS, LanguageModelDirectory, ModelDirectory
from nmt.search.protocol import Engine
from nmt.utils.errors import CarouselError, UsageError, missing_extra

EngineName = Literal["auto", "onnx", "torch"]
EngineFactory = Callable[[int, int], Engine]
"""Makes an engine of so many slots and rows a slot."""


def engine_factories(
    bundles: Sequence[ModelDirectory], engine: EngineName, threads: int, shortlist: bool
) -> list[EngineFactory]:
    """For each thread, what makes its engines of so many slots and rows a slot.

    Several bundles make an ensemble, for which the first one's shortlist counts. Raises CarouselError when a bundle
    does not suit the engine, or when the engine's packages are missing.
    """
    if engine == "auto":
        engine = "onnx" if all(bundle.graphs for bundle in bundles) else "torch"
    if engine == "onnx":
        return _onnx_factories(bundles, threads, shortlist)
    if len(bundles) > 1:
        raise UsageError("an ensemble needs the onnx engine, and models with graphs; make them with nmt export")
    return [_torch_factory(bundles[0], threads)]


def shallow_fusion_factory(
    bundle: ModelDirectory, language_model: LanguageModelDirectory, weight: float, threads: int
) -> EngineFactory:
    """What makes engines, on torch, in which a language model has a say in every step.

    Raises CarouselError when the tokenizers differ, the translator has no weights for torch, or torch is missing.
    """
    try:
        from nmt.engine import shallow_fusion as fusion
    except ModuleNotFoundError as error:
        raise _torch_missing(error, "a language model") from None
    return fusion.fused_engine_factory(bundle, language_model, weight, threads)


def language_model_scorer(language_model: LanguageModelDirectory) -> Callable[[Sequence[str]], list[float]]:
    """What gives the log-probability of each of some texts. Raises CarouselError when torch is missing."""
    try:
        from nmt.engine import shallow_fusion as fusion
    except ModuleNotFoundError as error:
        raise _torch_missing(error, "a language model") from None
    return fusion.LanguageModelScorer(language_model).score


def check_ensemble(bundles: Sequence[ModelDirectory]) -> None:
    """Raise CarouselError unless all have the first one's languages and tokenizer."""
    first = bundles[0].card
    for bundle in bundles[1:]:
        card = bundle.card
        if (card.source_language, card.target_language) != (first.source_language, first.target_language):
            raise CarouselError(f"{bundle.path}: translates between other languages; an ensemble shares them")
        names = [name for name in first.files | card.files if name.startswith("tokenizer")]
        if any(first.files.get(name) != card.files.get(name) for name in names):
            raise CarouselError(f"{bundle.path}: has another tokenizer; train the members of an ensemble with the same")


def _onnx_factories(bundles: Sequence[ModelDirectory], threads: int, shortlist: bool) -> list[EngineFactory]:
    from nmt.engine.ensemble import EnsembleEngine
    from nmt.engine.onnx.engine import OnnxEngine, OnnxSessions
    from nmt.engine.shortlist import Shortlist

    for bundle in bundles:
        if bundle.graphs is None:
            raise CarouselError(f"{bundle.path}: has no graphs for the onnx engine; make them with nmt export")
    path = bundles[0].shortlist
    lists = Shortlist.load(path) if shortlist and path else None

    def factory() -> EngineFactory:
        members = [OnnxSessions(bundle.path / GRAPHS, bundle.card.target_vocabulary) for bundle in bundles]

        def make(slots: int, beam: int) -> Engine:
            engines = [OnnxEngine(graphs, slots, beam, lists) for graphs in members]
            return engines[0] if len(engines) == 1 else EnsembleEngine(engines)

        return make

    # Threads that share a session wait for each other.
    return [factory() for _ in range(threads)]


def _torch_factory(bundle: ModelDirectory, threads: int) -> EngineFactory:
    try:
        from nmt.engine.torch_engine import torch_engine_factory
    except ModuleNotFoundError as error:
        raise _torch_missing(error, "translating with the torch engine") from None
    return torch_engine_factory(bundle, threads)


def _torch_missing(error: ModuleNotFoundError, what: str) -> Exception:
    """The error that names the extra, unless it is something else that is missing."""
    return missing_extra("train", what) if error.name in {"torch", "safetensors.torch"} else error
