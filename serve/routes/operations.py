"""What machines ask a server: does it live, and may it be sent work."""

from typing import Annotated

from fastapi import APIRouter, Depends

from serve.errors import ErrorAnswer
from serve.routes.dependencies import get_service
from serve.service import Service

router = APIRouter(tags=["operations"])


@router.get("/health")
async def health() -> dict[str, str]:
    """Alive: the process answers. Touches no model."""
    return {"status": "ok"}


@router.get("/ready", responses={503: {"model": ErrorAnswer}})
async def ready(service: Annotated[Service, Depends(get_service)]) -> dict[str, str]:
    """Ready: every model is loaded and warmed, and the server is not shutting down."""
    service.models.check_ready()
    return {"status": "ready"}
