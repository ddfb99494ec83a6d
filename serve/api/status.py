"""Routes for operators: the state of the server, reloading of the models, and draining."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from serve.api.dependencies import ServiceDependency, authorize_operator
from serve.api.web_pages import page_response
from serve.http.error_responses import ErrorResponse
from serve.service.status import ServiceStatus

router = APIRouter(tags=["operations"])

_VARY = {"Vary": "Accept"}
_ERRORS: dict[int | str, dict[str, Any]] = {status: {"model": ErrorResponse} for status in (403, 409, 503)}


async def _check_operator(request: Request) -> None:
    authorize_operator(request)


_OPERATOR = [Depends(_check_operator)]


@router.get("/status", response_model=ServiceStatus, responses={403: {"model": ErrorResponse}})
async def status(request: Request, service: ServiceDependency) -> Response:
    """Return the state of the server; a browser gets a page that shows it, which asks for the key itself.

    Needs the API key of an operator in a header.
    """
    if "text/html" in request.headers.get("accept", ""):
        response = page_response(request, "status/index.html")
        response.headers["Vary"] = f"Accept, {response.headers['Vary']}"
        return response
    authorize_operator(request)
    return JSONResponse(service.describe().model_dump(), headers=_VARY)


@router.post("/status/reload", status_code=202, responses=_ERRORS, dependencies=_OPERATOR)
async def reload(service: ServiceDependency) -> dict[str, str]:
    """Begin to load the models again from their directories; until that has succeeded, the present ones are used.

    Needs the API key of an operator in a header.
    """
    service.start_reload()
    return {"status": "reloading"}


@router.post("/status/drain", responses=_ERRORS, dependencies=_OPERATOR)
async def drain(service: ServiceDependency) -> dict[str, str]:
    """Refuse further requests with status 503, and finish those in progress. Only a restart ends this.

    Needs the API key of an operator in a header.
    """
    service.drain()
    return {"status": "draining"}
