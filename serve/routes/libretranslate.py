"""LibreTranslate's API."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from serve.connection import while_connected
from serve.errors import ErrorAnswer
from serve.languages import language_name
from serve.parameters import BadRequestError, read_parameters
from serve.routes.dependencies import get_service
from serve.service import Service
from serve.text import Answer

router = APIRouter(tags=["LibreTranslate"])


class TranslateRequest(BaseModel):
    """What ``/translate`` takes. An optional parameter may be null or empty."""

    q: str | list[str] = Field(description="The text, or a list of texts", examples=["The black cat sleeps."])
    source: str = Field(description="Language code of the texts, or `auto`", examples=["en"])
    target: str = Field(description="Language code to translate into", examples=["fr"])
    format: str = Field("text", description="`text`: plain text")
    alternatives: int = Field(0, description="How many other translations to return at most")
    details: bool = Field(False, description="Whether to return scores, confidence and alignment")

    @field_validator("q", mode="before")
    @classmethod
    def _texts(cls, value: Any) -> Any:
        texts = value if isinstance(value, list) else [value]
        if not texts or not all(isinstance(text, str) for text in texts):
            raise ValueError("must be a text or a list of one or more texts")
        if not all(_is_unicode(text) for text in texts):
            raise ValueError("holds half a surrogate pair, which is not valid Unicode")
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
    def _plain(cls, value: str) -> str:
        if value == "html":
            raise ValueError("html is not supported yet; plain text ('text') is")
        if value != "text":
            raise ValueError("must be 'text'")
        return value


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


_REQUEST_SCHEMA = {"schema": TranslateRequest.model_json_schema()}
_DOCUMENTED_BODY = {
    "requestBody": {
        "content": {"application/json": _REQUEST_SCHEMA, "application/x-www-form-urlencoded": _REQUEST_SCHEMA}
    }
}


@router.post(
    "/translate",
    response_model_exclude_unset=True,
    responses={status: {"model": ErrorAnswer} for status in (400, 413, 503)},
    openapi_extra=_DOCUMENTED_BODY,
)
async def translate(request: Request, service: Annotated[Service, Depends(get_service)]) -> TranslateAnswer:
    """Translates a text or a list of texts. The parameters may also come in the query string."""
    asked = _parse(await read_parameters(request))
    texts = asked.q if isinstance(asked.q, list) else [asked.q]
    source = service.models.only_source() if asked.source == "auto" else asked.source
    answers = await while_connected(request, service.translate(texts, source, asked.target, asked.alternatives))
    return _answer(asked, source, answers)


@router.get("/languages")
@router.post("/languages")
async def languages(service: Annotated[Service, Depends(get_service)]) -> list[Language]:
    """The languages, each with those it can be translated into (itself, unchanged, among them)."""
    targets: dict[str, set[str]] = {}
    for source, target in service.models.pairs:
        targets.setdefault(source, {source}).add(target)
        targets.setdefault(target, {target})
    return [Language(code=code, name=language_name(code), targets=sorted(targets[code])) for code in sorted(targets)]


def _is_unicode(text: str) -> bool:
    """False for text that no encoding can carry: JSON can spell half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _parse(parameters: dict[str, Any]) -> TranslateRequest:
    try:
        return TranslateRequest.model_validate(parameters)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        raise BadRequestError(f"{first['loc'][0]}: {message}") from None


def _answer(asked: TranslateRequest, source: str, answers: list[Answer]) -> TranslateAnswer:
    members: dict[str, list[Any]] = {"translatedText": [answer.text for answer in answers]}
    if asked.source == "auto":
        # Not detected but inferred: it is the only language that can be translated.
        members["detectedLanguage"] = [Detection(confidence=100, language=source) for _ in answers]
    if asked.alternatives:
        members["alternatives"] = [list(answer.alternatives) for answer in answers]
    if asked.details:
        members["details"] = [_details(answer) for answer in answers]
    if isinstance(asked.q, list):
        return TranslateAnswer(**members)
    return TranslateAnswer(**{name: values[0] for name, values in members.items()})


def _details(answer: Answer) -> Details:
    return Details(
        score=answer.score,
        confidence=answer.confidence,
        alignment=None if answer.alignment is None else list(answer.alignment),
        truncated=answer.truncated,
        pivot=None,
    )
