"""The page that describes the API. Its scripts come from here, not from somebody else's server, so it works offline."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

_ASSETS = StaticFiles(packages=[("fastapi_offline", "static")])  # Swagger UI's
_PAGE = bytes(
    get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Carousel",
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        swagger_favicon_url="docs/assets/favicon.png",
    ).body
)
_INLINE = re.findall(rb"(?s)<script>(.*?)</script>", _PAGE)
_HASHES = [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in _INLINE]
_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    f"script-src 'self' {' '.join(_HASHES)}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def description(request: Request) -> Response:
    """The description, for machines."""
    return JSONResponse(request.app.openapi())


@router.get("/docs")
async def page() -> Response:
    """The description, for people: Swagger UI."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _POLICY})


@router.get("/docs/assets/{name}")
async def asset(request: Request, name: str) -> Response:
    """A file that the page needs."""
    return await _ASSETS.get_response(name, request.scope)
