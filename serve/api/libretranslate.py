"""LibreTranslate's API, with details beside it."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from serve.api.dependencies import admit, charged, get_downloads, get_service, service_of
from serve.api.language_names import language_name
from serve.api.parameters import Text, documented, parse, read_file, read_parameters
from serve.auth.client_identity import scheme
from serve.errors import BadRequestError
from serve.http.disconnect import while_connected
from serve.http.error_responses import ErrorResponse
from serve.service import TranslationRequest, TranslationResult, TranslationService
from serve.stores.downloads import DownloadStore

router = APIRouter(tags=["LibreTranslate"])

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 403, 408, 413, 429, 500, 503)
}
_FILE_FORMATS = {".txt": "text/plain", ".html": "text/html", ".htm": "text/html"}


class TranslateRequest(BaseModel):
    """What ``/translate`` takes. An optional parameter may be null or empty."""

    q: Text | list[Text] = Field(description="The text, or a list of texts", examples=["The black cat sleeps."])
    source: Text = Field(description="Language code of the texts, or `auto`", examples=["en"])
    target: Text = Field(description="Language code to translate into", examples=["fr"])
    format: str = Field("text", description="`text`, or `html`, whose tags are kept")
    alternatives: int = Field(0, description="How many other translations to return at most")
    details: bool = Field(False, description="Whether to return scores, confidence and alignment")
    api_key: str | None = Field(None, description="Where the server wants one; a header does as well")

    @field_validator("q", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError("must be a text or a list of one or more texts")
        return value

    @field_validator("format", "alternatives", "details", mode="before")
    @classmethod
    def _optional(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None or value == "":
            return cls.model_fields[str(info.field_name)].default
        if isinstance(value, bool) and info.field_name == "alternatives":
            raise ValueError("must be a number")
        return value

    @field_validator("format")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in {"text", "html"}:
            raise ValueError("must be 'text' or 'html'")
        return value

    @property
    def texts(self) -> list[str]:
        """The texts, also of one."""
        return self.q if isinstance(self.q, list) else [self.q]

    @property
    def wish(self) -> TranslationRequest:
        """The same, as the service understands it."""
        return TranslationRequest(
            source=None if self.source == "auto" else self.source,
            target=self.target,
            markup=self.format == "html",
            alternatives=self.alternatives,
            alignment=self.details,
        )


class Detection(BaseModel):
    """The language of a text whose source was ``auto``."""

    confidence: float = Field(description="From 0 to 100")
    language: str


class Details(BaseModel):
    """What is known of a translation beyond its text."""

    score: float = Field(description="Mean log-probability a token; of several lines, their mean")
    confidence: float | None = Field(description="Expected quality, from 0 to 1")
    alignment: list[tuple[int, int, int, int]] | None = Field(
        description="Linked stretches: source start and end, target start and end, in code points"
    )
    truncated: bool = Field(description="Whether some of the source was never read")
    pivot: str | None = Field(description="The language in between, if there was one")


class TranslateAnswer(BaseModel):
    """What ``/translate`` answers. Each member is a list if ``q`` is one."""

    model_config = ConfigDict(alias_generator=to_camel)

    translated_text: str | list[str]
    detected_language: Detection | list[Detection] = Field(default=[], description="If the source was `auto`")
    alternatives: list[str] | list[list[str]] = Field(default=[], description="If asked for")
    details: Details | list[Details] = Field(default=[], description="If asked for")


class Language(BaseModel):
    """A language that is translated from or into."""

    code: str
    name: str
    targets: list[str]


class DetectRequest(BaseModel):
    """What ``/detect`` takes."""

    q: Text = Field(description="The text", examples=["The black cat sleeps."])
    api_key: str | None = Field(None, description="Where the server wants one; a header does as well")


class FileRequest(BaseModel):
    """What ``/translate_file`` takes beside the file."""

    source: Text = Field(description="Language code of the file, or `auto`", examples=["en"])
    target: Text = Field(description="Language code to translate into", examples=["fr"])
    api_key: str | None = Field(None, description="Where the server wants one; a header does as well")


class FileAnswer(BaseModel):
    """Where a translated file can be fetched, for an hour at most."""

    translatedFileUrl: str  # noqa: N815 - LibreTranslate's name


@router.post(
    "/translate", responses={200: {"model": TranslateAnswer}, **_ERRORS}, openapi_extra=documented(TranslateRequest)
)
async def translate(request: Request) -> Response:
    """Translates a text or a list of texts. The parameters may also come in the query string."""
    service = service_of(request)
    asked = parse(TranslateRequest, await read_parameters(request))
    client = admit(request, asked.api_key)
    with charged(request, client, asked.texts):
        results = await while_connected(request, service.translate(asked.texts, asked.wish))
    # Not through the model, which would cost as much again as all else here: the tests hold both together.
    return JSONResponse(_answer(asked, results))


@router.post("/detect", responses=_ERRORS, openapi_extra=documented(DetectRequest))
async def detect(request: Request, service: Annotated[TranslationService, Depends(get_service)]) -> list[Detection]:
    """The language of a text, among those that are served."""
    asked = parse(DetectRequest, await read_parameters(request))
    admit(request, asked.api_key)
    service.check_length(asked.q)
    found = await service.detect(asked.q)
    return [Detection(confidence=_percent(found.confidence), language=found.language)]


@router.get("/languages")
@router.post("/languages")
async def languages(service: Annotated[TranslationService, Depends(get_service)]) -> list[Language]:
    """The languages, each with those it can be translated into (itself, unchanged, among them)."""
    models = service.models
    return [Language(code=code, name=language_name(code), targets=models.targets(code)) for code in models.languages]


@router.get("/frontend/settings")
async def frontend_settings(
    request: Request, service: Annotated[TranslationService, Depends(get_service)]
) -> dict[str, Any]:
    """What a page needs to know of the server."""
    limits = service.settings
    source, target = service.models.pairs[0]
    return {
        "apiKeys": bool(request.app.state.keys),
        "charLimit": limits.char_limit,
        "filesTranslation": True,
        "frontendTimeout": 500,
        "keyRequired": limits.require_api_key,
        "language": {
            "source": {"code": source, "name": language_name(source)},
            "target": {"code": target, "name": language_name(target)},
        },
        "suggestions": False,
        "supportedFilesFormat": list(_FILE_FORMATS),
    }


@router.post("/translate_file", responses=_ERRORS, openapi_extra=documented(FileRequest, with_file=True))
async def translate_file(
    request: Request,
    service: Annotated[TranslationService, Depends(get_service)],
    downloads: Annotated[DownloadStore, Depends(get_downloads)],
) -> FileAnswer:
    """Translates a file: plain text or HTML in UTF-8. Answers where the translation can be fetched."""
    parameters, file = await read_file(request)
    asked = parse(FileRequest, parameters)
    client = admit(request, asked.api_key)
    if file.suffix not in _FILE_FORMATS:
        raise BadRequestError(f"file: its name must end in one of {', '.join(_FILE_FORMATS)}")
    kind = _FILE_FORMATS[file.suffix]
    wish = TranslationRequest(
        None if asked.source == "auto" else asked.source, asked.target, markup=kind == "text/html"
    )
    text = file.text()
    with charged(request, client, [text]):
        result = await while_connected(request, service.translate_document(text, wish))
    name = downloads.add(result.answer.text.encode(), kind, file.suffix)
    url = request.url_for("download_file", name=name).replace(scheme=scheme(request))
    return FileAnswer(translatedFileUrl=str(url))


@router.get("/download_file/{name}", responses={404: {"model": ErrorResponse}}, response_class=Response)
async def download_file(name: str, downloads: Annotated[DownloadStore, Depends(get_downloads)]) -> Response:
    """A translated file."""
    found = downloads.get(name)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(found.content, media_type=f"{found.media_type}; charset=utf-8", headers=headers)


def _answer(asked: TranslateRequest, results: list[TranslationResult]) -> dict[str, Any]:
    members: dict[str, list[Any]] = {"translatedText": [result.answer.text for result in results]}
    if asked.source == "auto":
        members["detectedLanguage"] = [
            {"confidence": _percent(result.source.confidence), "language": result.source.language} for result in results
        ]
    if asked.alternatives:
        members["alternatives"] = [result.answer.alternatives for result in results]
    if asked.details:
        members["details"] = [_details(result) for result in results]
    return members if isinstance(asked.q, list) else {name: values[0] for name, values in members.items()}


def _details(result: TranslationResult) -> dict[str, Any]:
    answer = result.answer
    return {
        "score": answer.score,
        "confidence": answer.confidence,
        "alignment": answer.alignment,
        "truncated": answer.truncated,
        "pivot": result.pivot,
    }


def _percent(confidence: float) -> float:
    return round(100 * confidence, 1)
