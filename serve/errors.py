"""From exceptions to answers: always JSON, ``{"error": "one line"}``."""

from collections.abc import Mapping

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from serve.models import NoSuchModelError, NotReadyError
from serve.parameters import BadRequestError
from serve.scheduler import ClosedError, QueueFullError, TranslationFailedError
from serve.service import OverLimitError, TimedOutError

# Exception: status, and the seconds after which it makes sense to try again.
_ANSWERS: dict[type[Exception], tuple[int, int | None]] = {
    BadRequestError: (400, None),
    NoSuchModelError: (400, None),
    OverLimitError: (400, None),
    QueueFullError: (503, 1),
    TimedOutError: (503, 1),
    ClosedError: (503, 5),
    NotReadyError: (503, 5),
    TranslationFailedError: (500, None),
}


class ErrorAnswer(BaseModel):
    """What every error looks like."""

    error: str


def error_response(status: int, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An error as the client sees it."""
    return JSONResponse({"error": message}, status, headers)


def install(app: FastAPI) -> None:
    """Has ``app`` answer every exception in our shape."""
    for kind in _ANSWERS:
        app.add_exception_handler(kind, _known)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _unexpected)


async def _known(request: Request, error: Exception) -> Response:
    status, retry_after = _ANSWERS[type(error)]
    return error_response(status, str(error), {"Retry-After": str(retry_after)} if retry_after else None)


async def _http(request: Request, error: Exception) -> Response:
    """The framework's own errors: 404, 405."""
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, error.detail, error.headers)


async def _gone(request: Request, error: Exception) -> Response:
    """The client has closed the connection; nobody reads this answer."""
    return Response(status_code=400)


async def _unexpected(request: Request, error: Exception) -> Response:
    """A fault of ours. The server logs the traceback; the client learns nothing of it."""
    return error_response(500, "internal server error")
