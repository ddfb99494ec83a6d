"""Planning of translation requests: splitting texts into sentences and choosing the models that translate them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

from nmt.inference.documents.document import Document, SingleSegment
from nmt.inference.documents.html import HtmlDocument, extract_visible_text
from nmt.inference.documents.plain import PlainDocument
from nmt.inference.documents.tag_options import TagOptions
from nmt.inference.documents.xml import XmlDocument, extract_xml_text
from nmt.inference.documents.xml_parser import XmlSyntaxError
from nmt.inference.language_codes import Language
from nmt.inference.translation import Direction, Translation
from nmt.text.chinese import convert_chinese
from nmt.text.language_identification import DetectedLanguage
from serve.errors import BadRequestError, LimitExceededError, UnsupportedLanguageError
from serve.models.registry import ModelRegistry
from serve.models.routes import Route
from serve.service.detection import ServedLanguageDetector
from serve.stores.glossaries import Glossary, GlossaryEntries

T = TypeVar("T")

_LARGE_TEXT = 5000  # characters; processing longer texts may take several milliseconds
_MAX_THREADS = 2  # for large texts; more would compete with the event loop and the worker threads
_MAX_LINES_PER_SENTENCE = 10  # lines of a request, including blank ones, per allowed sentence


@dataclass(frozen=True)
class TranslationRequest:
    """Languages and options of a request to translate texts."""

    source_language: str | None
    """Source language; None to detect the language of each text."""
    target_language: str
    """Target language."""
    is_html: bool = False
    """Whether the texts are HTML."""
    is_xml: bool = False
    """Whether the texts are XML."""
    splitting: Literal["lines", "sentences", "none"] = "lines"
    """Where plain texts are divided: at lines and sentences, only at sentences, which may continue on the next line, or
    nowhere."""
    is_segment: bool = False
    """True if each text is a sentence of a document, which is not divided any further."""
    tag_options: TagOptions | None = None
    """Treatment of the elements of HTML and XML by name."""
    num_alternatives: int = 0
    """Number of alternative translations for each text."""
    with_details: bool = False
    """Whether the results include word alignments and quality signals."""
    glossary: Glossary | None = None
    """Stored glossary whose terms the translations must use."""
    terms: GlossaryEntries = ()
    """Terms that the request brings with it; a stored glossary takes precedence."""
    min_confidence: float = 0.0
    """Confidence below which a sentence is left untranslated, from 0 to 1."""
    target_prefix: str | None = None
    """Text that the translation of a single sentence must begin with; alternatives differ in the word after it."""

    @property
    def has_tags(self) -> bool:
        """Whether the texts are HTML or XML."""
        return self.is_html or self.is_xml


@dataclass(frozen=True)
class TranslationResult:
    """The translation of one text."""

    translation: Translation
    """The translated text with its scores."""
    detected: DetectedLanguage
    """Detected source language, or with a confidence of 1 the source language that the request specifies."""
    pivot_language: str | None
    """Pivot language if the text was translated in two steps, else None."""


@dataclass(frozen=True)
class TextPlan:
    """A text that is split into sentences, with the models that translate it."""

    text: str
    detected: DetectedLanguage
    """Detected source language, or with a confidence of 1 the source language that the request specifies."""
    target: Language
    """Target language."""
    route: Route
    """Steps to apply one after the other; empty if the text is already in the target language."""
    document: Document
    first_index: int
    """Index of the text's first sentence among the sentences of all texts."""

    @property
    def sentences(self) -> Sequence[str]:
        """Sentences to translate; empty if the text is already in the target language."""
        return self.document.segments if self.route else ()

    @property
    def pivot_language(self) -> str | None:
        """Pivot language if the text is translated in two steps, else None."""
        return self.route[0].pair[1] if len(self.route) > 1 else None

    @property
    def text_in_script(self) -> str:
        """The text in the script of Chinese that the request asks for; otherwise the text as it is."""
        return convert_chinese(self.text, self.target.script) if self.target.script else self.text

    def assemble_result(self, translations: Mapping[int, Translation]) -> TranslationResult:
        """Return the result for the text, given the translations of all sentences by index."""
        if not self.route:
            direction = Direction("copy", (self.detected.language, self.target.code))
            copy = Translation(self.text_in_script, alignment=(), copied=True, direction=direction)
            return TranslationResult(copy, self.detected, None)
        translation = self.document.assemble([translations[self.first_index + n] for n in range(len(self.sentences))])
        return TranslationResult(translation, self.detected, self.pivot_language)


class TextOffloader:
    """Runs functions that process texts; for long texts on another thread, so that the event loop is not blocked."""

    def __init__(self) -> None:
        self._threads = asyncio.Semaphore(_MAX_THREADS)

    async def run(self, texts: Sequence[str], function: Callable[[], T]) -> T:
        """Run a function that processes the given texts, and return its result."""
        if sum(map(len, texts)) < _LARGE_TEXT:
            return function()
        async with self._threads:
            return await asyncio.to_thread(function)


