"""Translates texts within the limits and the time of the settings."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from html import escape
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any, TypeVar

from nmt.text.language_identification import DetectedLanguage
from nmt.utils.errors import CarouselError
from serve.errors import LimitExceededError, NotReadyError, TimedOutError
from serve.metrics import Metrics
from serve.models.pivoting import compose_translations
from serve.models.registry import ModelEntry, ModelRegistry
from serve.models.served_model import ServedModel, TranslatorLoader
from serve.scheduling.jobs import Sentence, SentenceTranslation
from serve.scheduling.scheduler import CHUNK_CHARACTERS, Scheduler
from serve.scheduling.throughput import ThroughputEstimate
from serve.service.detection import ServedLanguageDetector
from serve.service.glossary_terms import create_sentences
from serve.service.planning import RequestPlanner, TextOffloader, TextPlan, TranslationRequest, TranslationResult
from serve.settings import Settings
from serve.workers.thread import WorkerThread

if TYPE_CHECKING:
    from nmt.inference.translation import Translation

T = TypeVar("T")
OnSentence = Callable[[int, str], None]

_log = logging.getLogger(__name__)

_QUEUE_SHARE = 0.25  # largest share of the queue that one request fills; its other sentences wait outside the queue
_STOP_TIMEOUT = 5  # seconds for the worker threads to end


class TranslationService:
    """Translates texts with all served models."""

    def __init__(self, settings: Settings, loaders: Sequence[TranslatorLoader], metrics: Metrics) -> None:
        """Create the service; `load` starts its worker threads and loads the models."""
        self.settings, self._metrics = settings, metrics
        self.models = ModelRegistry(loaders, self._load_and_warm_up, lazy=settings.lazy)
        self._scheduler = Scheduler(settings.threads, settings.slots, settings.queue_limit, settings.cache, metrics)
        self._workers: list[WorkerThread] = []
        self._detector, self._offloader = ServedLanguageDetector(), TextOffloader()
        self._planner = RequestPlanner(self.models, self._detector, self._offloader, settings.queue_limit)
        self._reloading = asyncio.Lock()
        self.active = 0
        """Number of requests in progress."""

    # --- life cycle --------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Start the worker threads and load the models; raise the first exception."""
        for number in range(self.settings.threads):
            worker = WorkerThread(number, self._scheduler, self.settings.slots, self._metrics)
            worker.start()
            self._workers.append(worker)
        await self.models.load()
        self._report_models()

    async def reload(self) -> None:
        """Replace the loaded models by the current content of their directories; if that fails, log it."""
        async with self._reloading:
            try:
                await self.models.reload()
            except Exception as error:
                self._metrics.model_reloads.labels("failed").inc()
                reason = error if isinstance(error, CarouselError) else type(error).__name__
                _log.error("the models were not reloaded, and the previous ones stay in use: %s", reason)
                return
            self._metrics.model_reloads.labels("done").inc()
            self._report_models()
            self._scheduler.wake_workers()
            _log.info("the models were reloaded")

    def drain(self) -> None:
        """Refuse further requests; call `close` when none is `active` any more."""
        self.models.drain()

    async def close(self) -> None:
        """End the worker threads and close the models."""
        self._scheduler.close()
        await asyncio.to_thread(self._join_workers)
        await self.models.close()

    def _join_workers(self) -> None:
        deadline = time.monotonic() + _STOP_TIMEOUT
        for worker in self._workers:
            worker.join(max(0.0, deadline - time.monotonic()))

    def _load_and_warm_up(self, loader: TranslatorLoader) -> ServedModel:
        model = ServedModel(loader.load(), self.settings.slots, ThroughputEstimate())
        try:
            model.warm_up(self.settings.threads)
        except BaseException:
            model.close()
            raise
        return model

    def _report_models(self) -> None:
        self._metrics.model_info.clear()
        for model in self.models.loaded:
            self._metrics.model_info.labels(*model.pair, model.checksum).set(1)

    # --- requests ----------------------------------------------------------------------------------------------

    async def translate(self, texts: Sequence[str], request: TranslationRequest) -> list[TranslationResult]:
        """Translate texts. If the call is cancelled, its sentences leave the queue and the batches."""
        self._check_limits(texts, request)
        with self._active_request():
            return await self._in_time(self._translate(texts, request, None))

    async def translate_document(self, text: str, request: TranslationRequest) -> TranslationResult:
        """Translate a document; unlike a text, it is not limited in length."""
        with self._active_request():
            return (await self._in_time(self._translate([text], request, None)))[0]

    async def stream(self, texts: Sequence[str], request: TranslationRequest) -> AsyncIterator[tuple[int, str]]:
        """Yield the index and translation of each sentence as it is finished.

        Sentences are counted from 0 over all texts. A text that is in the target language counts as one sentence. The
        sentences of HTML are HTML without tags.
        """
        self._check_limits(texts, request)
        loop = asyncio.get_running_loop()
        finished: asyncio.Queue[tuple[int, str] | None] = asyncio.Queue()

        def on_sentence(index: int, text: str) -> None:
            loop.call_soon_threadsafe(finished.put_nowait, (index, text))

        async def translate() -> None:
            with self._active_request():  # not active while the client reads
                await self._in_time(self._translate(texts, request, on_sentence))

        translating = asyncio.create_task(translate())
        translating.add_done_callback(lambda _: finished.put_nowait(None))
        try:
            while (sentence := await finished.get()) is not None:
                yield sentence
            translating.result()  # raises the exception of the translation
        finally:
            translating.cancel()

    def check_length(self, text: str) -> None:
        """Raise LimitExceededError for a text that is too long."""
        limit = self.settings.char_limit
        if len(text) > limit:
            raise LimitExceededError(f"a text of {len(text)} characters is too long; at most {limit} are allowed")

    async def detect(self, text: str) -> DetectedLanguage:
        """Detect the language of a text among the served languages."""
        return await self._detector.detect(text, self.models.languages)

    def _check_limits(self, texts: Sequence[str], request: TranslationRequest) -> None:
        limits = self.settings
        if len(texts) > limits.batch_limit:
            raise LimitExceededError(f"{len(texts)} texts are too many; at most {limits.batch_limit} are allowed")
        for text in texts:
            self.check_length(text)
        if not 0 <= request.alternatives <= limits.max_alternatives:
            raise LimitExceededError(f"alternatives must be from 0 to {limits.max_alternatives}")

    @contextmanager
    def _active_request(self) -> Iterator[None]:
        self.models.check_ready()
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1

    async def _in_time(self, translation: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                return await translation
        except TimeoutError:
            raise TimedOutError(f"no answer within {self.settings.request_timeout:g} s") from None

    async def _translate(
        self, texts: Sequence[str], request: TranslationRequest, on_sentence: OnSentence | None
    ) -> list[TranslationResult]:
        deadline = time.monotonic() + self.settings.request_timeout
        with ExitStack() as held_models:
            plans = await self._planner.plan(texts, request, held_models)
            if on_sentence:
                for plan in plans:
                    if not plan.route:
                        on_sentence(plan.first, plan.text)
                on_sentence = _escaping(on_sentence) if request.markup else on_sentence
            # Texts with the same route are translated together.
            plans_by_route: dict[tuple[ModelEntry, ...], list[TextPlan]] = {}
            for plan in plans:
                plans_by_route.setdefault(plan.route, []).append(plan)
            found: dict[int, Translation] = {}
            for route, group in plans_by_route.items():
                sentences = {plan.first + n: text for plan in group for n, text in enumerate(plan.sentences)}
                found |= await self._translate_route(
                    route, sentences, request, deadline, on_sentence, continued=bool(found)
                )
            return await self._offloader.run(texts, lambda: [plan.assemble(found) for plan in plans])

    async def _translate_route(
        self,
        route: Sequence[ModelEntry],
        sentences: Mapping[int, str],
        request: TranslationRequest,
        deadline: float,
        on_sentence: OnSentence | None,
        continued: bool,
    ) -> dict[int, Translation]:
        """Translate sentences, given by index, with one model after the other."""
        indices, texts = list(sentences), list(sentences.values())
        models = [await self._load_model(entry) for entry in route]
        # Cost of the later passes, if the texts in the pivot language are about as long as the source texts.
        later_cost = sum(model.throughput.estimate(text) for model in models[1:] for text in texts)
        found: list[SentenceTranslation] = []
        for model in models:
            last = model is models[-1]
            sources = [sentence.translation.text for sentence in found] if found else texts
            pass_request = request if last else replace(request, alternatives=0)
            prepared = await self._offloader.run(sources, partial(create_sentences, model, sources, pass_request))
            translated = await self._translate_with_model(
                model,
                prepared,
                deadline,
                (lambda index, text: on_sentence(indices[index], text)) if on_sentence and last else None,
                later_cost=0.0 if last else later_cost,
                continued=continued or bool(found),
            )
            found = [_compose(*both) for both in zip(found, translated, strict=True)] if found else translated
        return dict(zip(indices, (sentence.translation for sentence in found), strict=True))

    async def _translate_with_model(
        self,
        model: ServedModel,
        sentences: Sequence[Sentence],
        deadline: float,
        on_sentence: OnSentence | None,
        *,
        later_cost: float,
        continued: bool,
    ) -> list[SentenceTranslation]:
        """Translate sentences in portions, so that the request never fills the queue; see `Scheduler.submit`."""
        max_chunks = _QUEUE_SHARE * self.settings.queue_limit
        found: list[SentenceTranslation] = []
        while len(found) < len(sentences):
            first = len(found)
            end = first + count_fitting(sentences[first:], max_chunks)

            def report(index: int, translation: Translation, first: int = first) -> None:
                if on_sentence:
                    on_sentence(first + index, translation.text)

            pending = self._scheduler.submit(
                model,
                sentences[first:end],
                deadline,
                report if on_sentence else None,
                later_cost=later_cost + sum(model.throughput.estimate(sentence.text) for sentence in sentences[end:]),
                continued=continued or first > 0,
            )
            translated: list[SentenceTranslation] = await asyncio.wrap_future(pending.future)
            found += translated
        return found

    async def _load_model(self, entry: ModelEntry) -> ServedModel:
        if entry.model is not None:
            return entry.model
        try:
            model = await entry.get()
        except CarouselError as error:
            _log.error("%s", error)
            raise NotReadyError(f"the model for {'→'.join(entry.pair)} cannot be loaded") from None
        self._report_models()
        return model


def count_fitting(sentences: Sequence[Sentence], max_chunks: float) -> int:
    """Return how many of the first sentences have at most ``max_chunks`` chunks in total, but at least 1."""
    chunks = accumulate(math.ceil(len(sentence.text) / CHUNK_CHARACTERS) for sentence in sentences)
    return max(1, sum(1 for _ in takewhile(lambda count: count <= max_chunks, chunks)))


def _compose(first: SentenceTranslation, second: SentenceTranslation) -> SentenceTranslation:
    """Combine a sentence's translation into the pivot language with the translation of its result."""
    tokens = first.tokens, second.tokens
    return SentenceTranslation(compose_translations(first.translation, second.translation, tokens), sum(tokens))


def _escaping(on_sentence: OnSentence) -> OnSentence:
    return lambda index, text: on_sentence(index, escape(text, quote=False))
