"""Routes for health checks, readiness and metrics."""

from fastapi import APIRouter, Request, Response

from serve.api.dependencies import ServiceDependency
from serve.http.error_responses import ErrorResponse
from serve.metrics import Metrics

router = APIRouter(tags=["operations"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Report that the process is alive. This does not depend on any model."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"model": ErrorResponse}})
async def ready(service: ServiceDependency) -> dict[str, str]:
    """Report whether all models are loaded and warmed up, and the server is not shutting down."""
    service.models.check_ready()
    return {"status": "ready"}


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request) -> Response:
    """Return the metrics in Prometheus's text format."""
    metrics: Metrics = request.app.state.metrics
    return Response(metrics.render(), media_type=metrics.content_type)
