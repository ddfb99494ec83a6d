"""The served models: loading and warming them, replacing them, and which of them lead from one language to another."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nmt.utils.errors import CarouselError
from serve.errors import NotReadyError, UnsupportedLanguageError
from serve.scheduling.scheduler import TextProcessing
from serve.scheduling.throughput import ThroughputEstimate
from serve.workers.client import RemoteTranslator
from serve.workers.thread import Loop

if TYPE_CHECKING:
    from nmt.search.options import DecodingOptions

_log = logging.getLogger(__name__)

_WARMING = ("Hello.", "This sentence is longer.", "This one is of about the length that most of the sentences have.")
"""Of several lengths, as what will come; the first call of a kind also pays for memory."""


class Translating(Protocol):
    """What serving asks of `nmt.inference.translator.Translator`."""

    source_language: str
    target_language: str
    beam: int
    checksum: str

    @property
    def text_processor(self) -> TextProcessing:
        """Text to parts, hypotheses to text."""

    @property
    def decoding_options(self) -> DecodingOptions:
        """How the model searches by itself."""

    def phrase_ids(self, text: str) -> tuple[int, ...]:
        """The ids of a phrase that is to stand in a translation."""

    def loop(self, thread: int, slots: int, beam: int) -> Loop:
        """A decode loop for the n-th thread."""


class TranslatorLoader(Protocol):
    """Where a model comes from."""

    def pair(self) -> tuple[str, str]:
        """Its source and target language, without loading it."""

    def load(self) -> Translating:
        """Load it; raises CarouselError with one line when it can't be."""


@dataclass(frozen=True)
class ModelDirectoryLoader:
    """Loads the model directory at ``path`` into a decoding process for each of so many threads."""

    path: Path
    threads: int

    # Imported late: /health answers while the runtime is still being imported.

    def pair(self) -> tuple[str, str]:
        """See `TranslatorLoader.pair`."""
        from nmt.model_directory.directory import read_model_directory

        card = read_model_directory(self.path).card
        return card.source_language, card.target_language

    def load(self) -> Translating:
        """See `TranslatorLoader.load`."""
        return RemoteTranslator.load(self.path, self.threads)


@dataclass(frozen=True)
class Machine:
    """What a model's loops are made for."""

    threads: int
    slots: int


@dataclass(eq=False)
class ServedModel:
    """A loaded model, with warmed decode loops."""

    translator: Translating
    slots: int
    throughput: ThroughputEstimate = field(default_factory=ThroughputEstimate)
    retired: bool = False
    """Whether another one has taken its place; what it has begun, it finishes."""
    _warmed: dict[tuple[int, int], Loop] = field(default_factory=dict)
    _options: dict[tuple[int, bool], DecodingOptions] = field(default_factory=dict)

    @property
    def pair(self) -> tuple[str, str]:
        """Source and target language."""
        return self.translator.source_language, self.translator.target_language

    @property
    def name(self) -> str:
        """The pair, for people."""
        return "-".join(self.pair)

    @property
    def checksum(self) -> str:
        """Another one for every other model."""
        return self.translator.checksum

    @property
    def text_processor(self) -> TextProcessing:
        """Text to parts, hypotheses to text."""
        return self.translator.text_processor

    def options(self, n_best: int, *, attention: bool) -> DecodingOptions:
        """How the model searches by itself, for so many translations."""
        key = n_best, attention
        if key not in self._options:
            self._options[key] = replace(
                self.translator.decoding_options, num_hypotheses=n_best, return_attention=attention
            )
        return self._options[key]

    def loop(self, thread: int, beam: int) -> Loop:
        """A decode loop for the n-th thread: the warmed one to whom asks first."""
        if (thread, beam) in self._warmed:
            return self._warmed.pop((thread, beam))
        return self.translator.loop(thread, self.slots, beam)

    def warm(self, thread: int) -> None:
        """Translate a little on a loop for the n-th thread, and note how long that takes."""
        loop = self.translator.loop(thread, self.slots, self.translator.beam)
        self._translate(loop, _WARMING)
        texts = [_WARMING[n % len(_WARMING)] for n in range(self.slots)]
        began = time.perf_counter()
        self._translate(loop, texts)
        self.throughput.worked(time.perf_counter() - began, texts)
        self._warmed[thread, loop.beam] = loop

    def _translate(self, loop: Loop, texts: Sequence[str]) -> None:
        from nmt.inference.continuous_batcher import DecodingRequest

        options = self.translator.decoding_options
        chunks = [chunk for text in texts for chunk in self.text_processor.chunks(text)]
        for start in range(0, len(chunks), loop.slots):
            some = chunks[start : start + loop.slots]
            loop.admit([DecodingRequest(number, chunk.pieces.ids, options) for number, chunk in enumerate(some)])
            while len(loop):
                loop.advance()


def load_warm(loader: TranslatorLoader, machine: Machine) -> ServedModel:
    """A loaded model that has translated a little."""
    model = ServedModel(loader.load(), machine.slots)
    for thread in range(machine.threads):
        model.warm(thread)
    return model


