"""Middleware that limits the size of request bodies and the time that they take to arrive."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.error_responses import error_response


class _BodyTooLargeError(Exception):
    """The request body exceeds the size limit."""


class BodyLimitMiddleware:
    """ASGI middleware that reads the whole request body before it calls the application.

    It responds with status 413 to a body that is too large, and 408 to one that takes too long. Bytes are counted while
    they arrive, because a chunked body does not declare its length.

    Args:
        app: Application to call.
        max_bytes: Maximum size of a body.
        timeout: Seconds for the whole body to arrive.
        of_paths: Maximum size of a body for paths with a limit of their own.
    """

    def __init__(
        self, app: ASGIApp, max_bytes: int, timeout: float, of_paths: Mapping[str, int] = MappingProxyType({})
    ) -> None:
        self.app, self.max_bytes, self.timeout, self.of_paths = app, max_bytes, timeout, of_paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; pass other events, such as the start of the application, to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        max_bytes = self.of_paths.get(scope["path"], self.max_bytes)
        try:
            async with asyncio.timeout(self.timeout):
                body = await self._read_body(scope, receive, max_bytes)
        except _BodyTooLargeError:
            message = f"request body: too large; send at most {max_bytes} bytes"
            # After `Expect: 100-continue`, the client does not send the body. On the same connection, its next request
            # would be mistaken for the body.
            headers = {"Connection": "close"} if "expect" in Headers(scope=scope) else None
            response = error_response(scope, 413, message, headers, rejected="body_too_large")
            await response(scope, receive, send)
        except TimeoutError:
            message = f"request body: took too long to arrive; send it within {self.timeout:g} s"
            # The rest of the body may never arrive, so the connection cannot be reused.
            response = error_response(scope, 408, message, {"Connection": "close"}, rejected="body_too_slow")
            await response(scope, receive, send)
        except ClientDisconnect:
            return
        else:
            await self.app(scope, _replay_body(body, receive), send)

    async def _read_body(self, scope: Scope, receive: Receive, max_bytes: int) -> bytes:
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > max_bytes:
            raise _BodyTooLargeError
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > max_bytes:
                raise _BodyTooLargeError
            more = message.get("more_body", False)
        return bytes(body)


def _replay_body(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` function that returns the body at the first call, then the messages of ``receive``."""
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay
