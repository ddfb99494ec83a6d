"""Functions that several routes use, for access to the application's objects, authorization and quotas."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Annotated, cast

from fastapi import Depends, Request

from serve.auth.client_identity import Client, current_client, identify_client
from serve.auth.rate_limits import CharacterUsage, RateLimiter
from serve.errors import ApiKeyError
from serve.service import TranslationService
from serve.service.documents import DocumentQueue
from serve.settings import Settings
from serve.stores.glossaries import GlossaryStore

# These functions are async because FastAPI calls functions that are not async on another thread.


async def get_service(request: Request) -> TranslationService:
    """Return the application's translation service."""
    return cast(TranslationService, request.app.state.service)


async def get_documents(request: Request) -> DocumentQueue:
    """Return the application's queue of documents."""
    return cast(DocumentQueue, request.app.state.documents)


async def get_glossaries(request: Request) -> GlossaryStore:
    """Return the application's store of glossaries."""
    return cast(GlossaryStore, request.app.state.glossaries)


ServiceDependency = Annotated[TranslationService, Depends(get_service)]
DocumentsDependency = Annotated[DocumentQueue, Depends(get_documents)]
GlossariesDependency = Annotated[GlossaryStore, Depends(get_glossaries)]


def authorize(request: Request, key_parameter: str | None = None) -> Client:
    """Check the API key and the rate limit of a request, and return its client.

    Args:
        request: Request; an API key in its headers takes precedence.
        key_parameter: API key in the body or the query string, if there is one.

    Raises:
        ApiKeyError: The key is unknown, or missing although one is required.
        TooManyRequestsError: The client has exceeded its rate limit.
    """
    settings: Settings = request.app.state.settings
    rate_limiter: RateLimiter = request.app.state.rate_limiter
    client = identify_client(request, key_parameter)
    current_client.set(client)
    request.state.client = client  # the request log includes the key's name
    key_limit = client.key.requests_per_minute if client.key else None
    if limit := key_limit or settings.rate_limit:
        rate_limiter.check(client, limit)
    return client


def authorize_operator(request: Request) -> None:
    """Check that a request has an API key in its headers with the rights of an operator.

    Keys in bodies and query strings are not accepted, so that no link or form of another page can contain one.

    Raises:
        ApiKeyError: The key is missing, unknown, or not that of an operator.
    """
    client = identify_client(request, None)
    request.state.client = client  # the request log includes the key's name
    if client.key is None:
        message = "API key: missing; send the key of an operator in the header 'Authorization: Bearer KEY'"
        if not any(key.operator for key in request.app.state.api_keys):
            message = "API key: no operator is configured; give a key in NMT_API_KEYS_FILE the field 'operator: true'"
        raise ApiKeyError(message)
    if not client.key.operator:
        raise ApiKeyError("API key: is not that of an operator; use another key")


def charge(request: Request, client: Client, texts: Sequence[str]) -> AbstractContextManager[None]:
    """Return a context manager that counts the texts against the client's quota unless the block raises."""
    usage: CharacterUsage = request.app.state.usage
    return usage.charge(client, sum(map(len, texts)))
