"""What every translating route calls: texts in, answers out, within the limits and in time."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from html import escape
from itertools import accumulate, pairwise, takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from nmt.inference.documents.document import Document, DocumentTranslation
from nmt.inference.documents.html import HtmlDocument, visible_text
from nmt.inference.documents.plain import PlainDocument
from nmt.text.language_identification import DetectedLanguage, LanguageDetector
from nmt.text.normalisation import normalise
from nmt.utils.errors import CarouselError
from serve.errors import (
    InvalidGlossaryError,
    LimitExceededError,
    NotReadyError,
    TimedOutError,
    UnsupportedLanguageError,
)
from serve.metrics import Metrics
from serve.models.pivoting import through
from serve.models.registry import Machine, ModelRegistry, Served, ServedModel, TranslatorLoader
from serve.scheduling.scheduler import A_PART, Scheduler, Sentence
from serve.settings import Settings
from serve.stores.glossaries import Glossary

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

T = TypeVar("T")
Each = Callable[[int, str], None]

_log = logging.getLogger(__name__)

_AT_ONCE = 0.25  # of the queue, that one request may fill; what is left of it waits outside
_MUCH_TEXT = 5000  # characters, of which taking them apart and putting them together may take milliseconds
_LINES_A_SENTENCE = 10  # blank ones counted; a text of more would be taken apart for nothing
_BEYOND_DOUBT = 0.95  # confidence
_WIDE_BEAMS = (8, 12, 16)  # for the terms of a glossary; few, because each has decode loops of its own


@dataclass(frozen=True)
class TranslationRequest:
    """How texts are to be translated."""

    source: str | None
    """None has the language of each text detected."""
    target: str
    markup: bool = False
    """Whether the texts are HTML."""
    alternatives: int = 0
    alignment: bool = False
    """Whether the answers shall have one."""
    glossary: Glossary | None = None


@dataclass(frozen=True)
class TranslationResult:
    """A text's translation, and how it came about."""

    answer: DocumentTranslation
    source: DetectedLanguage
    """The source language; if it was named, that is certain."""
    pivot: str | None
    """The language in between, if there was one."""


@dataclass(frozen=True)
class _Plan:
    """A text, taken apart, and the way to go."""

    text: str
    source: DetectedLanguage
    route: tuple[Served, ...]
    """Empty where the text is in the language asked for already."""
    document: Document
    first: int
    """The number of its first sentence, counted over all texts."""

    @property
    def segments(self) -> Sequence[str]:
        return self.document.segments if self.route else ()

    @property
    def pivot(self) -> str | None:
        return self.route[0].pair[1] if len(self.route) > 1 else None

    def assemble(self, found: Mapping[int, Translation]) -> DocumentTranslation:
        if not self.route:
            return DocumentTranslation(self.text)
        return self.document.assemble([found[self.first + n] for n in range(len(self.segments))])


@dataclass(frozen=True)
class _Work:
    """Sentences for one model."""

    model: ServedModel
    sentences: Sequence[Sentence]
    deadline: float
    more: float
    """Seconds of a thread that the request will take beyond them, by estimate."""
    begun: bool
    """Whether some of the request has been translated before."""


