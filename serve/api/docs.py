"""Routes for Swagger UI and the OpenAPI description. Swagger UI's files are included, so that it works offline."""

import re
from base64 import b64encode
from hashlib import sha256

from fastapi import APIRouter, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.staticfiles import StaticFiles

_ASSETS = StaticFiles(packages=[("fastapi_offline", "static")])
_PAGE = bytes(
    get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Carousel",
        swagger_js_url="docs/assets/swagger-ui-bundle.js",
        swagger_css_url="docs/assets/swagger-ui.css",
        swagger_favicon_url="docs/assets/favicon.png",
    ).body
)
_INLINE_SCRIPTS = re.findall(rb"(?s)<script>(.*?)</script>", _PAGE)
_SCRIPT_HASHES = [f"'sha256-{b64encode(sha256(script).digest()).decode()}'" for script in _INLINE_SCRIPTS]
_CONTENT_SECURITY_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
    f"script-src 'self' {' '.join(_SCRIPT_HASHES)}; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
@router.get("/spec")  # LibreTranslate's path
async def openapi_description(request: Request) -> Response:
    """Return the OpenAPI description of the API."""
    servers = [{"url": request.scope.get("root_path") or "/"}]
    return JSONResponse({**request.app.openapi(), "servers": servers})


@router.get("/docs")
async def swagger_ui() -> Response:
    """Return the Swagger UI page, which displays the OpenAPI description."""
    return HTMLResponse(_PAGE, headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY})


@router.get("/docs/assets/{name}")
async def swagger_ui_asset(request: Request, name: str) -> Response:
    """Return a script, style sheet or image of Swagger UI."""
    return await _ASSETS.get_response(name, request.scope)
