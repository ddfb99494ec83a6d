"""Files of the web pages, which are read once and sent compressed."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}

# Scripts and styles come from files of this server only. Trusted Types refuse strings where a browser would parse HTML
# or run a script. As no policy is allowed, the pages have to build everything from text nodes and attributes.
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True)
class StaticFile:
    """A file in memory."""

    content: bytes
    media_type: str

    @cached_property
    def compressed(self) -> bytes:
        """The content in gzip format."""
        return gzip.compress(self.content, 9, mtime=0)

    @cached_property
    def etag(self) -> str:
        """Entity tag of the content, which depends on nothing else."""
        return f'"{sha256(self.content).hexdigest()[:32]}"'


class StaticFiles:
    """The files of a package's directory by relative path, such as ``app/main.js``."""

    def __init__(self, package: str, directory: str) -> None:
        self._root = files(package) / directory
        self._files: dict[str, StaticFile] = {}

    def get_response(self, request: Request, path: str) -> Response:
        """Return a response with a file, or that the client's copy is current; raise HTTPException if there is none."""
        if not self._files:
            self._files = dict(_read_directory(self._root, ""))
        file = self._files.get(path)
        if file is None:
            raise HTTPException(404)
        # Without a maximum age: after an update of the server, no page may combine old and new modules.
        headers = {"Cache-Control": "no-cache", "ETag": file.etag, "Vary": "Accept-Encoding"}
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if file.media_type.startswith("text/html"):
            headers |= _PAGE_HEADERS
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = file.content
        if "gzip" in request.headers.get("accept-encoding", ""):
            content = file.compressed
            headers["Content-Encoding"] = "gzip"
        return Response(content, media_type=file.media_type, headers=headers)


def _read_directory(directory: Traversable, prefix: str) -> Iterator[tuple[str, StaticFile]]:
    """Yield the files of a directory and its subdirectories whose extensions are known."""
    for entry in directory.iterdir():
        extension = entry.name.rpartition(".")[2]
        if entry.is_dir():
            yield from _read_directory(entry, f"{prefix}{entry.name}/")
        elif extension in _MEDIA_TYPES:
            yield f"{prefix}{entry.name}", StaticFile(entry.read_bytes(), _MEDIA_TYPES[extension])
