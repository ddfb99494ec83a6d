"""JSON responses for exceptions. The body is ``{"error": "…"}``, or ``{"message": "…"}`` on DeepL's routes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from serve.errors import NotReadyError, QuotaExceededError, ServiceError

CLIENT_CLOSED_REQUEST = 499
"""Status logged for a request whose client disconnected before the response; the number is nginx's."""

_DEEPL_PREFIXES = ("/v2/", "/v3/")
_DEEPL_QUOTA_EXCEEDED = 456
_INTERNAL_ERROR = "internal server error"


class ErrorResponse(BaseModel):
    """Body of every error response outside DeepL's routes."""

    error: str


class DeeplErrorResponse(BaseModel):
    """Body of every error response of DeepL's routes."""

    message: str


def error_response(
    scope: Scope, status: int, message: str, headers: Mapping[str, str] | None = None, *, rejected: str | None = None
) -> JSONResponse:
    """Return a JSON error response; ``rejected`` is the reason under which the request is counted as rejected."""
    if rejected is not None:
        scope.setdefault("state", {})["rejected"] = rejected
    body = {"message" if f"{scope['path']}/".startswith(_DEEPL_PREFIXES) else "error": message}
    return JSONResponse(body, status, headers)


def public_message(error: Exception) -> str:
    """Return the error message to send to the client; for an unexpected error, a general message without details."""
    return str(error) if isinstance(error, ServiceError) else _INTERNAL_ERROR


def install_error_handlers(app: FastAPI) -> None:
    """Register handlers that respond to every exception with JSON."""
    for exception, handler in _HANDLERS.items():
        app.add_exception_handler(exception, handler)
    app.add_exception_handler(Exception, _unexpected_error)


async def exception_response(request: Request, error: Exception) -> Response | None:
    """Return the response of the handler for an exception, or None if the exception is unexpected."""
    for exception, handler in _HANDLERS.items():
        if isinstance(error, exception):
            return await handler(request, error)
    return None


async def _service_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    status = error.status
    if isinstance(error, QuotaExceededError) and f"{request.scope['path']}/".startswith(_DEEPL_PREFIXES):
        status = _DEEPL_QUOTA_EXCEEDED
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if isinstance(error, NotReadyError):
        # During shutdown a reused connection may be closed under the client's next request.
        headers["Connection"] = "close"
    return error_response(request.scope, status, str(error), headers, rejected=error.rejection_reason)


async def _http_exception(request: Request, error: Exception) -> Response:
    """Return the response for an error of the framework, such as 404 or 405."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(_allowed_methods(request))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    return error_response(request.scope, error.status_code, error.detail, headers)


def _allowed_methods(request: Request) -> list[str]:
    """Return the methods of all routes that match the path of a request."""
    routes: Sequence[BaseRoute] = request.app.state.routes
    matching = [each for each in routes if isinstance(each, Route) and each.path_regex.match(request.scope["path"])]
    methods = {method for route in matching for method in route.methods or ()}
    # HEAD requests are passed on as GET; see `serve.http.paths`.
    methods |= {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    return sorted(methods, key=lambda method: (method == "OPTIONS", method))


async def _client_disconnect(request: Request, error: Exception) -> Response:
    """Return a response whose status appears in the log and the metrics; the client does not receive it."""
    return Response(status_code=CLIENT_CLOSED_REQUEST)


async def _unexpected_error(request: Request, error: Exception) -> Response:
    """Return a response with status 500 and no details; the server logs the traceback and closes the connection."""
    return error_response(request.scope, 500, _INTERNAL_ERROR, {"Connection": "close"})


_HANDLERS: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
    ServiceError: _service_error,
    HTTPException: _http_exception,
    ClientDisconnect: _client_disconnect,
}
