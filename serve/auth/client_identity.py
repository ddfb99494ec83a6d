"""Identification of clients by API key and network address."""

import re
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request
from starlette.types import Scope

from serve.auth.api_keys import ApiKey, ApiKeys
from serve.errors import ApiKeyError
from serve.settings import Settings

Networks = tuple[IPv4Network | IPv6Network, ...]

_AUTH_SCHEMES = ("deepl-auth-key", "bearer")
_ADDRESS_WITH_PORT = re.compile(r"(?P<v4>[\d.]+):\d+|\[(?P<v6>[^\]]+)\](:\d+)?")
_IPV6_SITE_BITS = 64  # the prefix that a provider assigns to a customer, who chooses the other bits


@dataclass(frozen=True, slots=True)
class Client:
    """The sender of a request."""

    address: str
    """Network address, which is used only for rate limits and never logged."""
    key: ApiKey | None
    """API key of the client, if it sent one."""

    @property
    def name(self) -> str | None:
        """Name of the client's API key."""
        return self.key.name if self.key else None

    @property
    def identifier(self) -> str:
        """Identifier for rate limits and shares of the workers: the API key, or else the address."""
        return self.address if self.name is None else f"key {self.name}"


current_client: ContextVar[Client | None] = ContextVar("current_client", default=None)
"""Client that the current task works for; tasks and threads that it starts inherit it."""


def identify_client(request: Request, key_parameter: str | None) -> Client:
    """Return the client that sent a request.

    If no API keys are configured, any key is ignored, because some client libraries always send one.

    Args:
        request: Request; an API key in its headers takes precedence.
        key_parameter: API key in the body or the query string, if there is one.

    Raises:
        ApiKeyError: The key is unknown, or missing although the settings require one.
        TooManyRequestsError: The client has sent too many unknown keys.
    """
    keys: ApiKeys = request.app.state.api_keys
    settings: Settings = request.app.state.settings
    secret = _key_in_headers(request) or key_parameter
    address = _client_address(request, settings.trusted_proxies)
    key = None
    if keys and secret:
        key = keys.find(secret)
        request.app.state.wrong_keys.check(address, key)
        if key is None:
            raise ApiKeyError("API key: unknown; check the key")
    elif settings.require_api_key:
        raise ApiKeyError("API key: missing; send it as api_key or in the header 'Authorization: Bearer KEY'")
    return Client(address, key)


def public_scheme(request: Request) -> str:
    """Return the URL scheme that the client uses, as forwarded by a trusted proxy; otherwise that of the request."""
    settings: Settings = request.app.state.settings
    trusted = is_from_trusted_proxy(request.scope, settings.trusted_proxies)
    forwarded = request.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip()
    return "https" if trusted and forwarded == "https" else request.url.scheme


def is_from_trusted_proxy(scope: Scope, trusted: Networks) -> bool:
    """Return whether a request was sent by a proxy with a trusted address."""
    address = _parse_address(scope["client"][0]) if scope["client"] else None
    return address is not None and any(address in network for network in trusted)


def _key_in_headers(request: Request) -> str:
    auth_scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if auth_scheme.lower() in _AUTH_SCHEMES and key.strip():
        return key.strip()
    return request.headers.get("x-api-key", "").strip()


def _client_address(request: Request, trusted: Networks) -> str:
    """Return the address to apply rate limits to, which is the nearest one that does not belong to a trusted proxy."""
    if request.client is None:  # a Unix socket
        return ""
    host = request.client.host
    address = _parse_address(host)
    forwarded = [entry for value in request.headers.getlist("x-forwarded-for") for entry in value.split(",")]
    # Each proxy appends the address that it received the request from, so only a trusted sender's entry is reliable.
    while forwarded and address is not None and any(address in network for network in trusted):
        previous = _without_port(forwarded.pop().strip())
        if (address := _parse_address(previous)) is not None:
            host = previous
    return _rate_limit_key(host)


def _without_port(entry: str) -> str:
    """Return an address without the port that some proxies append, as in ``[2001:db8::1]:1234``."""
    match = _ADDRESS_WITH_PORT.fullmatch(entry)
    return entry if match is None else match["v4"] or match["v6"]


@lru_cache(1024)
def _rate_limit_key(host: str) -> str:
    """Return an address in canonical form; for an IPv6 address, the network of its site."""
    address = _parse_address(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_SITE_BITS), strict=False))
    return host if address is None else str(address)


@lru_cache(1024)
def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
