"""From exceptions to answers: always JSON, ``{"error": "one line"}``, for DeepL's clients ``{"message": …}``."""

from collections.abc import Mapping
from typing import NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Scope

from serve.api.parameters import BadRequestError
from serve.auth.client_identity import KeyRefusedError
from serve.auth.rate_limits import QuotaExceededError, TooManyRequestsError
from serve.models.registry import NoSuchModelError, NotReadyError
from serve.scheduling.scheduler import ClosedError, QueueFullError
from serve.service import OverLimitError, TimedOutError
from serve.stores.glossaries import BadGlossaryError, NoSuchGlossaryError, NotKeptError, TooManyGlossariesError
from serve.workers.thread import TranslationFailedError

CLIENT_GONE = 499
"""The status, made up by nginx, of a request whose client left before the answer."""

_DEEPL = "/v2/"
_DEEPL_QUOTA_EXCEEDED = 456  # DeepL's own number
_FAULT = "internal server error"


class _Answer(NamedTuple):
    status: int
    retry_after: int | None = None
    """The seconds after which it makes sense to try again."""
    rejected: str | None = None
    """Why a request is turned away that might have been answered: a label of ``nmt_rejected_total``."""


_ANSWERS: dict[type[Exception], _Answer] = {
    BadRequestError: _Answer(400),
    NoSuchModelError: _Answer(400),
    OverLimitError: _Answer(400),
    BadGlossaryError: _Answer(400),
    NoSuchGlossaryError: _Answer(404),
    TooManyGlossariesError: _Answer(456),  # as DeepL answers
    NotKeptError: _Answer(503),
    KeyRefusedError: _Answer(403, rejected="key"),
    TooManyRequestsError: _Answer(429, rejected="rate"),
    QuotaExceededError: _Answer(429, rejected="quota"),
    QueueFullError: _Answer(503, 1, "queue_full"),
    TimedOutError: _Answer(503, 1, "timed_out"),
    ClosedError: _Answer(503, 5, "not_ready"),
    NotReadyError: _Answer(503, 5, "not_ready"),
    TranslationFailedError: _Answer(500),
}


class ErrorAnswer(BaseModel):
    """What every error looks like."""

    error: str


def error_response(
    scope: Scope, status: int, message: str, headers: Mapping[str, str] | None = None, *, rejected: str | None = None
) -> JSONResponse:
    """An error as the client sees it; ``rejected`` is the reason to count it under."""
    if rejected is not None:
        scope.setdefault("state", {})["rejected"] = rejected
    return JSONResponse({"message" if scope["path"].startswith(_DEEPL) else "error": message}, status, headers)


def describe(error: Exception) -> ErrorAnswer:
    """An error as a client sees it whose answer has begun already."""
    return ErrorAnswer(error=str(error) if is_known(error) else _FAULT)


def is_known(error: Exception) -> bool:
    """Whether there is an answer to it, so that it is no fault of ours."""
    return type(error) in _ANSWERS


def is_fault(error: Exception) -> bool:
    """Whether it is one of ours, that nobody has foreseen."""
    return not is_known(error) and not isinstance(error, HTTPException | ClientDisconnect)


def install(app: FastAPI) -> None:
    """Has ``app`` answer every exception in our shape."""
    for kind in (*_ANSWERS, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _answer)


def answer_to(request: Request, error: Exception) -> Response:
    """What a client is told of an error."""
    if is_fault(error):  # the server logs the traceback and closes the connection; the client learns nothing of it
        return error_response(request.scope, 500, _FAULT, {"Connection": "close"})
    if isinstance(error, HTTPException):  # the framework's own: 404, 405
        return error_response(request.scope, error.status_code, error.detail, error.headers)
    if isinstance(error, ClientDisconnect):  # nobody reads this answer, but it is logged
        return Response(status_code=CLIENT_GONE)
    return _known(request, error)


async def _answer(request: Request, error: Exception) -> Response:
    return answer_to(request, error)


def _known(request: Request, error: Exception) -> Response:
    status, retry_after, rejected = _ANSWERS[type(error)]
    if isinstance(error, TooManyRequestsError | QueueFullError):
        retry_after = error.retry_after
    if isinstance(error, QuotaExceededError) and request.scope["path"].startswith(_DEEPL):
        status = _DEEPL_QUOTA_EXCEEDED
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if isinstance(error, ClosedError | NotReadyError):
        # A connection that the client would use again may be closed under its next request.
        headers["Connection"] = "close"
    return error_response(request.scope, status, str(error), headers, rejected=rejected)
