"""Registry of the served models by language pair, which also finds pivot languages."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from nmt.utils.errors import CarouselError
from serve.errors import NotReadyError, UnsupportedLanguageError
from serve.models.served_model import ServedModel, TranslatorLoader


class ModelEntry:
    """A language pair and its model, which is loaded when it is first needed."""

    def __init__(self, pair: tuple[str, str], load: Callable[[], ServedModel]) -> None:
        """Create an entry without loading its model; ``load`` is called on another thread when it is needed."""
        self.pair = pair
        self._load = load
        self._loading: asyncio.Task[ServedModel] | None = None
        self._users = 0
        self._retired = False

    @property
    def model(self) -> ServedModel | None:
        """The model if it is loaded, else None."""
        loading = self._loading
        return loading.result() if loading and loading.done() and not _has_failed(loading) else None

    async def get_model(self) -> ServedModel:
        """Return the model, after loading it if necessary; raise the exception if that fails."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
            self._loading.add_done_callback(self._finish_loading)
        # Shielded, because several callers may wait for the same model.
        return await asyncio.shield(self._loading)

    @contextmanager
    def keep_open(self) -> Iterator[None]:
        """Return a context manager that keeps the model open, even if it is retired."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._close_if_unused()

    def retire(self) -> None:
        """Close the model as soon as it is loaded and no request uses it any more."""
        self._retired = True
        self._close_if_unused()

    def _finish_loading(self, loading: asyncio.Task[ServedModel]) -> None:
        if _has_failed(loading):
            self._loading = None  # the next caller tries again
        self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._retired and self.model is not None:
            self.model.retired = True
            if not self._users:
                # Closing waits for the end of the worker processes.
                threading.Thread(target=self.model.close, name="close-model").start()


def _has_failed(loading: asyncio.Task[ServedModel]) -> bool:
    return loading.cancelled() or loading.exception() is not None


class ModelRegistry:
    """All served models by language pair. It is used only on the event loop's thread."""

    def __init__(
        self, loaders: Sequence[TranslatorLoader], load: Callable[[TranslatorLoader], ServedModel], *, lazy: bool
    ) -> None:
        """Create a registry without loading anything.

        Args:
            loaders: One loader for each language pair.
            load: Function that loads and warms up the model of a loader; it is called on another thread.
            lazy: Whether each model is loaded only when it is first needed.
        """
        self._loaders, self._load, self._lazy = loaders, load, lazy
        self._entries: dict[tuple[str, str], ModelEntry] = {}
        self._ready = False
        self._draining = False

    async def load(self) -> None:
        """Load all models, or with lazy loading only read their language pairs; raise the first exception."""
        self._entries = await self._create_entries(is_eager=lambda pair: not self._lazy)
        self._ready = True

    async def reload(self) -> None:
        """Load the loaded models again and replace them; if that fails, keep them and raise the first exception."""
        previous, loaded = self._entries, {model.pair for model in self.loaded_models}
        self._entries = await self._create_entries(is_eager=lambda pair: pair in loaded or not self._lazy)
        for entry in previous.values():
            entry.retire()

    async def _create_entries(self, is_eager: Callable[[tuple[str, str]], bool]) -> dict[tuple[str, str], ModelEntry]:
        """Create an entry for each loader, and load the models of the language pairs for which ``is_eager`` is true."""
        entries: dict[tuple[str, str], ModelEntry] = {}
        try:
            for loader in self._loaders:
                pair = await asyncio.to_thread(loader.pair)
                if pair in entries:
                    message = "two models translate this language pair; serve only one of them"
                    raise CarouselError(f"{'→'.join(pair)}: {message}")
                entries[pair] = ModelEntry(pair, partial(self._load, loader))
            for entry in entries.values():
                if is_eager(entry.pair):
                    await entry.get_model()
        except BaseException:
            for entry in entries.values():
                entry.retire()
            raise
        return entries

    def drain(self) -> None:
        """Refuse further requests."""
        self._draining = True

    async def close(self) -> None:
        """Close all loaded models."""
        await asyncio.gather(*(asyncio.to_thread(model.close) for model in self.loaded_models))

    def check_ready(self) -> None:
        """Raise NotReadyError until the models are loaded and warmed up, and again when the server is shutting down."""
        if self._draining:
            raise NotReadyError("the server is shutting down")
        if not self._ready:
            raise NotReadyError("the models are still loading")

    @property
    def loaded_models(self) -> list[ServedModel]:
        """All models that are loaded at present."""
        return [entry.model for entry in self._entries.values() if entry.model is not None]

    @property
    def language_pairs(self) -> list[tuple[str, str]]:
        """Pairs of source and target language that a single model translates."""
        self.check_ready()
        return list(self._entries)

    @property
    def languages(self) -> list[str]:
        """All source and target languages of the models, sorted."""
        self.check_ready()
        return sorted(self._languages())

    def target_languages(self, source_language: str) -> list[str]:
        """Return the languages into which the source language can be translated, and the source language itself."""
        reachable = {code for code in self._languages() if self._route_or_none(source_language, code) is not None}
        return sorted(reachable | {source_language})

    def source_languages(self, target_language: str) -> list[str]:
        """Return the languages that can be translated into the target language, without the target language itself."""
        self.check_ready()
        return sorted(code for code in self._languages() if self._route_or_none(code, target_language))

    def match_language(self, code: str) -> str:
        """Return a language code in the models' spelling, after a case-insensitive match."""
        self.check_ready()
        spelling = {language.casefold(): language for language in self._languages()}
        if code.casefold() not in spelling:
            served = ", ".join(sorted(spelling.values()))
            raise UnsupportedLanguageError(f"language {code[:20]!r} is not supported; served are {served}")
        return spelling[code.casefold()]

    def find_route(self, source: str, target: str) -> list[ModelEntry]:
        """Return the models that translate from one served language to another, in the order of their application.

        Returns:
            No model if the languages are equal, one for a served pair, or two if there is a pivot language.

        Raises:
            UnsupportedLanguageError: If no models connect the languages.
        """
        found = self._route_or_none(source, target)
        if found is None:
            served = ", ".join(f"{source}→{target}" for source, target in sorted(self._entries))
            raise UnsupportedLanguageError(f"{source}→{target} is not supported; served are {served}")
        return found

    def _languages(self) -> set[str]:
        return {language for pair in self._entries for language in pair}

    def _route_or_none(self, source: str, target: str) -> list[ModelEntry] | None:
        if source == target:
            return []
        if (source, target) in self._entries:
            return [self._entries[source, target]]
        # English is preferred: most training data are translations from or into it.
        for pivot in sorted(self._languages(), key=lambda language: (language != "en", language)):
            if (source, pivot) in self._entries and (pivot, target) in self._entries:
                return [self._entries[source, pivot], self._entries[pivot, target]]
        return None
