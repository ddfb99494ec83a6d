"""Middleware that handles HEAD requests, variants of paths, and the path prefix of a reverse proxy."""

import re
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)+")
_SLASHES = re.compile("//+")
_PAGES = {"/docs", "/learn"}  # which contain relative links


class PathMiddleware:
    """ASGI middleware that passes on HEAD as GET, and paths without prefix, doubled and trailing slashes.

    The server omits the body of responses to HEAD.

    Args:
        app: Application to call.
        prefix: Path under which clients reach the application, such as ``/translate``; empty if there is none.
        is_trusted: Function that returns whether a proxy's ``X-Forwarded-Prefix`` header is trusted, given the scope.
    """

    def __init__(self, app: ASGIApp, prefix: str, is_trusted: Callable[[Scope], bool]) -> None:
        self.app, self.prefix, self.is_trusted = app, prefix, is_trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request; pass other events, such as the start of the application, to the application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        prefix = self._find_prefix(scope)
        path = scope["path"]
        if prefix:
            scope["root_path"] = prefix
            if path == prefix or path.startswith(f"{prefix}/"):
                path = path[len(prefix) :] or "/"
        path = _SLASHES.sub("/", path)
        if path.endswith("/") and path != "/":
            path = path[:-1]
            if path in _PAGES and scope["method"] in {"GET", "HEAD"}:
                redirect = Response(status_code=308, headers={"Location": f"..{path}"})
                await redirect(scope, receive, send)
                return
        scope["path"] = path
        if scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        as_get = {**scope, "method": "GET"}
        try:
            await self.app(as_get, receive, send)
        finally:
            scope["route"] = as_get.get("route")  # for the request log

    def _find_prefix(self, scope: Scope) -> str:
        forwarded = Headers(scope=scope).get("x-forwarded-prefix", "").rstrip("/")
        if forwarded and _PREFIX.fullmatch(forwarded) and self.is_trusted(scope):
            return forwarded
        return self.prefix
