"""Middleware that decompresses request bodies."""

import asyncio
import zlib

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.http.error_responses import error_response

_GZIP = {"gzip", "x-gzip"}
_WINDOW_BITS = 16 + zlib.MAX_WBITS  # with a gzip header
_LARGE_BODY = 50_000  # bytes; decompressing more may take several milliseconds


class _TooLargeError(Exception):
    """The decompressed body exceeds the size limit."""


class ContentEncodingMiddleware:
    """ASGI middleware that decompresses gzipped bodies, and responds with status 415 to other content codings.

    The body must arrive in one message, as `serve.http.body_limit.BodyLimitMiddleware` passes it on.

    Args:
        app: Application to call.
        max_bytes: Maximum size of a decompressed body.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; pass other events, such as the start of the application, to the application."""
        codings = _content_codings(scope) if scope["type"] == "http" else []
        if not codings:
            await self.app(scope, receive, send)
            return
        unknown = [coding for coding in codings if coding not in _GZIP]
        if unknown or len(codings) > 1:
            message = f"Content-Encoding: {', '.join(codings)[:40]!r} is not supported; send gzip or no encoding"
            response = error_response(scope, 415, message, {"Accept-Encoding": "gzip"})
            await response(scope, receive, send)
            return
        body = (await receive()).get("body", b"")
        try:
            large = len(body) >= _LARGE_BODY
            content = await asyncio.to_thread(self._decompress, body) if large else self._decompress(body)
        except _TooLargeError:
            message = f"request body: too large; send at most {self.max_bytes} bytes after decompression"
            await error_response(scope, 413, message, rejected="body_too_large")(scope, receive, send)
            return
        except (zlib.error, EOFError):
            message = "request body: invalid gzip data; compress the body again"
            await error_response(scope, 400, message)(scope, receive, send)
            return
        headers = MutableHeaders(scope=scope)
        del headers["content-encoding"]
        headers["content-length"] = str(len(content))
        pending: list[Message] = [{"type": "http.request", "body": content, "more_body": False}]

        async def replay() -> Message:
            return pending.pop() if pending else await receive()

        await self.app(scope, replay, send)

    def _decompress(self, body: bytes) -> bytes:
        """Return the content of one or several gzip members.

        Raises:
            EOFError: The data are incomplete.
            zlib.error: The data are invalid.
        """
        content = bytearray()
        while body:
            member = zlib.decompressobj(_WINDOW_BITS)
            content += member.decompress(body, self.max_bytes + 1 - len(content))
            if len(content) > self.max_bytes:
                raise _TooLargeError
            if not member.eof:
                raise EOFError
            body = member.unused_data
        return bytes(content)


def _content_codings(scope: Scope) -> list[str]:
    values = [str(value, "latin-1") for name, value in scope["headers"] if name == b"content-encoding"]
    codings = [coding.strip().lower() for value in values for coding in value.split(",")]
    return [coding for coding in codings if coding not in {"", "identity"}]
