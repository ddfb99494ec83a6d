"""Assembles the application; no logic."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from fastapi import FastAPI

from serve import errors
from serve.limits import BodyLimit
from serve.models import Loader
from serve.routes import libretranslate, operations
from serve.service import Service
from serve.settings import Settings


def create_app(settings: Settings, loaders: Sequence[Loader]) -> FastAPI:
    """The application. Models load in the background once it runs; ``app.state.loading`` is that task."""
    service = Service(settings, loaders)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.loading = asyncio.create_task(service.models.load())
        yield
        app.state.loading.cancel()
        service.models.close()

    app = FastAPI(title="Carousel", lifespan=lifespan, redirect_slashes=False)
    app.state.service = service
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes, timeout=settings.request_timeout)
    errors.install(app)
    app.include_router(libretranslate.router)
    app.include_router(operations.router)
    return app
