"""Registry of the served models, which finds the models that translate between two languages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from nmt.inference.directions import LanguagePair
from nmt.inference.language_codes import Language, find_language
from nmt.text.chinese import has_chinese_converter
from serve.errors import LanguageParameter, NotReadyError, UnsupportedLanguageError
from serve.models.model_entry import ModelEntry
from serve.models.routes import Route, RouteTable
from serve.models.served_model import ServedModel, TranslatorLoader

_CHINESE_VARIANT = "zh-Hant"  # listed if Chinese is served; other codes of Chinese are accepted too


class ModelRegistry:
    """All served models. It is used only on the event loop's thread."""

    def __init__(
        self, loaders: Sequence[TranslatorLoader], load: Callable[[TranslatorLoader], ServedModel], *, lazy: bool
    ) -> None:
        """Create a registry without loading anything.

        Args:
            loaders: One loader for each model.
            load: Function that loads and warms up the model of a loader; it is called on another thread.
            lazy: Whether each model is loaded only when it is first needed.
        """
        self._loaders, self._load, self._lazy = loaders, load, lazy
        self._routes = RouteTable()
        self._ready = False
        self._draining = False

    async def load(self) -> None:
        """Load all models, or with lazy loading only read their directions; raise the first exception."""
        self._routes = await self._create_entries(loaded=())
        self._ready = True

    async def reload(self) -> None:
        """Load the loaded models again and replace them; if that fails, keep them and raise the first exception."""
        previous = self._routes.entries
        loaded = [pair for entry in previous if entry.model for pair in entry.directions.trained]
        self._routes = await self._create_entries(loaded)
        for entry in previous:
            entry.retire()

    async def _create_entries(self, loaded: Sequence[LanguagePair]) -> RouteTable:
        """Create an entry for each loader, and load the models; with lazy loading, those of the ``loaded`` pairs."""
        entries: list[ModelEntry] = []
        try:
            for loader in self._loaders:
                directions = await asyncio.to_thread(loader.directions)
                entries.append(ModelEntry(loader.name, directions, partial(self._load, loader)))
            routes = RouteTable(entries)
            for entry in entries:
                if not self._lazy or any(pair in loaded for pair in entry.directions.trained):
                    await entry.get_model()
        except BaseException:
            for entry in entries:
                entry.retire()
            raise
        return routes

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
    def entries(self) -> Sequence[ModelEntry]:
        """All models, loaded or not."""
        return self._routes.entries

    @property
    def ready(self) -> bool:
        """Whether the models were loaded, or with lazy loading can be."""
        return self._ready

    @property
    def draining(self) -> bool:
        """Whether further requests are refused."""
        return self._draining

    @property
    def loaded_models(self) -> list[ServedModel]:
        """All models that are loaded at present."""
        return [entry.model for entry in self._routes.entries if entry.model is not None]

    @property
    def language_pairs(self) -> list[LanguagePair]:
        """Pairs of source and target language that a model was trained to translate."""
        self.check_ready()
        return self._routes.trained

    @property
    def languages(self) -> list[str]:
        """All source and target languages of the models, sorted."""
        self.check_ready()
        return self._routes.languages

    @property
    def listed_languages(self) -> list[str]:
        """Languages to offer to users, sorted, with Chinese in traditional characters as one of its own."""
        return sorted([*self.languages, *self._variants()])

    def target_languages(self, source_language: str) -> list[str]:
        """Return the languages into which a listed language can be translated, and the language itself."""
        source = self.match_language(source_language)
        languages = self.listed_languages
        reachable = {code for code in languages if self._routes.find(source.code, self.match_language(code).code)}
        return sorted(reachable | {source_language})

    def is_source(self, language: str) -> bool:
        """Return whether a served language can be translated."""
        return any(self._routes.find(language, target) for target in self.languages)

    def source_languages(self, target_language: str) -> list[str]:
        """Return the languages that can be translated into a listed language."""
        target = self.match_language(target_language)
        return [code for code in self.languages if self._routes.find(code, target.code)]

    def match_pair(self, source: str, target: str) -> tuple[Language, Language]:
        """Return the served languages that two codes mean; of several possible pairs, one that is translated.

        Raises UnsupportedLanguageError, which names the parameter, if a code means no served language.
        """
        fallback = self.match_language(source, "source"), self.match_language(target, "target")
        first, second = self._routes.available.match_pair(source, target) or fallback
        return self._check_script(first, source), self._check_script(second, target)

    def match_language(self, code: str, parameter: LanguageParameter | None = None) -> Language:
        """Return the served language that a code means best.

        Raises UnsupportedLanguageError, which names the parameter, if there is none.
        """
        languages = self.languages
        found = find_language(code, languages)
        if found is None:
            message = f"language {code[:20]!r} is not supported; served are {', '.join(languages)}"
            raise UnsupportedLanguageError(message, parameter)
        return self._check_script(found, code)

    def _check_script(self, found: Language, code: str) -> Language:
        if found.script == "traditional" and not has_chinese_converter():
            message = "traditional characters are not supported on this server; request zh"
            raise UnsupportedLanguageError(f"{code[:20]}: {message}")
        return found

    def find_route(self, source: str, target: str) -> Route:
        """Return the steps that translate from one served language to another.

        Returns:
            One step for a direction of a model, two if there is a pivot language, or none if the languages are equal
            and no model translates the language into itself.

        Raises:
            UnsupportedLanguageError: If no models connect the languages.
        """
        found = self._routes.find(source, target)
        if found is None and source == target:
            return ()
        if found is None:
            served = ", ".join(f"{source}→{target}" for source, target in sorted(self._routes.trained))
            raise UnsupportedLanguageError(f"{source}→{target} is not supported; served are {served}")
        return found

    def _variants(self) -> list[str]:
        found = find_language(_CHINESE_VARIANT, self.languages)
        return [_CHINESE_VARIANT] if found and found.script == "traditional" and has_chinese_converter() else []