class Served:
    """A pair of languages, and its model once somebody has needed it."""

    def __init__(self, loader: TranslatorLoader, machine: Machine, pair: tuple[str, str]) -> None:
        """Nothing is loaded yet."""
        self.pair = pair
        self._loader, self._machine = loader, machine
        self._loading: asyncio.Task[ServedModel] | None = None
        self._retired = False

    @property
    def model(self) -> ServedModel | None:
        """The model, if it is loaded."""
        done = self._loading is not None and self._loading.done() and not self._loading.cancelled()
        return self._loading.result() if done and self._loading and not self._loading.exception() else None

    async def get(self) -> ServedModel:
        """The model, loaded by whoever needs it first; raises what loading raises."""
        if self._loading is None:
            self._loading = asyncio.create_task(asyncio.to_thread(load_warm, self._loader, self._machine))
            self._loading.add_done_callback(self._loaded)
        # Shielded: others may wait for it too.
        return await asyncio.shield(self._loading)

    def retire(self) -> None:
        """Let go of the model when what it has begun is finished; also of one that is loaded only later."""
        self._retired = True
        if self.model is not None:
            self.model.retired = True

    def _loaded(self, loading: asyncio.Task[ServedModel]) -> None:
        if loading.cancelled() or loading.exception():
            self._loading = None  # the next one tries again
        else:
            loading.result().retired = self._retired


class ModelRegistry:
    """All models, by what they translate."""

    def __init__(self, loaders: Sequence[TranslatorLoader], machine: Machine, *, lazy: bool) -> None:
        """``lazy`` models are loaded when they are first needed."""
        self._loaders, self._machine, self._lazy = loaders, machine, lazy
        self._served: dict[tuple[str, str], Served] = {}
        self._ready = False
        self._closed = False

    async def load(self) -> None:
        """Load and warm all models, or only look at them if they are lazy; raises what the first that fails raises."""
        self._served = await self._look()
        self._ready = True

    async def reload(self) -> None:
        """Load anew what is loaded, and go over to that at once.

        Raises what loading raises; then all stays as it was.
        """
        before = self._served
        fresh = await self._look()
        for pair, served in fresh.items():
            if pair in before and before[pair].model is not None:
                await served.get()
        self._served = fresh
        for served in before.values():
            served.retire()

    async def _look(self) -> dict[tuple[str, str], Served]:
        """What the loaders have now; loaded, unless it is lazy."""
        found: dict[tuple[str, str], Served] = {}
        for loader in self._loaders:
            pair = await asyncio.to_thread(loader.pair)
            if pair in found:
                raise CarouselError(f"two of the models translate {pair[0]}→{pair[1]}; serve one of them")
            found[pair] = Served(loader, self._machine, pair)
        if not self._lazy:
            for served in found.values():
                await served.get()
        return found

    def close(self) -> None:
        """Serve no more newcomers."""
        self._closed = True

    def check_ready(self) -> None:
        """Raise ``NotReadyError`` unless every model is loaded, warmed (or lazy) and in use."""
        if self._closed:
            raise NotReadyError("the server is shutting down")
        if not self._ready:
            raise NotReadyError("the models are still loading")

    @property
    def loaded(self) -> list[ServedModel]:
        """The models in memory."""
        return [served.model for served in self._served.values() if served.model is not None]

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of source and target language that a model translates by itself."""
        self.check_ready()
        return list(self._served)

    @property
    def languages(self) -> list[str]:
        """All languages that are translated from or into."""
        self.check_ready()
        return sorted(self._languages())

    def targets(self, source: str) -> list[str]:
        """The languages that ``source`` can be translated into, itself among them."""
        reached = {target for target in self._languages() if self._route(source, target) is not None}
        return sorted(reached | {source})

    def sources(self, target: str) -> list[str]:
        """The languages that can be translated into ``target``."""
        self.check_ready()
        return sorted(source for source in self._languages() if self._route(source, target))

    def language(self, code: str) -> str:
        """A served language as the models spell it, given in any case."""
        self.check_ready()
        known = {each.casefold(): each for each in self._languages()}
        if code.casefold() not in known:
            served = ", ".join(sorted(known.values()))
            raise UnsupportedLanguageError(f"language {code[:20]!r} is not supported; served are {served}")
        return known[code.casefold()]

    def route(self, source: str, target: str) -> list[Served]:
        """The models that lead from one served language to another, one after the other; none if they are equal."""
        found = self._route(source, target)
        if found is None:
            served = ", ".join(f"{source}→{target}" for source, target in sorted(self._served))
            raise UnsupportedLanguageError(f"{source}→{target} is not supported; served are {served}")
        return found

    def _languages(self) -> set[str]:
        return {language for pair in self._served for language in pair}

    def _route(self, source: str, target: str) -> list[Served] | None:
        if source == target:
            return []
        if (source, target) in self._served:
            return [self._served[source, target]]
        between = [
            language
            for language in self._languages()
            if (source, language) in self._served and (language, target) in self._served
        ]
        if not between:
            return None
        # English first: it is the language that models are trained with most.
        pivot = min(between, key=lambda language: (language != "en", language))
        return [self._served[source, pivot], self._served[pivot, target]]
