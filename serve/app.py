"""The ASGI application, which consists of the routes, the middleware and their shared state."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from serve.api import deepl, deepl_documents, docs, inspection, libretranslate, native, operations, status, web_pages
from serve.auth.api_keys import read_api_keys
from serve.auth.client_identity import is_from_trusted_proxy
from serve.auth.rate_limits import CharacterUsage, RateLimiter
from serve.auth.wrong_keys import WrongKeyLimiter
from serve.http.body_limit import BodyLimitMiddleware
from serve.http.content_encoding import ContentEncodingMiddleware
from serve.http.cors import JsonCORSMiddleware
from serve.http.direct_routes import DirectRouteMiddleware
from serve.http.error_responses import install_error_handlers
from serve.http.origins import OriginMiddleware
from serve.http.paths import PathMiddleware
from serve.http.request_log import RequestLogMiddleware
from serve.metrics import Metrics
from serve.models.served_model import TranslatorLoader
from serve.service import TranslationService
from serve.service.documents import DocumentQueue
from serve.service.inspection import InspectionService
from serve.settings import Settings
from serve.stores.documents import DocumentFiles
from serve.stores.glossaries import GlossaryStore
from serve.workers.client import ModelDirectoryLoader


class _Application(FastAPI):
    """A FastAPI application that bypasses FastAPI's telemetry, which this service does not use."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request, or the start and the end of the application."""
        scope["app"] = self
        assert self.middleware_stack is not None
        await self.middleware_stack(scope, receive, send)


def create_app(settings: Settings, loaders: Sequence[TranslatorLoader]) -> FastAPI:
    """Create the application.

    When the application starts, ``app.state.loading`` becomes the task that loads the models in the background.

    Raises:
        CarouselError: If the API keys or the glossaries cannot be read, the translation memory cannot be opened, or
            another server uses the directory of documents.
    """
    metrics = Metrics()
    service = TranslationService(settings, loaders, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.loading = asyncio.create_task(service.start())
        app.state.documents.restore(app.state.api_keys, app.state.loading)
        yield
        app.state.loading.cancel()
        service.drain()
        app.state.documents.close()
        app.state.inspection.close()
        await service.close()

    app = _Application(title="Carousel", lifespan=lifespan, redirect_slashes=False, openapi_url=None)
    app.state.service = service
    directories = [loader.path for loader in loaders if isinstance(loader, ModelDirectoryLoader)]
    app.state.inspection = InspectionService(service, directories)
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.api_keys = read_api_keys(settings)
    app.state.rate_limiter = RateLimiter()
    app.state.wrong_keys = WrongKeyLimiter()
    app.state.usage = CharacterUsage()
    files = DocumentFiles(settings.documents, settings.document_bytes)
    app.state.documents = DocumentQueue(service, app.state.usage, files)
    app.state.glossaries = GlossaryStore(settings.glossaries)
    install_error_handlers(app)
    routers = [
        each.router
        for each in (libretranslate, deepl, deepl_documents, native, inspection, operations, status, docs, web_pages)
    ]
    for router in routers:
        app.include_router(router)
    app.state.routes = [route for router in routers for route in router.routes]
    app.add_middleware(DirectRouteMiddleware, routes=libretranslate.router.routes)
    app.middleware_stack = _add_middleware(app.build_middleware_stack(), settings, metrics)
    return app


def _add_middleware(app: ASGIApp, settings: Settings, metrics: Metrics) -> ASGIApp:
    """Add the service's middleware around Starlette's, so that responses to unexpected exceptions are logged, too."""
    of_paths = dict.fromkeys(("/translate_file", "/v2/document"), max(settings.max_file_bytes, settings.max_body_bytes))
    app = ContentEncodingMiddleware(app, max_bytes=settings.max_body_bytes)
    app = BodyLimitMiddleware(
        app, max_bytes=settings.max_body_bytes, timeout=settings.request_timeout, of_paths=of_paths
    )
    if settings.cors_origins:
        app = JsonCORSMiddleware(app, settings.cors_origins)
    app = OriginMiddleware(app, settings.allowed_hosts_or_default, settings.cors_origins)
    app = PathMiddleware(app, settings.root_path, partial(is_from_trusted_proxy, trusted=settings.trusted_proxies))
    return RequestLogMiddleware(app, metrics)
