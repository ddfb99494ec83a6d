"""Limits on what a client sends, kept before any route runs."""

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.error_responses import error_response


class _TooLargeError(Exception):
    """The body went over the limit."""


class _GoneError(Exception):
    """The client went away in the middle of the body."""


class BodyLimit:
    """ASGI middleware that reads the whole body first: 413 if it is too large, 408 if it takes too long.

    Bytes are counted as they come, for a chunked body says no length beforehand.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, timeout: float) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.timeout = timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request (or passes on what is none)."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.timeout):
                body = await self._read(scope, receive)
        except _TooLargeError:
            message = f"the body is too large; at most {self.max_bytes} bytes are allowed"
            # A client that asks before it sends a body sends none now: nothing would tell the next request from one.
            headers = {"Connection": "close"} if "expect" in Headers(scope=scope) else None
            refusal = error_response(scope, 413, message, headers, rejected="body_too_large")
            await refusal(scope, receive, send)
        except TimeoutError:
            # The rest of the body may never come, so the connection is of no more use.
            headers = {"Connection": "close"}
            refusal = error_response(scope, 408, "the body took too long to arrive", headers, rejected="body_too_slow")
            await refusal(scope, receive, send)
        except _GoneError:
            return
        else:
            await self.app(scope, _replay(body, receive), send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared) > self.max_bytes:
            raise _TooLargeError
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _GoneError
            body += message.get("body", b"")
            if len(body) > self.max_bytes:
                raise _TooLargeError
            more = message.get("more_body", False)
        return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that hands out ``body`` once, then what else the connection has to say."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
