"""Inspection of sentences: gates, states, attention and beam search of the served models."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nmt.utils.errors import CarouselError, UsageError
from serve.errors import BadRequestError, NotReadyError, QueueFullError, TimedOutError
from serve.service.translation_service import TranslationService

if TYPE_CHECKING:
    from nmt.lab.inspect.sentence import InspectableTranslator
    from nmt.model_directory.directory import ModelDirectory

_log = logging.getLogger(__name__)

_MAX_PIECES = 120  # of a sentence; the time of the search grows with its square
_MAX_WAITING = 8  # requests that wait for the thread
_MAX_MODELS = 2  # models whose weights are kept in memory


@dataclass(frozen=True)
class InspectionRequest:
    """A sentence to inspect."""

    text: str
    """Text that contains the sentence."""
    sentence: int
    """Number of the sentence in the text, counted from 0."""
    source_language: str | None
    """Source language; None to detect it."""
    target_language: str
    """Target language."""


class InspectionService:
    """Inspects sentences with the models of the translation service.

    One sentence is inspected at a time, on a thread of its own, with a copy of the weights in the server's process. The
    model directories are read when they are first needed, and again after they have been replaced.
    """

    def __init__(self, service: TranslationService, model_directories: Sequence[Path]) -> None:
        self._service, self._paths = service, model_directories
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="inspection")
        self._num_waiting = 0
        # Used on the thread only:
        self._directories: dict[Path, tuple[bytes, ModelDirectory]] = {}  # with the content of the card
        self._models: OrderedDict[str, InspectableTranslator] = OrderedDict()  # by checksum, most recently used last

    async def inspect(self, request: InspectionRequest) -> bytes:
        """Return the inspection of a sentence as JSON, in the form of `nmt.lab.inspect.packing`, with its text.

        Raises:
            BadRequestError: The sentence is missing, too long, or not translated in one step.
            QueueFullError: Too many requests are waiting.
            TimedOutError: The inspection did not finish within the time-out of requests.
        """
        service = self._service
        service.models.check_ready()
        service.check_length(request.text)
        if self._num_waiting >= _MAX_WAITING:
            raise QueueFullError(1)
        self._num_waiting += 1
        service.active += 1
        try:
            async with asyncio.timeout(service.settings.request_timeout):
                pair = await self._find_direction(request)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._thread, self._inspect, request, pair)
        except TimeoutError:
            raise TimedOutError(f"no answer within {service.settings.request_timeout:g} s") from None
        finally:
            self._num_waiting -= 1
            service.active -= 1

    def close(self) -> None:
        """Cancel waiting requests."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _find_direction(self, request: InspectionRequest) -> tuple[str, str]:
        """Return the source and the target language of the model that translates the text."""
        models = self._service.models
        source = request.source_language
        if source is None:
            source = (await self._service.detect_languages(request.text))[0].language
        first, second = models.match_pair(source, request.target_language)
        steps = models.find_route(first.code, second.code)
        if not steps:
            raise BadRequestError("target: is the language of the text; choose another one")
        if len(steps) > 1:
            described = " and ".join("→".join(step.pair) for step in steps)
            raise BadRequestError(f"target: reached in two steps; inspect {described} separately")
        return steps[0].pair

    def _inspect(self, request: InspectionRequest, pair: tuple[str, str]) -> bytes:
        """Inspect a sentence; called on the thread."""
        # Imported late, because most servers do not inspect.
        from nmt.inference.documents.plain import PlainDocument
        from nmt.lab.inspect.packing import pack_inspection
        from nmt.lab.inspect.sentence import inspect_translation

        sentences = PlainDocument(request.text, pair[0]).segments
        if not sentences:
            raise BadRequestError("q: contains nothing to translate; send a sentence")
        if request.sentence >= len(sentences):
            message = f"sentence: {request.sentence} is too large; the text has {len(sentences)} sentences"
            raise BadRequestError(message)
        text = sentences[request.sentence]
        try:
            inspection = inspect_translation(self._load_model(pair), text, max_pieces=_MAX_PIECES)
        except UsageError as error:
            raise BadRequestError(str(error).replace("TEXT:", "q:", 1)) from None
        content = {**pack_inspection(inspection), **inspection.texts(), "score": round(inspection.score, 4)}
        content |= {
            "sentence": request.sentence,
            "sentences": len(sentences),
            "network": inspection.directory.card.model.summary,
        }
        return json.dumps(content, ensure_ascii=False).encode()

    def _load_model(self, pair: tuple[str, str]) -> InspectableTranslator:
        """Return the model that translates between two languages, with its weights."""
        from nmt.lab.inspect.sentence import open_translator

        try:
            directory = self._find_directory(pair)
            if directory.checksum not in self._models:
                self._models[directory.checksum] = open_translator(directory, *pair, use_shortlist=True)
        except CarouselError as error:
            _log.error("a model cannot be inspected: %s", error)
            raise NotReadyError(f"the model for {'→'.join(pair)} cannot be inspected") from None
        self._models.move_to_end(directory.checksum)
        while len(self._models) > _MAX_MODELS:
            self._models.popitem(last=False)
        direction = directory.card.find_direction(*pair)
        assert direction is not None
        return self._models[directory.checksum]._replace(direction=direction)

    def _find_directory(self, pair: tuple[str, str]) -> ModelDirectory:
        """Return the model directory that translates between two languages, preferably one that was trained to."""
        directories = [self._read_directory(path) for path in self._paths]
        suitable = [each for each in directories if each.card.find_direction(*pair)]
        for directory in suitable:
            if any((each.source, each.target) == pair for each in directory.card.trained_directions):
                return directory
        if not suitable:
            raise CarouselError("the model directories have been replaced by others; reload the models")
        return suitable[0]

    def _read_directory(self, path: Path) -> ModelDirectory:
        """Read a model directory, unless it was read before and its card is the same."""
        from nmt.model_directory.directory import CARD, read_model_directory

        if path in self._directories:
            card, directory = self._directories[path]
            if (directory.path / CARD).read_bytes() == card:
                return directory
        directory = read_model_directory(path)
        self._directories[path] = (directory.path / CARD).read_bytes(), directory
        return directory
