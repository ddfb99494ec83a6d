"""Middleware that refuses requests for other hosts, and simple cross-site requests of web pages.

A web page may send requests to any address that its reader's browser can reach, among them services on the reader's
own machine. It cannot read the responses without permission (CORS), but a form works without. A page whose host name
is made to resolve to the service's address (DNS rebinding) can also read the responses; its requests name the page's
own host.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.http.error_responses import error_response

_HEALTH_CHECKS = {"/health", "/ready"}
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Browsers send these without asking the service first (https://fetch.spec.whatwg.org/#cors-safelisted-request-header).
_SIMPLE_TYPES = {"", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}


class OriginMiddleware:
    """Answers requests for other hosts with 400, and simple cross-site requests that may change state with 403."""

    def __init__(self, app: ASGIApp, allowed_hosts: Collection[str], cors_origins: Collection[str]) -> None:
        """Create the middleware.

        Args:
            app: Application to protect.
            allowed_hosts: Names and addresses, without ports, by which clients may address the service; ``*`` allows
                all.
            cors_origins: Origins of web pages that may send any request; ``*`` allows all.
        """
        self._app = app
        self._hosts = None if "*" in allowed_hosts else {host.lower().strip("[]") for host in allowed_hosts}
        self._origins = None if "*" in cors_origins else set(cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or pass it on."""
        refusal = self._refuse(scope) if scope["type"] == "http" else None
        await (refusal or self._app)(scope, receive, send)

    def _refuse(self, scope: Scope) -> Response | None:
        """Return the response to a request that is refused, or None."""
        headers = Headers(scope=scope)
        # Health checks name whatever address they use. Browsers always send a Host header.
        if scope["path"] in _HEALTH_CHECKS:
            return None
        if self._hosts is not None and (header := headers.get("host")) and _host_name(header) not in self._hosts:
            message = f"host {header[:80]!r} is not served here; the operator can add it to NMT_ALLOWED_HOSTS"
            return error_response(scope, 400, message, rejected="host")
        if self._is_foreign(scope["method"], headers):
            message = "forms of other web pages are refused; the operator can add their origin to NMT_CORS_ORIGINS"
            return error_response(scope, 403, message, rejected="origin")
        return None

    def _is_foreign(self, method: str, headers: Headers) -> bool:
        """Return whether a request comes from a page of another origin and needs no permission in the browser."""
        content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method in _SAFE_METHODS or content_type not in _SIMPLE_TYPES:
            return False
        origin = headers.get("origin")
        if self._origins is None or origin in self._origins:
            return False
        # Browsers send this header to HTTPS and to loopback addresses only.
        if site := headers.get("sec-fetch-site"):
            return site in {"cross-site", "same-site"}
        own = (headers.get("host"), headers.get("x-forwarded-host"))
        return origin is not None and urlsplit(origin).netloc not in own


def _host_name(header: str) -> str:
    """Return the name or address in a Host header, in lower case and without port and brackets."""
    try:
        return urlsplit(f"//{header}").hostname or ""
    except ValueError:  # such as an invalid IPv6 address
        return header