class RequestPlanner:
    """Splits the texts of requests into sentences and chooses the models that translate them."""

    def __init__(
        self, models: ModelRegistry, detector: ServedLanguageDetector, offloader: TextOffloader, max_sentences: int
    ) -> None:
        """Create a planner; ``max_sentences`` is the maximum number of sentences in a request."""
        self._models, self._detector, self._offloader = models, detector, offloader
        self._max_sentences = max_sentences

    async def plan(self, texts: Sequence[str], request: TranslationRequest, held_models: ExitStack) -> list[TextPlan]:
        """Split texts into sentences and find the models to translate them.

        Args:
            texts: Texts to translate.
            request: Languages and options.
            held_models: Stack of context managers, to which those that keep the models open are added.

        Raises:
            UnsupportedLanguageError: If no models translate between the languages.
            LimitExceededError: If there are too many sentences.
        """
        if request.source_language is None:
            target = self._models.match_language(request.target_language, "target")
            sources = await self._detect_sources(texts, request, target)
        else:
            given, target = self._models.match_pair(request.source_language, request.target_language)
            sources = [DetectedLanguage(given.code, 1.0)] * len(texts)
            if given == target:
                target = Language(target.code)  # the texts are in its script already
        routes = [self._models.find_route(source.language, target.code) for source in sources]
        for entry in {step.entry for route in routes for step in route}:
            held_models.enter_context(entry.keep_open())
        if sum(text.count("\n") for text in texts) > _MAX_LINES_PER_SENTENCE * self._max_sentences:
            message = f"the request has too many lines; at most {self._max_sentences} sentences are allowed"
            raise LimitExceededError(message)
        documents = await self._offloader.run(
            texts,
            lambda: [
                _parse_document(text, source.language, target.name, request)
                for text, source in zip(texts, sources, strict=True)
            ],
        )
        if request.target_prefix is not None:
            _check_single_sentence(documents, request)
        plans: list[TextPlan] = []
        count = 0
        for text, source, route, document in zip(texts, sources, routes, documents, strict=True):
            plans.append(TextPlan(text, source, target, route, document, count))
            count += len(plans[-1].sentences) if route else 1
            if count > self._max_sentences:
                message = f"the request has too many sentences; at most {self._max_sentences} are allowed"
                raise LimitExceededError(message)
        return plans

    async def _detect_sources(
        self, texts: Sequence[str], request: TranslationRequest, target: Language
    ) -> list[DetectedLanguage]:
        """Return the language of each text, which is one that is translated into the target or the target itself.

        Raises UnsupportedLanguageError if a text is almost certainly in another language.
        """
        sources = self._models.source_languages(target.code)  # first: the server may begin to shut down at an await
        if not sources:
            raise UnsupportedLanguageError(f"no model translates into {target.name}", "target")
        if request.has_tags:
            texts = await self._offloader.run(texts, lambda: [_visible_text(text, request) for text in texts])
        found = [await self._detector.detect_source(text, sources, target.code) for text in texts]
        for each in found:
            if each.language not in {*sources, target.code}:
                message = f"detected {each.language!r}, which is not translated into {target.name}"
                raise UnsupportedLanguageError(
                    f"{message}; name the source language if it is one of {', '.join(sources)}"
                )
        return found


def _parse_document(text: str, source: str, target: str, request: TranslationRequest) -> Document:
    """Return a text as a document in the format that the request specifies."""
    if request.is_html:
        return HtmlDocument(text, source, target_language=target, options=request.tag_options)
    if request.is_xml:
        with _invalid_xml_as_bad_request():
            return XmlDocument(text, source, target_language=target, options=request.tag_options)
    if request.is_segment:
        return SingleSegment(text)
    joins_lines, is_one_sentence = request.splitting == "sentences", request.splitting == "none"
    return PlainDocument(text, source, joins_lines=joins_lines, is_one_sentence=is_one_sentence)


def _check_single_sentence(documents: Sequence[Document], request: TranslationRequest) -> None:
    """Raise BadRequestError unless the request, which has a target prefix, consists of a sentence of plain text."""
    if request.has_tags:
        raise BadRequestError("target_prefix: requires plain text; send format=text")
    if sum(len(document.segments) for document in documents) != 1:
        raise BadRequestError("target_prefix: requires a single sentence; send one sentence at a time")


def _visible_text(text: str, request: TranslationRequest) -> str:
    """Return an HTML or XML text without markup."""
    if request.is_html:
        return extract_visible_text(text, request.tag_options)
    with _invalid_xml_as_bad_request():
        return extract_xml_text(text, request.tag_options)


@contextmanager
def _invalid_xml_as_bad_request() -> Iterator[None]:
    try:
        yield
    except XmlSyntaxError as error:
        raise BadRequestError(f"text: {error}") from None
