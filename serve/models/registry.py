"""The models by language pair: loading and replacing them, and finding the models between two languages."""

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
        """Create an entry whose model is not loaded yet; ``load`` is called on another thread."""
        self.pair = pair
        self._load = load
        self._loading: asyncio.Task[ServedModel] | None = None
        self._users = 0
        self._retired = False

    @property
    def model(self) -> ServedModel | None:
        """The model if it is loaded."""
        if self._loading is None or not self._loading.done() or self._loading.cancelled() or self._loading.exception():
            return None
        return self._loading.result()

    async def get(self) -> ServedModel:
        """Return the model, loaded if necessary; raise the exception of loading."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(self._load))
            self._loading.add_done_callback(self._loaded)
        # Shielded, because several callers may wait for the same model.
        return await asyncio.shield(self._loading)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep the model open within the block even if it is retired."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            self._close_if_unused()

    def retire(self) -> None:
        """Close the model as soon as it is not in use any more, even if it is still being loaded."""
        self._retired = True
        if self.model is not None:
            self.model.retired = True
            self._close_if_unused()

    def _loaded(self, loading: asyncio.Task[ServedModel]) -> None:
        if loading.cancelled() or loading.exception():
            self._loading = None  # the next caller tries again
        elif self._retired:
            loading.result().retired = True
            self._close_if_unused()

    def _close_if_unused(self) -> None:
        if self._retired and not self._users and self.model is not None:
            # Closing waits for the end of the worker processes.
            threading.Thread(target=self.model.close, name="close-model").start()


class ModelRegistry:
    """All models by language pair. Used on the event loop's thread only."""

    def __init__(
        self, loaders: Sequence[TranslatorLoader], load: Callable[[TranslatorLoader], ServedModel], *, lazy: bool
    ) -> None:
        """Create a registry without loading anything.

        Args:
            loaders: One loader for each language pair.
            load: Loads and warms up a loader's model; called on another thread.
            lazy: Whether each model is loaded only when it is first needed.
        """
        self._loaders, self._load, self._lazy = loaders, load, lazy
        self._entries: dict[tuple[str, str], ModelEntry] = {}
        self._ready = False
        self._draining = False

    async def load(self) -> None:
        """Load all models, or only read their language pairs if they are lazy; raise the first exception."""
        self._entries = await self._create_entries(eager=lambda pair: not self._lazy)
        self._ready = True

    async def reload(self) -> None:
        """Load the loaded models again and replace them; raise the first exception, which leaves them as they are."""
        previous = self._entries
        loaded = {pair for pair, entry in previous.items() if entry.model is not None}
        self._entries = await self._create_entries(eager=lambda pair: pair in loaded or not self._lazy)
        for entry in previous.values():
            entry.retire()

    async def _create_entries(self, eager: Callable[[tuple[str, str]], bool]) -> dict[tuple[str, str], ModelEntry]:
        """Create an entry for each loader, and load the models of ``eager`` pairs."""
        entries: dict[tuple[str, str], ModelEntry] = {}
        try:
            for loader in self._loaders:
                pair = await asyncio.to_thread(loader.pair)
                if pair in entries:
                    raise CarouselError(
                        f"{'→'.join(pair)}: two models translate this language pair; serve only one of them"
                    )
                entries[pair] = ModelEntry(pair, partial(self._load, loader))
            for entry in entries.values():
                if eager(entry.pair):
                    await entry.get()
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
        await asyncio.gather(*(asyncio.to_thread(model.close) for model in self.loaded))

    def check_ready(self) -> None:
        """Raise NotReadyError unless every model is loaded and warmed up, or lazy, and the server is not draining."""
        if self._draining:
            raise NotReadyError("the server is shutting down")
        if not self._ready:
            raise NotReadyError("the models are still loading")

    @property
    def loaded(self) -> list[ServedModel]:
        """The models in memory."""
        return [entry.model for entry in self._entries.values() if entry.model is not None]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of source and target language with a model of their own."""
        self.check_ready()
        return list(self._entries)

    @property
    def languages(self) -> list[str]:
        """All source and target languages."""
        self.check_ready()
        return sorted(self._languages())

    def targets(self, source: str) -> list[str]:
        """Return the languages into which ``source`` can be translated, including itself."""
        reachable = {target for target in self._languages() if self._find_route(source, target) is not None}
        return sorted(reachable | {source})

    def sources(self, target: str) -> list[str]:
        """Return the other languages that can be translated into ``target``."""
        self.check_ready()
        return sorted(source for source in self._languages() if self._find_route(source, target))

    def language(self, code: str) -> str:
        """Return the models' spelling of a language code, which is matched without regard to case."""
        self.check_ready()
        spelling = {language.casefold(): language for language in self._languages()}
        if code.casefold() not in spelling:
            served = ", ".join(sorted(spelling.values()))
            raise UnsupportedLanguageError(f"language {code[:20]!r} is not supported; served are {served}")
        return spelling[code.casefold()]

    def route(self, source: str, target: str) -> list[ModelEntry]:
        """Return the models to apply one after the other to translate between two served languages.

        Returns:
            No models for equal languages, one for a served pair, or two through a pivot language.

        Raises:
            UnsupportedLanguageError: If no models connect the languages.
        """
        found = self._find_route(source, target)
        if found is None:
            served = ", ".join(f"{source}→{target}" for source, target in sorted(self._entries))
            raise UnsupportedLanguageError(f"{source}→{target} is not supported; served are {served}")
        return found

    def _languages(self) -> set[str]:
        return {language for pair in self._entries for language in pair}

    def _find_route(self, source: str, target: str) -> list[ModelEntry] | None:
        if source == target:
            return []
        if (source, target) in self._entries:
            return [self._entries[source, target]]
        pivots = [
            language
            for language in self._languages()
            if (source, language) in self._entries and (language, target) in self._entries
        ]
        if not pivots:
            return None
        # English is preferred: most training data are translations from or into it.
        pivot = min(pivots, key=lambda language: (language != "en", language))
        return [self._entries[source, pivot], self._entries[pivot, target]]
