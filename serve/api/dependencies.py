"""What routes are given."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import cast

from fastapi import Request

from serve.auth.client_identity import Client, identify
from serve.auth.rate_limits import RateLimiter, Usage
from serve.service import TranslationService
from serve.settings import Settings
from serve.stores.downloads import DownloadStore


def service_of(request: Request) -> TranslationService:
    """The service of the application that the request came to."""
    return cast(TranslationService, request.app.state.service)


async def get_service(request: Request) -> TranslationService:
    """The same, for FastAPI; it would call what is not async on another thread."""
    return service_of(request)


async def get_downloads(request: Request) -> DownloadStore:
    """The files of the application that wait to be fetched."""
    return cast(DownloadStore, request.app.state.downloads)


def admit(request: Request, given_key: str | None = None) -> Client:
    """The client of ``request``, if it may ask now; each translating route calls it once.

    ``given_key`` is the key in the body or query. Raises ``ApiKeyError`` or ``TooManyRequestsError``.
    """
    settings: Settings = request.app.state.settings
    rates: RateLimiter = request.app.state.rates
    client = identify(request, given_key)
    request.state.client = client  # the log names the key
    own_limit = client.key.requests_per_minute if client.key else None
    if limit := own_limit or settings.rate_limit:
        rates.check(client, limit)
    return client


def charged(request: Request, client: Client, texts: Sequence[str]) -> AbstractContextManager[None]:
    """Counts the characters of ``texts`` for the client, if they are translated in this block."""
    usage: Usage = request.app.state.usage
    return usage.charged(client, sum(map(len, texts)))
