"""Factories of engines for model directories."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from nmt.engine.multilingual_shortlist import MultilingualShortlist
from nmt.engine.shortlist import Shortlist
from nmt.model_directory.card import ModelCard
from nmt.model_directory.directory import LanguageModelDirectory, ModelDirectory
from nmt.search.protocol import Engine
from nmt.utils.errors import CarouselError, UsageError, missing_extra

EngineName = Literal["auto", "native", "onnx", "torch"]
EngineFactory = Callable[[int, int], Engine]
"""Function that creates an engine from its number of slots and its beam size."""


def engine_factories(
    models: Sequence[ModelDirectory], engine: EngineName, threads: int, use_shortlist: bool
) -> list[EngineFactory]:
    """Return one native or ONNX engine factory per thread, or one torch engine factory that uses all threads.

    "auto" chooses the native engine if it is compiled and supports all models, else ONNX Runtime if all models have
    graphs. Several models form an ensemble, which uses the shortlist of the first. Raises CarouselError if a model does
    not suit the engine, or if the engine's packages are missing.
    """
    if engine == "auto":
        engine = _best_engine(models)
    if engine == "native":
        return _native_factories(models, threads, use_shortlist)
    if engine == "onnx":
        return _onnx_factories(models, threads, use_shortlist)
    if len(models) > 1:
        raise UsageError("an ensemble needs the native or the onnx engine, and models with graphs; use nmt export")
    with _torch_required_for("translating with the torch engine"):
        from nmt.engine.torch_engine import torch_engine_factory
    return [torch_engine_factory(models[0], threads)]


def shallow_fusion_factory(
    model: ModelDirectory, language_model: LanguageModelDirectory, weight: float, threads: int
) -> EngineFactory:
    """Return a factory of torch engines that use shallow fusion with a language model.

    Raises CarouselError if the tokenizers differ, the model has no weights for torch, or torch is missing.
    """
    with _torch_required_for("a language model"):
        from nmt.engine import shallow_fusion
    return shallow_fusion.fused_engine_factory(model, language_model, weight, threads)


def language_model_scorer(language_model: LanguageModelDirectory) -> Callable[[Sequence[str]], list[float]]:
    """Return a function that computes the log-probability of each text. Raises CarouselError if torch is missing."""
    with _torch_required_for("a language model"):
        from nmt.engine import shallow_fusion
    return shallow_fusion.LanguageModelScorer(language_model).score


def load_shortlist(model: ModelDirectory) -> Shortlist | MultilingualShortlist | None:
    """Return the shortlist of a model, or None if it has none.

    Raises:
        CarouselError: The file is damaged, or belongs to another tokenizer.
    """
    if model.shortlist is None:
        return None
    sizes = model.card.source_vocabulary, model.card.target_vocabulary
    return (MultilingualShortlist if model.card.is_multilingual else Shortlist).load(model.shortlist, sizes)


def check_ensemble(models: Sequence[ModelDirectory]) -> None:
    """Raise CarouselError unless the models of an ensemble have the same languages and tokenizer."""
    first = models[0].card
    for model in models[1:]:
        card = model.card
        if _languages(card) != _languages(first):
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


def _languages(card: ModelCard) -> list[object]:
    """Return what the models of an ensemble must have in common about languages."""
    directions = sorted(each.name for each in card.directions)
    return [card.languages, directions] if card.is_multilingual else [card.source_language, card.target_language]


def _best_engine(models: Sequence[ModelDirectory]) -> EngineName:
    """Return the fastest engine that is installed and supports all models."""
    from nmt.engine.native.library import load_library
    from nmt.engine.native.weights import supports

    if not all(model.graphs for model in models):
        return "torch"
    supported = all(supports(model.card.model) for model in models)
    return "native" if supported and load_library() is not None else "onnx"


def _native_factories(models: Sequence[ModelDirectory], threads: int, use_shortlist: bool) -> list[EngineFactory]:
    from nmt.engine.ensemble import EnsembleEngine
    from nmt.engine.native.engine import NativeEngine
    from nmt.engine.native.model import load_native_model
    from nmt.engine.native.weights import supports

    shortlist = load_shortlist(models[0]) if use_shortlist else None
    natives = []
    for model in models:
        card = model.card
        if not supports(card.model):
            raise CarouselError(f"{model.path}: has the cell {card.model.cell}; use the onnx engine")
        vocabularies = card.source_vocabulary, card.target_vocabulary
        natives.append(load_native_model(_graphs(model, "native"), card.model, vocabularies, shortlist is None))

    def make_engine(num_slots: int, beam_size: int) -> Engine:
        engines = [NativeEngine(native, num_slots, beam_size, shortlist) for native in natives]
        return engines[0] if len(engines) == 1 else EnsembleEngine(engines)

    return [make_engine] * threads


def _graphs(model: ModelDirectory, engine: EngineName) -> Path:
    if model.graphs is None:
        raise CarouselError(f"{model.path}: has no graphs for the {engine} engine; make them with nmt export")
    return model.graphs


def _reason_for_onnx(models: Sequence[ModelDirectory]) -> str:
    """Return what needs ONNX Runtime."""
    from nmt.engine.native.library import load_library
    from nmt.engine.native.weights import supports

    if other := next((model for model in models if not supports(model.card.model)), None):
        return f"{other.path}: the cell {other.card.model.cell}"
    return "translating without the native engine" if load_library() is None else "the onnx engine"


def _onnx_factories(models: Sequence[ModelDirectory], threads: int, use_shortlist: bool) -> list[EngineFactory]:
    from nmt.engine.ensemble import EnsembleEngine

    try:
        from nmt.engine.onnx.engine import OnnxEngine
        from nmt.engine.onnx.sessions import OnnxSessions
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise missing_extra("onnx", _reason_for_onnx(models)) from None
    folders = [_graphs(model, "onnx") for model in models]
    loaded_shortlist = load_shortlist(models[0]) if use_shortlist else None

    def make_factory() -> EngineFactory:
        sessions = [
            OnnxSessions(folder, model.card.target_vocabulary) for folder, model in zip(folders, models, strict=True)
        ]

        def make_engine(num_slots: int, beam_size: int) -> Engine:
            engines = [OnnxEngine(session, num_slots, beam_size, loaded_shortlist) for session in sessions]
            return engines[0] if len(engines) == 1 else EnsembleEngine(engines)

        return make_engine

    # Each thread has sessions of its own: threads that share one would wait for each other.
    return [make_factory() for _ in range(threads)]


@contextmanager
def _torch_required_for(feature: str) -> Iterator[None]:
    """Raise CarouselError, naming the extra to install, if torch is missing in an import inside the context."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise missing_extra("train", feature) if error.name in {"torch", "safetensors.torch"} else error from None
