"""The translation service, which applies the limits of the settings and translates texts with the served models."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack

from nmt.text.language_identification import DetectedLanguage
from nmt.utils.errors import CarouselError
from serve.errors import ConflictError, LimitExceededError, NotReadyError, TimedOutError
from serve.metrics import Metrics
from serve.models.registry import ModelRegistry
from serve.models.routes import RouteStep
from serve.models.served_model import ServedDirection, ServedModel, TranslatorLoader
from serve.scheduling.scheduler import Scheduler
from serve.scheduling.throughput import ThroughputEstimate
from serve.service.detection import ServedLanguageDetector
from serve.service.memory_lookup import MemoryLookup
from serve.service.planning import RequestPlanner, TextOffloader, TextPlan, TranslationRequest, TranslationResult
from serve.service.sentence_translator import SentenceTranslator
from serve.service.sentences import SourceSentence
from serve.service.status import ServiceStatus, describe_status
from serve.service.streaming import OnStreamed, StreamedSentence, report_sentences
from serve.settings import Settings
from serve.stores.translation_memory import ServedMemory
from serve.workers.thread import WorkerThread

_log = logging.getLogger(__name__)

_QUEUE_SHARE = 0.25  # share of the queue that one request may fill; its other sentences are submitted later
_MIN_LISTED_CONFIDENCE = 0.01  # of detected languages
_STOP_TIMEOUT = 5  # seconds to wait for the worker threads to end


class TranslationService:
    """Translates texts with the served models, within the limits of the settings."""

    def __init__(self, settings: Settings, loaders: Sequence[TranslatorLoader], metrics: Metrics) -> None:
        """Create the service without starting it; `start` starts the worker threads and loads the models.

        Raises:
            CarouselError: The translation memory of the settings cannot be opened.
        """
        self.settings, self._metrics = settings, metrics
        self.memory = ServedMemory(settings.memory) if settings.memory else None
        """Translation memory; None if the settings name none."""
        self.models = ModelRegistry(loaders, self._load_and_warm_up, lazy=settings.lazy)
        self._scheduler = Scheduler(settings.threads, settings.slots, settings.queue_limit, settings.cache, metrics)
        self._workers: list[WorkerThread] = []
        self._detector, self._offloader = ServedLanguageDetector(), TextOffloader()
        self._planner = RequestPlanner(self.models, self._detector, self._offloader, settings.queue_limit)
        self._reloading = asyncio.Lock()
        self._reload_task: asyncio.Task[None] | None = None
        self._started = time.monotonic()
        self.reload_error: str | None = None
        """Why the last reload of the models failed; None if it did not."""
        self.active = 0
        """Number of requests in progress."""

    # --- life cycle --------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the worker threads and load the models. If a model cannot be loaded, raise the exception."""
        for number in range(self.settings.threads):
            worker = WorkerThread(number, self._scheduler, self.settings.slots, self._metrics)
            worker.start()
            self._workers.append(worker)
        await self.models.load()
        self._update_model_info()

    async def reload(self) -> None:
        """Load the models again from their directories and replace them; if that fails, log the error and keep them."""
        async with self._reloading:
            try:
                await self.models.reload()
            except Exception as error:
                self._metrics.model_reloads.labels("failed").inc()
                reason = error if isinstance(error, CarouselError) else type(error).__name__
                _log.error("the models were not reloaded, and the previous ones stay in use: %s", reason)
                self.reload_error = str(reason)
                return
            self.reload_error = None
            self._metrics.model_reloads.labels("done").inc()
            self._update_model_info()
            self._scheduler.wake_workers()
            _log.info("the models were reloaded")

    def start_reload(self) -> None:
        """Begin to reload the models in the background.

        Raises:
            NotReadyError: The models are still being loaded for the first time, or the server is draining.
            ConflictError: A reload is in progress.
        """
        self.models.check_ready()
        if self._reloading.locked():
            raise ConflictError("the models are being reloaded already; wait until that has finished")
        self._reload_task = asyncio.create_task(self.reload())  # kept, so that it is not garbage-collected

    def describe(self) -> ServiceStatus:
        """Return the current state for operators."""
        return describe_status(
            self.settings,
            self._metrics,
            self.models,
            uptime=time.monotonic() - self._started,
            active=self.active,
            num_cached=self._scheduler.num_cached,
            workers=self._workers,
            reloading=self._reloading.locked(),
            reload_error=self.reload_error,
        )

    def drain(self) -> None:
        """Refuse further requests. When no request is active any more, call `close`."""
        self.models.drain()

    async def close(self) -> None:
        """End the worker threads and close the models."""
        self._scheduler.close()
        await asyncio.to_thread(self._join_workers)
        await self.models.close()
        if self.memory is not None:
            await asyncio.to_thread(self.memory.close)

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

    def _update_model_info(self) -> None:
        self._metrics.model_info.clear()
        for model in self.models.loaded_models:
            for pair in model.translator.directions:
                self._metrics.model_info.labels(*pair, model.checksum).set(1)

    # --- requests ----------------------------------------------------------------------------------------------

    async def translate(self, texts: Sequence[str], request: TranslationRequest) -> list[TranslationResult]:
        """Translate texts. If the call is cancelled, its sentences are removed from the queue and the batches."""
        self._check_limits(texts, request)
        return await self._translate_in_time(texts, request)

    async def translate_segments(self, segments: Sequence[str], request: TranslationRequest) -> list[TranslationResult]:
        """Translate segments of a document. The limits for the number and the length of texts do not apply."""
        return await self._translate_in_time(segments, request)

    def check_languages(self, request: TranslationRequest) -> None:
        """Raise UnsupportedLanguageError if no model translates between the languages of a request."""
        self.models.check_ready()
        target = self.models.match_language(request.target_language)
        if request.source_language is not None:
            self.models.find_route(self.models.match_language(request.source_language).code, target.code)

    async def detect_source(self, text: str, target_language: str) -> str:
        """Return the language of a text, which is the target language if the text is in it already."""
        target = self.models.match_language(target_language)
        sources = self.models.source_languages(target.code)
        return (await self._detector.detect_source(text, sources, target.code)).language

    def are_equal(self, source_language: str, target_language: str) -> bool:
        """Return whether two codes denote the same language, in the same script."""
        return self.models.match_language(source_language) == self.models.match_language(target_language)

    async def stream(self, texts: Sequence[str], request: TranslationRequest) -> AsyncIterator[StreamedSentence]:
        """Yield each sentence as soon as it is translated."""
        self._check_limits(texts, request)
        loop = asyncio.get_running_loop()
        finished: asyncio.Queue[StreamedSentence | None] = asyncio.Queue()

        def on_streamed(sentence: StreamedSentence) -> None:
            loop.call_soon_threadsafe(finished.put_nowait, sentence)

        # The request is active only during the translation, not while the client reads the results.
        translating = asyncio.create_task(self._translate_in_time(texts, request, on_streamed))
        translating.add_done_callback(lambda _: finished.put_nowait(None))
        try:
            while (sentence := await finished.get()) is not None:
                yield sentence
            translating.result()  # raises the exception of the translation
        finally:
            translating.cancel()

    def check_length(self, text: str) -> None:
        """Raise LimitExceededError if a text is too long."""
        limit = self.settings.char_limit
        if len(text) > limit:
            raise LimitExceededError(f"a text of {len(text)} characters is too long; at most {limit} are allowed")

    async def detect_languages(self, text: str) -> list[DetectedLanguage]:
        """Return the languages that a text is probably in, the most probable first, with a preference for served ones.

        A text without letters yields a served language with confidence 0.
        """
        served = self.models.languages
        ranking = await self._detector.rank(text, served)
        listed = [each for each in ranking if each.confidence >= _MIN_LISTED_CONFIDENCE]
        return listed or ranking[:1] or [DetectedLanguage(served[0], 0.0)]

    def _check_limits(self, texts: Sequence[str], request: TranslationRequest) -> None:
        limits = self.settings
        if len(texts) > limits.batch_limit:
            raise LimitExceededError(f"{len(texts)} texts are too many; at most {limits.batch_limit} are allowed")
        for text in texts:
            self.check_length(text)
        if not 0 <= request.num_alternatives <= limits.max_alternatives:
            raise LimitExceededError(f"alternatives must be from 0 to {limits.max_alternatives}")

    async def _translate_in_time(
        self, texts: Sequence[str], request: TranslationRequest, on_streamed: OnStreamed | None = None
    ) -> list[TranslationResult]:
        """Translate texts within the time limit of a request, while the request counts as active."""
        self.models.check_ready()
        self.active += 1
        try:
            async with asyncio.timeout(self.settings.request_timeout):
                return await self._translate(texts, request, on_streamed)
        except TimeoutError:
            raise TimedOutError(f"no answer within {self.settings.request_timeout:g} s") from None
        finally:
            self.active -= 1

    async def _translate(
        self, texts: Sequence[str], request: TranslationRequest, on_streamed: OnStreamed | None
    ) -> list[TranslationResult]:
        deadline = time.monotonic() + self.settings.request_timeout
        max_chunks = _QUEUE_SHARE * self.settings.queue_limit
        translator = SentenceTranslator(self._scheduler, self._offloader, request, deadline, max_chunks)
        with ExitStack() as held_models:
            plans = await self._planner.plan(texts, request, held_models)
            lookup = MemoryLookup(self.memory, request, plans)
            reused = await lookup.find_exact()
            sentences: dict[int, SourceSentence] = {}
            for plan in plans:
                steps = tuple([await self._load_direction(plan, step) for step in plan.route])
                for index, sentence in enumerate(plan.sentences, plan.first_index):
                    if index not in reused:
                        sentences[index] = SourceSentence(sentence, steps)
            async with lookup.similar_entries(reused) as similar:
                on_sentence = report_sentences(plans, request, on_streamed) if on_streamed else None
                if on_sentence:
                    on_sentence = lookup.report_with_matches(on_sentence, reused, await similar)
                found = reused | await translator.translate(sentences, on_sentence)
                found = lookup.add_similar(found, await similar)
            return await self._offloader.run(texts, lambda: [plan.assemble_result(found) for plan in plans])

    async def _load_direction(self, plan: TextPlan, step: RouteStep) -> ServedDirection:
        """Return the direction of a step of a plan, after loading its model if necessary."""
        model = step.entry.model
        if model is None:
            try:
                model = await step.entry.get_model()
            except CarouselError as error:
                _log.error("%s", error)
                raise NotReadyError(f"the model for {'→'.join(step.pair)} cannot be loaded") from None
            self._update_model_info()
        return model.direction(step.pair, plan.target.script if step is plan.route[-1] else None)
