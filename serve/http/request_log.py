"""Middleware for request logging, request metrics, request ids and security headers."""

import logging
import random
import re
from functools import cache
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.error_responses import CLIENT_CLOSED_REQUEST
from serve.logging import request_id
from serve.metrics import Metrics

_log = logging.getLogger(__name__)

_VALID_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Browsers must not render responses as pages, and caches must not store them. Swagger UI sets its own policy.
_SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class RequestLogMiddleware:
    """Outermost ASGI middleware, which logs and measures every request.

    Log lines and metric labels contain the route of a request and never its path, because a path may contain user data.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.in_flight, self.rejected = app, metrics.in_flight, metrics.rejected
        # Cached, because looking up a time series by its labels takes longer than incrementing it.
        self.requests = cache(metrics.requests.labels)
        self.request_seconds = cache(metrics.request_seconds.labels)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; pass other events, such as the start of the application, to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = perf_counter()
        id_ = _choose_request_id(scope)
        request_id.set(id_)
        scope.setdefault("state", {})
        status: int | None = None
        disconnected = False
        bytes_in = bytes_out = 0

        async def counting_receive() -> Message:
            nonlocal bytes_in, disconnected
            message = await receive()
            bytes_in += len(message.get("body", b""))
            disconnected = message["type"] == "http.disconnect"
            return message

        async def counting_send(message: Message) -> None:
            nonlocal bytes_out, status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                present = {name for name, _ in headers}
                headers += [header for header in _SECURITY_HEADERS if header[0] not in present]
                headers.append((b"x-request-id", id_.encode()))
                message["headers"] = headers
            else:
                bytes_out += len(message.get("body", b""))
            await send(message)

        self.in_flight.inc()
        try:
            await self.app(scope, counting_receive, counting_send)
        finally:
            self.in_flight.dec()
            if status is None:
                status = CLIENT_CLOSED_REQUEST if disconnected else 500
            self._log_and_count(scope, status, perf_counter() - start, bytes_in, bytes_out)

    def _log_and_count(self, scope: Scope, status: int, seconds: float, bytes_in: int, bytes_out: int) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        client = scope["state"].get("client")
        rejected = scope["state"].get("rejected")
        self.requests(route, method, status).inc()
        self.request_seconds(route).observe(seconds)
        if rejected is not None:
            self.rejected.labels(rejected).inc()
        fields = {"method": method, "route": route, "status": status, "seconds": round(seconds, 6)}
        fields |= {"bytes_in": bytes_in, "bytes_out": bytes_out, "key": client and client.name, "rejected": rejected}
        _log.info("request", extra=fields)


def _choose_request_id(scope: Scope) -> str:
    """Return the id in the ``X-Request-ID`` header if it is valid, else a random id."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _VALID_ID.fullmatch(value):
            return str(value, "ascii")
    return f"{random.getrandbits(128):032x}"  # must be unique, not unpredictable
