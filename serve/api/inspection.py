"""The route that returns the network's activations for a sentence."""

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field
from starlette.exceptions import HTTPException

from serve.api.dependencies import ServiceDependency, authorize, charge
from serve.api.parameters import (
    ApiModel,
    EncodableText,
    is_auto,
    read_parameters,
    request_body_schema,
    validate_parameters,
)
from serve.http.disconnect import cancel_on_disconnect
from serve.http.error_responses import ErrorResponse
from serve.service.inspection import InspectionRequest, InspectionService

router = APIRouter(tags=["native"])


class InspectParameters(ApiModel):
    """Parameters of ``/inspect``."""

    q: EncodableText = Field(examples=["The black cat sleeps."])
    """Text that contains the sentence."""
    source: EncodableText = Field("auto", examples=["en"])
    """Language code of the text, or `auto` to detect it."""
    target: EncodableText = Field(examples=["fr"])
    """Language code to translate into."""
    sentence: int = Field(0, ge=0)
    """Number of the sentence to inspect, counted from 0."""
    api_key: str | None = None
    """API key, if the server requires one. It may be sent in a header instead."""


_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/json": {"schema": {"type": "object"}}},
        "description": "Pieces, scores, the gates and states of every layer, attention weights and the search tree.",
    },
    **{status: {"model": ErrorResponse} for status in (400, 403, 404, 408, 413, 429, 500, 503)},
}


@router.post(
    "/inspect",
    responses=_RESPONSES,
    openapi_extra=request_body_schema(InspectParameters),
    response_class=Response,
)
async def inspect(request: Request, service: ServiceDependency) -> Response:
    """Translate a sentence, and return the activations of the network as compressed arrays.

    Only if the server is started with `NMT_INSPECT=1`. `nmt/lab/inspect/static/activations.js` unpacks the arrays.
    """
    if not service.settings.inspect:
        raise HTTPException(404)
    parameters = validate_parameters(InspectParameters, await read_parameters(request))
    client = authorize(request, parameters.api_key)
    inspection: InspectionService = request.app.state.inspection
    source = None if is_auto(parameters.source) else parameters.source
    sentence = InspectionRequest(parameters.q, parameters.sentence, source, parameters.target)
    with charge(request, client, [parameters.q]):
        content = await cancel_on_disconnect(request, inspection.inspect(sentence))
    return Response(content, media_type="application/json")