class TranslationService:
    """The models behind the limits of the settings."""

    def __init__(self, settings: Settings, loaders: Sequence[TranslatorLoader], metrics: Metrics) -> None:
        """Loads nothing yet."""
        self.settings, self._metrics = settings, metrics
        machine = Machine(settings.threads, settings.slots)
        self.models = ModelRegistry(loaders, machine, lazy=settings.lazy)
        self._scheduler = Scheduler(machine.threads, machine.slots, settings.queue_limit, settings.cache, metrics)
        self._detectors: dict[tuple[str, ...], LanguageDetector] = {}
        self._reloading = asyncio.Lock()
        self._much_at_once = asyncio.Semaphore(2)  # threads for large texts: they take Python from all others
        self.active = 0
        """The requests that are being worked on."""

    # --- the models' life --------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Load the models; raises what the first that fails raises."""
        await self.models.load()
        self._note_models()

    async def reload(self) -> None:
        """Go over to what the model directories hold now; where that can't be loaded, all stays as it was."""
        async with self._reloading:
            await self._reload()

    async def _reload(self) -> None:
        try:
            await self.models.reload()
        except Exception as error:
            self._metrics.model_reloads.labels("failed").inc()
            reason = error if isinstance(error, CarouselError) else type(error).__name__
            _log.error("the models were not reloaded, the old ones stay: %s", reason)
            return
        self._metrics.model_reloads.labels("done").inc()
        self._note_models()
        self._scheduler.wake()  # what is idle lets go of the old ones
        _log.info("the models were reloaded")

    def close(self) -> None:
        """Take no more requests; call `finish` when none is `active` any more."""
        self.models.close()

    def finish(self) -> None:
        """Let the decoding threads end."""
        self._scheduler.close()

    # --- requests ----------------------------------------------------------------------------------------------

    async def translate(self, texts: Sequence[str], wish: TranslationRequest) -> list[TranslationResult]:
        """Translate whole texts. If the call is cancelled, its sentences leave the queue and the loops."""
        self._check_limits(texts, wish)
        with self._working():
            return await self._in_time(self._translate(texts, wish, None))

    async def translate_document(self, text: str, wish: TranslationRequest) -> TranslationResult:
        """Translate a whole document, which may be longer than a text: a body's size limits it."""
        with self._working():
            return (await self._in_time(self._translate([text], wish, None)))[0]

    async def stream(self, texts: Sequence[str], wish: TranslationRequest) -> AsyncIterator[tuple[int, str]]:
        """The sentences of all texts as they are finished, counted from 0 over all texts.

        Those of HTML are HTML, without the tags inside and between them. A text in the target language counts as one.
        """
        self._check_limits(texts, wish)
        loop = asyncio.get_running_loop()
        finished: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()

        def each(number: int, text: str) -> None:
            loop.call_soon_threadsafe(finished.put_nowait, (number, text))

        async def work() -> None:
            with self._working():  # which fetching what is finished is no part of
                await self._in_time(self._translate(texts, wish, each))

        working = asyncio.create_task(work())
        working.add_done_callback(lambda _: finished.put_nowait(None))
        try:
            while (sentence := await finished.get()) is not None:
                yield sentence
            working.result()  # raises what the work has raised
        finally:
            working.cancel()

    def check_length(self, text: str) -> None:
        """Raise ``LimitExceededError`` for a text that is too long."""
        limit = self.settings.char_limit
        if len(text) > limit:
            raise LimitExceededError(f"a text of {len(text)} characters is too long; at most {limit} are allowed")

    async def detect(self, text: str) -> DetectedLanguage:
        """The language of a text, among those that are served."""
        return await self._detected(text, self.models.languages)

    async def _detected_source(self, text: str, sources: Sequence[str], target: str) -> DetectedLanguage:
        """The language of a text, among those that lead to ``target``.

        Where several do, it may also be the target itself, if that is beyond doubt: such a text needs no translation.
        """
        found = await self._detected(text, sorted({*sources, target}) if len(sources) > 1 else sources)
        doubtful = found.language == target and found.confidence < _BEYOND_DOUBT
        return await self._detected(text, sources) if doubtful else found

    async def _detected(self, text: str, candidates: Sequence[str]) -> DetectedLanguage:
        key = tuple(candidates)
        if key not in self._detectors:
            self._detectors[key] = LanguageDetector(key)
        # The first call may load half a second's worth of statistics; nobody else should wait for that.
        detector = self._detectors[key]
        return await asyncio.to_thread(detector.detect, text) if len(key) > 1 else detector.detect(text)

    # -----------------------------------------------------------------------------------------------------------

    def _note_models(self) -> None:
        self._metrics.model_info.clear()
        for model in self.models.loaded:
            self._metrics.model_info.labels(*model.pair, model.checksum).set(1)

    def _check_limits(self, texts: Sequence[str], wish: TranslationRequest) -> None:
        limits = self.settings
        if len(texts) > limits.batch_limit:
            raise LimitExceededError(f"{len(texts)} texts are too many; at most {limits.batch_limit} are allowed")
        for text in texts:
            self.check_length(text)
        if not 0 <= wish.alternatives <= limits.max_alternatives:
            raise LimitExceededError(f"alternatives must be from 0 to {limits.max_alternatives}")

    @contextmanager
    def _working(self) -> Iterator[None]:
        self.models.check_ready()
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                return await work
        except TimeoutError:
            raise TimedOutError(f"no answer within {self.settings.request_timeout:g} s") from None

    async def _translate(
        self, texts: Sequence[str], wish: TranslationRequest, each: Each | None
    ) -> list[TranslationResult]:
        deadline = time.monotonic() + self.settings.request_timeout
        plans = await self._plan(texts, wish)
        if each:
            for plan in plans:
                if not plan.route:
                    each(plan.first, plan.text)
            each = _escaping(each) if wish.markup else each
        # Texts that go the same way go together.
        ways: dict[tuple[Served, ...], list[_Plan]] = {}
        for plan in plans:
            ways.setdefault(plan.route, []).append(plan)
        found: dict[int, Translation] = {}
        for route, together in ways.items():
            sentences = {plan.first + n: text for plan in together for n, text in enumerate(plan.segments)}
            found |= await self._follow(route, sentences, wish, deadline, each, begun=bool(found))
        return await self._aside(
            texts, lambda: [TranslationResult(plan.assemble(found), plan.source, plan.pivot) for plan in plans]
        )

    async def _plan(self, texts: Sequence[str], wish: TranslationRequest) -> list[_Plan]:
        """Take the texts apart; refuses early what would not fit even into an empty queue."""
        target = self.models.language(wish.target)
        sources = await self._sources(texts, wish, target)
        routes = [tuple(self.models.route(source.language, target)) for source in sources]
        lines = sum(text.count("\n") for text in texts)
        if lines > _LINES_A_SENTENCE * self.settings.queue_limit:
            raise LimitExceededError(
                f"the request has too many lines; at most {self.settings.queue_limit} sentences fit"
            )
        documents = await self._aside(
            texts, lambda: [_document(*each, wish) for each in zip(texts, sources, strict=True)]
        )
        plans: list[_Plan] = []
        count = 0
        for text, source, route, document in zip(texts, sources, routes, documents, strict=True):
            plans.append(_Plan(text, source, route, document, count))
            count += len(plans[-1].segments) if route else 1
            if count > self.settings.queue_limit:
                most = self.settings.queue_limit
                raise LimitExceededError(f"the request has too many sentences; at most {most} are allowed")
        return plans

    async def _sources(self, texts: Sequence[str], wish: TranslationRequest, target: str) -> list[DetectedLanguage]:
        if wish.source is not None:
            return [DetectedLanguage(self.models.language(wish.source), 1.0)] * len(texts)
        sources = self.models.sources(target)  # before anything is waited for: the server may close meanwhile
        if not sources:
            raise UnsupportedLanguageError(f"nothing is translated into {target}")
        if wish.markup:
            texts = await self._aside(texts, lambda: [visible_text(text) for text in texts])
        return [await self._detected_source(text, sources, target) for text in texts]

    async def _aside(self, texts: Sequence[str], work: Callable[[], T]) -> T:
        """Do work on texts: on another thread if there is so much that others would wait for it."""
        if sum(map(len, texts)) < _MUCH_TEXT:
            return work()
        async with self._much_at_once:
            return await asyncio.to_thread(work)

    async def _follow(
        self,
        route: Sequence[Served],
        sentences: Mapping[int, str],
        wish: TranslationRequest,
        deadline: float,
        each: Each | None,
        begun: bool,
    ) -> dict[int, Translation]:
        """Translate numbered sentences by one model after the other."""
        numbers, texts = list(sentences), list(sentences.values())
        models = [await self._loaded(served) for served in route]
        # What the whole way will take, if the texts in between are about as long.
        more = sum(model.throughput.estimate(text) for model in models[1:] for text in texts)
        found: list[Translation] = []
        for model in models:
            last = model is models[-1]
            sources = [translation.text for translation in found] if found else texts
            options = wish if last else replace(wish, alternatives=0)
            prepared = await self._aside(sources, partial(_sentences, model, sources, options))
            work = _Work(model, prepared, deadline, 0.0 if last else more, begun=begun or bool(found))
            next_found = await self._finish(work, numbers, each if last else None)
            found = [through(*both) for both in zip(found, next_found, strict=True)] if found else next_found
        return dict(zip(numbers, found, strict=True))

    async def _finish(self, work: _Work, numbers: Sequence[int], each: Each | None) -> list[Translation]:
        """Translate sentences by one model, as many at once as leave room for others."""
        most = _AT_ONCE * self.settings.queue_limit
        found: list[Translation] = []
        while len(found) < len(work.sentences):
            first = len(found)
            some = _fitting(work.sentences[first:], most)
            now, later = work.sentences[first : first + some], work.sentences[first + some :]

            def report(number: int, translation: Translation, first: int = first) -> None:
                if each:
                    each(numbers[first + number], translation.text)

            ticket = self._scheduler.submit(
                work.model,
                now,
                work.deadline,
                report if each else None,
                more=work.more + sum(work.model.throughput.estimate(sentence.text) for sentence in later),
                begun=work.begun or first > 0,
            )
            translations: list[Translation] = await asyncio.wrap_future(ticket.future)
            found += translations
        return found

    async def _loaded(self, served: Served) -> ServedModel:
        if served.model is not None:
            return served.model
        try:
            model = await served.get()
        except CarouselError as error:
            _log.error("%s", error)
            raise NotReadyError(f"the model for {'→'.join(served.pair)} can't be loaded") from None
        self._note_models()
        return model


