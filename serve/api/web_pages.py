"""Routes for the web page and its scripts, styles and images, which are files in ``serve/static``."""

from fastapi import APIRouter, Request, Response

from serve.http.static_files import StaticFiles

_FILES = StaticFiles("serve", "static")
_INSPECTION = StaticFiles("nmt.lab.inspect", "static")  # shared with the page that `nmt inspect` writes

router = APIRouter(include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def index(request: Request) -> Response:
    """Return the page that translates."""
    return page_response(request, "index.html")


def page_response(request: Request, path: str) -> Response:
    """Return a page by its path in ``serve/static``."""
    return _FILES.get_response(request, path)


@router.api_route("/learn", methods=["GET", "HEAD"])
async def learn(request: Request, lang: str | None = None) -> Response:
    """Return the page that explains the LSTM, in Chinese or English."""
    preferred = lang or request.headers.get("accept-language", "")
    response = page_response(request, "learn/zh.html" if preferred.lower().startswith("zh") else "learn/en.html")
    response.headers["Vary"] += ", Accept-Language"
    return response


@router.api_route("/static/inspection/{name}", methods=["GET", "HEAD"])
async def inspection_file(request: Request, name: str) -> Response:
    """Return a script or style sheet that draws an inspection."""
    return _INSPECTION.get_response(request, name)


@router.api_route("/static/{path:path}", methods=["GET", "HEAD"])
async def static_file(request: Request, path: str) -> Response:
    """Return a script, style sheet or image of a page."""
    return _FILES.get_response(request, path)
