"""The way of most requests: past the framework's routing, which costs half as much again as all that we do for them."""

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.errors import ServiceError
from serve.http.error_responses import respond


class FastPath:
    """ASGI middleware that calls a route's function itself; requests for other routes go on to ``app``.

    The function takes the request and gives a response. What it raises is answered as the application would.
    """

    def __init__(self, app: ASGIApp, router: APIRouter, path: str) -> None:
        """``router`` has the route of ``path``."""
        (route,) = (each for each in router.routes if isinstance(each, APIRoute) and each.path == path)
        self.app, self.route = app, route
        self.methods = frozenset(route.methods or ())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handles one request, or passes it on."""
        if scope["type"] != "http" or scope["path"] != self.route.path or scope["method"] not in self.methods:
            await self.app(scope, receive, send)
            return
        scope["route"] = self.route
        request = Request(scope, receive, send)
        try:
            response = await self.route.endpoint(request)
        except Exception as error:
            await (await respond(request, error))(scope, receive, send)
            if not isinstance(error, ServiceError | HTTPException | ClientDisconnect):
                raise  # the server logs it
        else:
            await response(scope, receive, send)
