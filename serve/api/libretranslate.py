"""Routes of LibreTranslate's API, extended with scores, confidence and word alignment."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from nmt.inference.memory.store import MemoryEntry
from nmt.inference.translation import DirectionKind
from serve.api.dependencies import (
    DocumentsDependency,
    GlossariesDependency,
    ServiceDependency,
    authorize,
    charge,
    get_glossaries,
    get_service,
)
from serve.api.document_response import document_response
from serve.api.glossary_parameter import GlossaryParameter, add_glossary
from serve.api.language_names import language_name
from serve.api.parameters import (
    ApiModel,
    EncodableText,
    is_auto,
    read_parameters,
    read_uploaded_file,
    request_body_schema,
    validate_parameters,
)
from serve.auth.client_identity import public_scheme
from serve.errors import ApiKeyError, BadRequestError, SuggestionsDisabledError
from serve.http.direct_routes import DirectRoute
from serve.http.disconnect import cancel_on_disconnect
from serve.http.error_responses import ErrorResponse
from serve.service import TranslationRequest, TranslationResult
from serve.service.documents import file_suffixes

router = APIRouter(tags=["LibreTranslate"])

_ERROR_RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 403, 404, 408, 413, 429, 500, 503)
}
_CONSTANT_SETTINGS: dict[str, Any] = {"filesTranslation": True, "frontendTimeout": 500}


class LibreTranslateRequest(ApiModel):
    """Parameters of ``/translate``. An optional parameter may be null or empty."""

    q: EncodableText | list[EncodableText] = Field(examples=["The black cat sleeps."])
    """Text, or list of texts, to translate."""
    source: EncodableText = Field(examples=["en"])
    """Language code of the texts, or `auto` to detect it."""
    target: EncodableText = Field(examples=["fr"])
    """Language code to translate into."""
    format: str = "text"
    """Either `text` or `html`. The tags of HTML are preserved."""
    alternatives: int = 0
    """Maximum number of alternative translations to return."""
    details: bool = False
    """Whether to return scores, confidence, word alignment and quality signals."""
    min_confidence: float = Field(0.0, ge=0, le=1)
    """Confidence below which a sentence is left untranslated, from 0 to 1."""
    glossary: GlossaryParameter = None
    """Terms with their translations, as an object or a list of pairs, or the name or id of a stored glossary.

    A form or query string may contain the JSON text of an object or list. A glossary is stored with `/v2/glossaries`.
    """
    target_prefix: EncodableText | None = None
    """Text that the translation of a single sentence must begin with; a space at its end ends its last word.

    The alternatives then differ in the word after it; with an empty prefix, in the first word.
    """
    api_key: str | None = None
    """API key, if the server requires one. It may be sent in a header instead."""

    @field_validator("q", mode="before")
    @classmethod
    def _check_texts(cls, value: Any) -> Any:
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError("must be a text or a list of one or more texts")
        return value

    @field_validator("format", "alternatives", "details", "min_confidence", mode="before")
    @classmethod
    def _use_default_for_empty(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None or value == "":
            return cls.model_fields[str(info.field_name)].default
        if isinstance(value, bool) and info.field_name == "alternatives":
            raise ValueError("must be a number")
        return value

    @field_validator("format")
    @classmethod
    def _check_format(cls, value: str) -> str:
        if value not in {"text", "html"}:
            raise ValueError("must be 'text' or 'html'")
        return value

    @property
    def texts(self) -> list[str]:
        """The texts to translate, always as a list."""
        return self.q if isinstance(self.q, list) else [self.q]

    @property
    def translation_request(self) -> TranslationRequest:
        """The same parameters as a request to the translation service."""
        return TranslationRequest(
            source_language=None if is_auto(self.source) else self.source,
            target_language=self.target,
            is_html=self.format == "html",
            num_alternatives=self.alternatives,
            with_details=self.details,
            min_confidence=self.min_confidence,
            target_prefix=self.target_prefix,
        )


class LanguageDetection(ApiModel):
    """A detected language."""

    confidence: float
    """Confidence from 0 to 100."""
    language: str
    """Language code."""


class AppliedTerm(ApiModel):
    """A glossary term that a translation uses."""

    source: str
    target: str


class MatchingEntry(ApiModel):
    """An entry of the translation memory."""

    source: str
    """Source text of the entry."""
    target: str
    """Translation of the entry, with the numbers, addresses and placeholders of the sentence."""
    similarity: float
    """Similarity to the sentence, from 0.75 to 1; with 1, the entry is the translation."""
    origin: str
    """Source of the entry, such as the name of the imported file."""
    created: str
    """Date and time of the entry in ISO 8601."""


class TranslationDirection(ApiModel):
    """The languages of a translation."""

    kind: DirectionKind
    """`trained` if a model was trained to translate between the two languages, `pivot` if two translations were made,
    the second of the result of the first, `zero-shot` if a model was trained on other pairs of its languages only,
    `copy` if the text is in the target language already, and `memory` if the translation memory has the sentence."""
    languages: list[str]
    """Codes of the source and the target language, with the pivot language between them if there is one."""


class TranslationDetails(ApiModel):
    """Scores and word alignment of a translation."""

    score: float
    """Mean log-probability per token; for several lines, the mean over the lines."""
    confidence: float | None
    """Expected translation quality from 0 to 1; through a pivot language, the product over both translations. Null if
    it is not known, as for zero-shot translation."""
    alignment: list[tuple[int, int, int, int]] | None
    """Aligned spans: source start and end, target start and end, in code points."""
    signals: list[str]
    """Signs of a bad translation, such as `missing_number` or `repetition`."""
    terms: list[AppliedTerm]
    """Glossary terms that the translation uses."""
    memory: list[MatchingEntry]
    """Entries of the translation memory for the sentences, those of each sentence with the most similar first."""
    left_untranslated: bool
    """Whether a sentence was left untranslated because its confidence is below `min_confidence`."""
    pivot: str | None
    """Language code of the intermediate language, if one was used."""
    direction: TranslationDirection | None
    """Languages of the translation; null if the text contains no sentence."""


class LibreTranslateResponse(ApiModel):
    """Response of ``/translate``. Each member is a list if ``q`` is one."""

    model_config = ConfigDict(alias_generator=to_camel)

    translated_text: str | list[str]
    """Translation of the text."""
    detected_language: LanguageDetection | list[LanguageDetection] = Field([])
    """Detected language, if `source` is `auto`."""
    alternatives: list[str] | list[list[str]] = Field([])
    """Alternative translations, best first, if they were requested."""
    details: TranslationDetails | list[TranslationDetails] = Field([])
    """Scores and word alignment, if they were requested."""


class ServedLanguage(ApiModel):
    """A language, and the languages that it can be translated into."""

    code: str
    name: str
    targets: list[str]


class DetectRequest(ApiModel):
    """Parameters of ``/detect``."""

    q: EncodableText = Field(examples=["The black cat sleeps."])
    """Text whose language to detect."""
    api_key: str | None = None
    """API key, if the server requires one. It may be sent in a header instead."""


class SuggestionRequest(ApiModel):
    """Parameters of ``/suggest``."""

    q: EncodableText = Field(examples=["The black cat sleeps."])
    """Source text, a sentence."""
    s: EncodableText = Field(examples=["Le chat noir dort."])
    """Its translation."""
    source: EncodableText = Field(examples=["en"])
    """Language code of the source text."""
    target: EncodableText = Field(examples=["fr"])
    """Language code of the translation."""
    api_key: str | None = None
    """API key, which is required. It may be sent in a header instead."""


class SuggestionResponse(ApiModel):
    """Response of ``/suggest``."""

    success: bool


class FileTranslationRequest(ApiModel):
    """Parameters of ``/translate_file`` in addition to the file."""

    source: EncodableText = Field(examples=["en"])
    """Language code of the file, or `auto` to detect it."""
    target: EncodableText = Field(examples=["fr"])
    """Language code to translate into."""
    glossary: GlossaryParameter = None
    """Terms with their translations, as JSON text of an object or list, or the name or id of a stored glossary."""
    api_key: str | None = None
    """API key, if the server requires one. It may be sent in a header instead."""


class FileTranslationResponse(ApiModel):
    """Response of ``/translate_file``."""

    translatedFileUrl: str  # noqa: N815 - LibreTranslate's name
    """URL from which the translated file can be downloaded for up to an hour."""


async def translate(request: Request) -> Response:
    """Translate a text or a list of texts. The parameters may also be sent in the query string."""
    service = await get_service(request)
    parameters = validate_parameters(LibreTranslateRequest, await read_parameters(request))
    client = authorize(request, parameters.api_key)
    translation_request = parameters.translation_request
    if parameters.glossary:
        stored = await get_glossaries(request)
        translation_request = add_glossary(translation_request, parameters.glossary, client.name, stored)
    with charge(request, client, parameters.texts):
        results = await cancel_on_disconnect(request, service.translate(parameters.texts, translation_request))
    # Serialised without LibreTranslateResponse, which would double the time spent here. A test compares the two.
    return JSONResponse(_response_body(parameters, results))


router.add_api_route(
    "/translate",
    translate,
    methods=["POST"],
    responses={200: {"model": LibreTranslateResponse}, **_ERROR_RESPONSES},
    openapi_extra=request_body_schema(LibreTranslateRequest),
    route_class_override=DirectRoute,
)


@router.post("/detect", responses=_ERROR_RESPONSES, openapi_extra=request_body_schema(DetectRequest))
async def detect(request: Request, service: ServiceDependency) -> list[LanguageDetection]:
    """Return the languages that a text may be in, the most probable first, with a preference for served ones."""
    parameters = validate_parameters(DetectRequest, await read_parameters(request))
    authorize(request, parameters.api_key)
    service.check_length(parameters.q)
    found = await service.detect_languages(parameters.q)
    return [LanguageDetection(confidence=_percent(each.confidence), language=each.language) for each in found]


@router.post("/suggest", responses=_ERROR_RESPONSES, openapi_extra=request_body_schema(SuggestionRequest))
async def suggest(request: Request, service: ServiceDependency) -> SuggestionResponse:
    """Store an accepted translation in the translation memory, for further requests with the same API key only."""
    parameters = validate_parameters(SuggestionRequest, await read_parameters(request))
    client = authorize(request, parameters.api_key)
    if service.memory is None:
        raise SuggestionsDisabledError("suggestions are disabled on this server")
    if client.name is None:
        raise ApiKeyError("API key: missing; suggestions serve only requests with the key that they were sent with")
    for text in (parameters.q, parameters.s):
        service.check_length(text)
        if not text.strip():
            raise BadRequestError("q and s must not be empty; send a sentence and its translation")
    source, target = service.models.match_pair(parameters.source, parameters.target)
    entry = MemoryEntry(source.code, target.code, parameters.q, parameters.s, "suggestion")
    await service.memory.add(entry, client.name)
    return SuggestionResponse(success=True)


@router.get("/languages")
@router.post("/languages")
async def languages(service: ServiceDependency) -> list[ServedLanguage]:
    """Return the served languages, each with the languages that it can be translated into, including itself."""
    models = service.models
    return [
        ServedLanguage(code=code, name=language_name(code), targets=models.target_languages(code))
        for code in models.listed_languages
    ]


@router.get("/frontend/settings")
async def frontend_settings(request: Request, service: ServiceDependency) -> dict[str, Any]:
    """Return the settings that a web page needs."""
    pair = zip(("source", "target"), service.models.language_pairs[0], strict=True)
    return _CONSTANT_SETTINGS | {
        "apiKeys": bool(request.app.state.api_keys),
        "suggestions": service.memory is not None and bool(request.app.state.api_keys),
        "supportedFilesFormat": file_suffixes(),
        "charLimit": service.settings.char_limit,
        "fileLimit": max(service.settings.max_file_bytes, service.settings.max_body_bytes),
        "inspect": service.settings.inspect,
        "maxAlternatives": service.settings.max_alternatives,
        "keyRequired": service.settings.require_api_key,
        "language": {side: {"code": code, "name": language_name(code)} for side, code in pair},
    }


@router.post(
    "/translate_file",
    responses=_ERROR_RESPONSES,
    openapi_extra=request_body_schema(FileTranslationRequest, with_file=True),
)
async def translate_file(
    request: Request, documents: DocumentsDependency, glossaries: GlossariesDependency
) -> FileTranslationResponse:
    """Translate a document, such as a file of text, HTML, subtitles or Word, and return the URL of its translation."""
    values, file = await read_uploaded_file(request)
    parameters = validate_parameters(FileTranslationRequest, values)
    client = authorize(request, parameters.api_key)
    source = None if is_auto(parameters.source) else parameters.source
    translation_request = TranslationRequest(source, parameters.target)
    translation_request = add_glossary(translation_request, parameters.glossary, client.name, glossaries)
    job = documents.submit(client, file.name, file.content, translation_request, is_awaited=True)
    try:
        await cancel_on_disconnect(request, job.done.wait())
    except BaseException:
        documents.cancel(job)
        raise
    if job.error is not None:
        raise job.error
    url = request.url_for("download_file", name=f"{job.id}{job.suffix}").replace(scheme=public_scheme(request))
    return FileTranslationResponse(translatedFileUrl=str(url))


@router.get("/download_file/{name}", responses={404: {"model": ErrorResponse}}, response_class=Response)
async def download_file(name: str, documents: DocumentsDependency) -> Response:
    """Return a translated file. Its name is known only to the client that had it translated."""
    job = documents.get(name.partition(".")[0])
    return document_response(documents, job)


def _response_body(parameters: LibreTranslateRequest, results: list[TranslationResult]) -> dict[str, Any]:
    body: dict[str, list[Any]] = {"translatedText": [result.translation.text for result in results]}
    if is_auto(parameters.source):
        body["detectedLanguage"] = [language_detection(result) for result in results]
    if parameters.alternatives:
        body["alternatives"] = [[each.text for each in result.translation.alternatives] for result in results]
    if parameters.details:
        body["details"] = [translation_details(result) for result in results]
    return body if isinstance(parameters.q, list) else {name: values[0] for name, values in body.items()}


def language_detection(result: TranslationResult) -> dict[str, Any]:
    """Return the fields of `LanguageDetection`."""
    return {"confidence": _percent(result.detected.confidence), "language": result.detected.language}


def translation_details(result: TranslationResult) -> dict[str, Any]:
    """Return the fields of `TranslationDetails`."""
    translation = result.translation
    names = ("score", "confidence", "alignment", "signals", "left_untranslated")
    details = {name: getattr(translation, name) for name in names}
    return details | {
        "terms": [asdict(term) for term in translation.terms],
        "memory": [asdict(match) for match in translation.memory],
        "pivot": result.pivot_language,
        "direction": asdict(translation.direction) if translation.direction else None,
    }


def _percent(confidence: float) -> float:
    return round(100 * confidence, 1)
