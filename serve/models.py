"""The served models, by source and target language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nmt.errors import CarouselError
from serve.scheduler import Scheduler

if TYPE_CHECKING:
    from nmt.translator import Translator

Loader: TypeAlias = "Callable[[], Translator]"

# Two lengths, with and without alternatives: the first call of a kind pays for memory and thread pools.
_WARMING = ("Hello.", "This sentence is a little longer than the other one, so that both are padded once.")


class NotReadyError(Exception):
    """The models are still loading, or are no longer to be used."""


class NoSuchModelError(Exception):
    """No served model translates what was asked for; the message says what is served."""


def loader(path: Path, threads: int) -> Loader:
    """A function that loads the model at ``path``."""

    def load() -> Translator:
        # Imported late: /health answers while the runtime is still being imported.
        from nmt.translator import Translator

        return Translator.load(path, threads=threads)

    return load


def load_warm(load: Loader) -> Translator:
    """Loads a translator and has it translate a little."""
    translator = load()
    translator.translate(_WARMING)
    translator.translate(_WARMING, alternatives=1)
    return translator


class Models:
    """The schedulers of all models, and who translates what."""

    def __init__(self, loaders: Sequence[Loader], queue_limit: int) -> None:
        self._loaders = loaders
        self._queue_limit = queue_limit
        self._schedulers: list[Scheduler] = []
        self._served: dict[tuple[str, str], Scheduler] = {}
        self._loaded = False
        self._closed = False

    async def load(self) -> None:
        """Loads and warms all models, each on its own thread; raises what the first that fails raised."""
        self._schedulers = [Scheduler(partial(load_warm, each), self._queue_limit) for each in self._loaders]
        served: dict[tuple[str, str], Scheduler] = {}
        for scheduler in self._schedulers:
            pair = await asyncio.wrap_future(scheduler.loaded)
            if pair in served:
                raise CarouselError(f"two of the models translate {pair[0]}→{pair[1]}; serve one of them")
            served[pair] = scheduler
        self._served = served
        self._loaded = True

    def close(self) -> None:
        """Takes no more work; what waits is still done."""
        self._closed = True
        for scheduler in self._schedulers:
            scheduler.close()

    def check_ready(self) -> None:
        """Raises ``NotReadyError`` unless every model is loaded, warmed and in use."""
        if self._closed:
            raise NotReadyError("the server is shutting down")
        if not self._loaded:
            raise NotReadyError("the models are still loading")

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The served pairs of source and target language."""
        self.check_ready()
        return list(self._served)

    def only_source(self) -> str:
        """The source language of a text of unknown language, given only where there is no choice."""
        sources = sorted({source for source, _ in self.pairs})
        if len(sources) > 1:
            raise NoSuchModelError(
                f"'auto' is not supported here: name the source language, one of {', '.join(sources)}"
            )
        return sources[0]

    def find(self, source: str, target: str) -> Scheduler | None:
        """Who translates ``source`` into ``target`` (in any case); None if they are the same language."""
        codes = {code.casefold(): code for pair in self.pairs for code in pair}
        for code in (source, target):
            if code.casefold() not in codes:
                raise NoSuchModelError(
                    f"language {code[:20]!r} is not supported; served are {', '.join(sorted(codes.values()))}"
                )
        pair = codes[source.casefold()], codes[target.casefold()]
        if pair[0] == pair[1]:
            return None
        if pair not in self._served:
            served = ", ".join(f"{source}→{target}" for source, target in sorted(self._served))
            raise NoSuchModelError(f"{pair[0]}→{pair[1]} is not supported; served are {served}")
        return self._served[pair]
