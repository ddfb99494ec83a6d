"""Routes of our own."""

import logging
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel, Field

from serve.api.dependencies import admit, charged, get_service
from serve.api.libretranslate import TranslateRequest
from serve.api.parameters import documented, parse, read_parameters
from serve.errors import ServiceError
from serve.http.disconnect import while_connected
from serve.http.error_responses import ErrorResponse, public_message
from serve.service import TranslationService

router = APIRouter(tags=["native"])

Numbered = tuple[int, str]

_log = logging.getLogger(__name__)


class TranslatedSentence(BaseModel):
    """An event of ``/translate/stream``."""

    index: int = Field(description="The sentence's number, counted from 0 over all texts")
    translatedText: str  # noqa: N815 - as in LibreTranslate's answers


@router.post(
    "/translate/stream",
    responses={
        200: {
            "content": {"text/event-stream": {"schema": TranslatedSentence.model_json_schema()}},
            "description": "An event for each sentence as it is finished; then an event `done`, or `error`",
        },
        **{status: {"model": ErrorResponse} for status in (400, 403, 408, 413, 429, 500, 503)},
    },
    openapi_extra=documented(TranslateRequest),
    response_class=StreamingResponse,
)
async def stream(request: Request, service: Annotated[TranslationService, Depends(get_service)]) -> StreamingResponse:
    """Translates like ``/translate``, and sends each sentence as soon as it is finished: server-sent events."""
    asked = parse(TranslateRequest, await read_parameters(request))
    client = admit(request, asked.api_key)
    sentences = service.stream(asked.texts, asked.wish)
    # The first sentence decides on the status, and on the charge: what is refused is refused before it.
    with charged(request, client, asked.texts):
        first = await while_connected(request, _next(sentences))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_events(first, sentences), media_type="text/event-stream", headers=headers)


async def _next(sentences: AsyncIterator[Numbered]) -> Numbered | None:
    return await anext(sentences, None)


async def _events(first: Numbered | None, others: AsyncIterator[Numbered]) -> AsyncIterator[bytes]:
    if first is not None:
        yield _event(*first)
    try:
        async for sentence in others:
            yield _event(*sentence)
    except Exception as error:
        if not isinstance(error, ServiceError):
            _log.exception("a stream broke off")
        yield format_sse_event(event="error", data_str=ErrorResponse(error=public_message(error)).model_dump_json())
    else:
        yield format_sse_event(event="done", data_str="{}")


def _event(index: int, text: str) -> bytes:
    return format_sse_event(data_str=TranslatedSentence(index=index, translatedText=text).model_dump_json())
