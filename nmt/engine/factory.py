"""Factories of engines for model directories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from nmt.model_directory.directory import GRAPHS, LanguageModelDirectory, ModelDirectory
from nmt.search.protocol import Engine
from nmt.utils.errors import CarouselError, UsageError, missing_extra

EngineName = Literal["auto", "onnx", "torch"]
EngineFactory = Callable[[int, int], Engine]
"""Creates an engine from its number of slots and of rows per slot."""


def engine_factories(
    models: Sequence[ModelDirectory], engine: EngineName, threads: int, shortlist: bool
) -> list[EngineFactory]:
    """Return one ONNX engine factory per thread, or one torch engine factory that uses all threads.

    "auto" chooses ONNX Runtime if all models have graphs. Several models make an ensemble, with the shortlist of the
    first. Raises CarouselError if a model does not suit the engine, or if the engine's packages are missing.
    """
    if engine == "auto":
        engine = "onnx" if all(model.graphs for model in models) else "torch"
    if engine == "onnx":
        return _onnx_factories(models, threads, shortlist)
    if len(models) > 1:
        raise UsageError("an ensemble needs the onnx engine, and models with graphs; make them with nmt export")
    return [_torch_factory(models[0], threads)]


def shallow_fusion_factory(
    model: ModelDirectory, language_model: LanguageModelDirectory, weight: float, threads: int
) -> EngineFactory:
    """Return a factory of torch engines that use shallow fusion with a language model.

    Raises CarouselError if the tokenizers differ, the model has no weights for torch, or torch is missing.
    """
    try:
        from nmt.engine import shallow_fusion
    except ModuleNotFoundError as error:
        raise _torch_missing(error, "a language model") from None
    return shallow_fusion.fused_engine_factory(model, language_model, weight, threads)


def language_model_scorer(language_model: LanguageModelDirectory) -> Callable[[Sequence[str]], list[float]]:
    """Return a function that computes the log-probability of each text. Raises CarouselError if torch is missing."""
    try:
        from nmt.engine import shallow_fusion
    except ModuleNotFoundError as error:
        raise _torch_missing(error, "a language model") from None
    return shallow_fusion.LanguageModelScorer(language_model).score


def check_ensemble(models: Sequence[ModelDirectory]) -> None:
    """Raise CarouselError unless the models of an ensemble have the same languages and tokenizer."""
    first = models[0].card
    for model in models[1:]:
        card = model.card
        if (card.source_language, card.target_language) != (first.source_language, first.target_language):
            raise CarouselError(
                f"{model.path}: translates between other languages than {models[0].path}; "
                "use models of one language pair in an ensemble"
            )
        names = [name for name in first.files | card.files if name.startswith("tokenizer")]
        if any(first.files.get(name) != card.files.get(name) for name in names):
            raise CarouselError(
                f"{model.path}: has another tokenizer than {models[0].path}; train the members of an ensemble with one "
                "tokenizer"
            )


def _onnx_factories(models: Sequence[ModelDirectory], threads: int, shortlist: bool) -> list[EngineFactory]:
    from nmt.engine.ensemble import EnsembleEngine
    from nmt.engine.onnx.engine import OnnxEngine
    from nmt.engine.onnx.sessions import OnnxSessions
    from nmt.engine.shortlist import Shortlist

    for model in models:
        if model.graphs is None:
            raise CarouselError(f"{model.path}: has no graphs for the onnx engine; make them with nmt export")
    path = models[0].shortlist
    loaded_shortlist = Shortlist.load(path) if shortlist and path else None

    def factory() -> EngineFactory:
        sessions = [OnnxSessions(model.path / GRAPHS, model.card.target_vocabulary) for model in models]

        def make_engine(num_slots: int, beam_size: int) -> Engine:
            engines = [OnnxEngine(each, num_slots, beam_size, loaded_shortlist) for each in sessions]
            return engines[0] if len(engines) == 1 else EnsembleEngine(engines)

        return make_engine

    # Each thread has sessions of its own: threads that share one would wait for each other.
    return [factory() for _ in range(threads)]


def _torch_factory(model: ModelDirectory, threads: int) -> EngineFactory:
    try:
        from nmt.engine.torch_engine import torch_engine_factory
    except ModuleNotFoundError as error:
        raise _torch_missing(error, "translating with the torch engine") from None
    return torch_engine_factory(model, threads)


def _torch_missing(error: ModuleNotFoundError, feature: str) -> Exception:
    """Return an error that names the extra to install, or ``error`` itself if another module is missing."""
    return missing_extra("train", feature) if error.name in {"torch", "safetensors.torch"} else error
