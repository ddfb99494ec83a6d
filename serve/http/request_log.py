"""What holds for every request: it has an id, it is counted and logged, and its answer has headers of caution."""

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

_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# An answer is data: it is nobody's page, and no cache's business. A page of ours brings its own policy.
_CAUTION = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class RequestLog:
    """ASGI middleware, the outermost. Logs and labels name a request's route, never its path: that may hold text."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.in_flight = metrics.in_flight
        # To look a series up costs more than to count; there are few.
        self.requests = cache(metrics.requests.labels)
        self.request_seconds = cache(metrics.request_seconds.labels)
        self.rejected = metrics.rejected

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request (or passes on what is none)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = perf_counter()
        id_ = _id(scope)
        request_id.set(id_)
        scope.setdefault("state", {})
        status: int | None = None
        gone = False
        received = sent = 0

        async def observed_receive() -> Message:
            nonlocal received, gone
            message = await receive()
            received += len(message.get("body", b""))
            gone = message["type"] == "http.disconnect"
            return message

        async def observed_send(message: Message) -> None:
            nonlocal sent, status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                present = {name for name, _ in headers}
                headers += [header for header in _CAUTION if header[0] not in present]
                headers.append((b"x-request-id", id_.encode()))
                message["headers"] = headers
            else:
                sent += len(message.get("body", b""))
            await send(message)

        self.in_flight.inc()
        try:
            await self.app(scope, observed_receive, observed_send)
        finally:
            self.in_flight.dec()
            if status is None:
                status = CLIENT_CLOSED_REQUEST if gone else 500
            self._record(scope, status, perf_counter() - begun, received, sent)

    def _record(self, scope: Scope, status: int, seconds: float, received: int, sent: int) -> None:
        route = getattr(scope.get("route"), "path", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        client = scope["state"].get("client")
        rejected = scope["state"].get("rejected")
        self.requests(route, method, status).inc()
        self.request_seconds(route).observe(seconds)
        if rejected is not None:
            self.rejected.labels(rejected).inc()
        _log.info(
            "request",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "seconds": round(seconds, 6),
                "bytes_in": received,
                "bytes_out": sent,
                "key": client and client.name,
                "rejected": rejected,
            },
        )


def _id(scope: Scope) -> str:
    """The id that the client (or a proxy) has given the request, if it is well formed; otherwise a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _GIVEN_ID.fullmatch(value):
            return str(value, "ascii")
    return f"{random.getrandbits(128):032x}"  # unlike any other, which is all it need be