def _fitting(sentences: Sequence[Sentence], places: float) -> int:
    """How many of the first sentences go into so many places: long ones are searched in parts, and take several."""
    taken = accumulate(math.ceil(len(sentence.text) / A_PART) for sentence in sentences)
    return max(1, sum(1 for _ in takewhile(lambda count: count <= places, taken)))


def _escaping(each: Each) -> Each:
    return lambda number, text: each(number, escape(text, quote=False))


def _document(text: str, source: DetectedLanguage, wish: TranslationRequest) -> Document:
    return (HtmlDocument if wish.markup else PlainDocument)(text, source.language)


def _sentences(model: ServedModel, texts: Sequence[str], wish: TranslationRequest) -> list[Sentence]:
    options = model.options(wish.alternatives + 1, attention=wish.alignment or wish.markup)
    beam = max(model.translator.beam, wish.alternatives + 1)
    if wish.glossary is None:
        return [Sentence(text, beam, options) for text in texts]
    return [_with_terms(Sentence(text, beam, options, wish.glossary.scope), model, wish.glossary) for text in texts]


def _with_terms(sentence: Sentence, model: ServedModel, glossary: Glossary) -> Sentence:
    """The sentence with the translations of its terms required, of each part those that stand there."""
    if not glossary.required_translations(sentence.text):
        return sentence
    required = tuple(_required(terms, model) for terms in _terms_of_parts(sentence.text, model, glossary))
    tokens = max((sum(map(len, terms)) for terms in required), default=0)
    if not tokens:
        return sentence
    beam = next((wide for wide in _WIDE_BEAMS if wide > max(tokens, sentence.beam - 1)), sentence.beam)
    return replace(sentence, beam=beam, required=required)


