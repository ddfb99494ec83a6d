"""Carousel's own route, which returns translations as a stream of server-sent events."""

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from serve.api.dependencies import GlossariesDependency, ServiceDependency, authorize, charge
from serve.api.glossary_parameter import add_glossary
from serve.api.libretranslate import (
    LanguageDetection,
    LibreTranslateRequest,
    TranslationDetails,
    language_detection,
    translation_details,
)
from serve.api.parameters import ApiModel, is_auto, read_parameters, request_body_schema, validate_parameters
from serve.errors import ServiceError
from serve.http.disconnect import cancel_on_disconnect
from serve.http.error_responses import ErrorResponse, public_message
from serve.service import StreamedSentence

router = APIRouter(tags=["native"])

_log = logging.getLogger(__name__)


class TranslatedSentence(ApiModel):
    """An event of ``/translate/stream``."""

    index: int
    """Number of the sentence, counted from 0 across all texts."""
    translatedText: str  # noqa: N815 - LibreTranslate's name
    """Translation of the sentence."""
    sentences: int = 0
    """Number of sentences of all texts. This field and the following ones require `details`."""
    text: int = 0
    """Number of the text that the sentence belongs to, counted from 0."""
    source: tuple[int, int] | None = None
    """Range of the sentence in the text, in code points; null if the text is HTML."""
    detectedLanguage: LanguageDetection | None = None  # noqa: N815 - LibreTranslate's name
    """Detected language, if `source` is `auto`."""
    alternatives: list[str] | None = None
    """Other translations of the sentence, if they were requested."""
    details: TranslationDetails | None = None
    """Scores and word alignment, in code points from the beginning of the sentence and of its translation."""


@router.post(
    "/translate/stream",
    responses={
        200: {
            "content": {"text/event-stream": {"schema": TranslatedSentence.model_json_schema()}},
            "description": "One event per sentence as soon as it is translated, then an event `done` or `error`.",
        },
        **{status: {"model": ErrorResponse} for status in (400, 403, 404, 408, 413, 429, 500, 503)},
    },
    openapi_extra=request_body_schema(LibreTranslateRequest),
    response_class=StreamingResponse,
)
async def translate_stream(
    request: Request, service: ServiceDependency, glossaries: GlossariesDependency
) -> StreamingResponse:
    """Translate texts, and send each sentence as a server-sent event as soon as it is translated.

    Takes the parameters of `/translate`.
    """
    parameters = validate_parameters(LibreTranslateRequest, await read_parameters(request))
    client = authorize(request, parameters.api_key)
    translation_request = add_glossary(parameters.translation_request, parameters.glossary, client.name, glossaries)
    sentences = service.stream(parameters.texts, translation_request)
    # Wait for the first sentence: if the request fails before it, the status is an error and nothing is charged.
    with charge(request, client, parameters.texts):
        first = await cancel_on_disconnect(request, anext(sentences, None))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    events = _events(first, sentences, parameters)
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


async def _events(
    first: StreamedSentence | None, rest: AsyncIterator[StreamedSentence], parameters: LibreTranslateRequest
) -> AsyncIterator[str]:
    if first is not None:
        yield _sentence_event(first, parameters)
    try:
        async for sentence in rest:
            yield _sentence_event(sentence, parameters)
    except Exception as error:
        if not isinstance(error, ServiceError):
            _log.exception("a stream failed")
        yield f"event: error\ndata: {ErrorResponse(error=public_message(error)).model_dump_json()}\n\n"
    else:
        yield "event: done\ndata: {}\n\n"


def _sentence_event(sentence: StreamedSentence, parameters: LibreTranslateRequest) -> str:
    fields: dict[str, Any] = {"index": sentence.index, "translatedText": sentence.text}
    if parameters.details:
        fields |= {"sentences": sentence.count, "text": sentence.text_index, "source": sentence.span}
        fields["details"] = translation_details(sentence.result)
        if parameters.alternatives:
            fields["alternatives"] = [other.text for other in sentence.result.translation.alternatives]
        if is_auto(parameters.source):
            fields["detectedLanguage"] = language_detection(sentence.result)
    # JSON escapes line breaks, so that the data is always a single line.
    return f"data: {json.dumps(fields, ensure_ascii=False, separators=(',', ':'))}\n\n"
