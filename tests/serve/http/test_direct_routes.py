"""Direct routes answer as FastAPI's routing would."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from serve.errors import BadRequestError, QueueFullError
from serve.http.direct_routes import DirectRoute, DirectRouteMiddleware
from serve.http.error_responses import install_error_handlers

ERRORS = {
    "bad": BadRequestError("q: is missing; send a text"),
    "busy": QueueFullError(7),
    "framework": HTTPException(418, "a teapot"),
    "gone": ClientDisconnect(),
    "bug": RuntimeError("secret"),
}


async def endpoint(request: Request) -> Response:
    content = (await request.body()).decode()
    if content in ERRORS:
        raise ERRORS[content]
    return Response(f"{request.scope['route'].path} {content}", status_code=201)


def make_app(*, direct: bool) -> FastAPI:
    router = APIRouter()
    router.add_api_route("/direct", endpoint, methods=["POST"], route_class_override=DirectRoute)
    router.add_api_route("/other", endpoint, methods=["POST"])
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router)
    if direct:
        app.add_middleware(DirectRouteMiddleware, routes=router.routes)
    return app


def answer(app: FastAPI, method: str, path: str, body: str, root_path: str = "") -> tuple[int, dict[str, str], bytes]:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, content=body)

    response = asyncio.run(send())
    return response.status_code, dict(response.headers), response.content


@pytest.mark.parametrize("root_path", ["", "/mt"])
@pytest.mark.parametrize("path", ["/direct", "/direct/", "/mt/direct", "/other", "/nothing"])
@pytest.mark.parametrize("method", ["POST", "GET", "OPTIONS"])
def test_responses_are_those_of_the_application(method: str, path: str, root_path: str) -> None:
    for body in ("text", *ERRORS):
        expected = answer(make_app(direct=False), method, path, body, root_path)
        assert answer(make_app(direct=True), method, path, body, root_path) == expected


def test_only_direct_routes_pass_by_the_application() -> None:
    passed: list[str] = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        passed.append(scope["path"])
        await Response()(scope, receive, send)

    router = APIRouter()
    router.add_api_route("/direct", endpoint, methods=["POST"], route_class_override=DirectRoute)
    middleware = DirectRouteMiddleware(application, router.routes)
    status, _, content = answer(middleware, "POST", "/direct", "text")  # type: ignore[arg-type]
    assert (status, content, passed) == (201, b"/direct text", [])
    answer(middleware, "GET", "/direct", "")  # type: ignore[arg-type]
    assert passed == ["/direct"]