def _terms_of_parts(text: str, model: ServedModel, glossary: Glossary) -> list[list[str]]:
    """The terms of each part of a text; one that a cut goes through is of the part after the cut."""
    chunks, clean = model.text_processor.chunks(text), normalise(text)
    within = [glossary.required_translations(chunk.pieces.text) for chunk in chunks]
    found = [list(terms) for terms in within]
    for n, (before, after) in enumerate(pairwise(chunks)):
        both = glossary.required_translations(clean[before.start : after.start + len(after.pieces.text)])
        found[n + 1] += (Counter(both) - Counter(within[n] + within[n + 1])).elements()
    return found


def _required(terms: Sequence[str], model: ServedModel) -> tuple[tuple[int, ...], ...]:
    """Terms as pieces: as many as the widest beam does justice to.

    A beam does justice to terms that have fewer tokens in all than it has rows.
    """
    required: list[tuple[int, ...]] = []
    tokens = 0
    for term in terms:
        try:
            ids = model.translator.phrase_ids(term)
        except CarouselError:
            ids = ()
        if not ids:
            raise InvalidGlossaryError("the model can't write one of the glossary's terms: it has no pieces for it")
        if tokens + len(ids) < _WIDE_BEAMS[-1]:
            required.append(ids)
            tokens += len(ids)
    return tuple(required)
