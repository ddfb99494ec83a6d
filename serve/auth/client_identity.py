"""Who asks: by what key, and from what address."""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.requests import Request

from serve.auth.api_keys import Key, Keys
from serve.errors import ApiKeyError
from serve.settings import Settings

_SCHEMES = ("deepl-auth-key", "bearer")
_WITH_PORT = re.compile(r"(?P<v4>[\d.]+):\d+|\[(?P<v6>[^\]]+)\](:\d+)?")
_IPV6_SITE = 64  # the bits that a provider gives a customer; the rest of the address the customer makes up


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request. Its address is for limits alone, and is not logged."""

    address: str
    key: Key | None

    @property
    def name(self) -> str | None:
        """The key's name."""
        return self.key.name if self.key else None


def identify(request: Request, given_key: str | None) -> Client:
    """The client of ``request``, whose body or query gives ``given_key``; a key in a header has precedence.

    Raises ``ApiKeyError``. Where there are no keys, any is as good as none: some clients always send one.
    """
    keys: Keys = request.app.state.keys
    settings: Settings = request.app.state.settings
    given = _key_of_headers(request) or given_key
    key = None
    if keys and given:
        key = keys.find(given)
        if key is None:
            raise ApiKeyError("the API key is wrong")
    elif settings.require_api_key:
        raise ApiKeyError("an API key is needed: as api_key, or in the header 'Authorization: Bearer KEY'")
    return Client(_address(request, settings.trusted_proxies), key)


def scheme(request: Request) -> str:
    """``https`` if the client speaks it with a proxy of ours, as that says; else what it speaks with us."""
    settings: Settings = request.app.state.settings
    address = _parse(request.client.host) if request.client else None
    trusted = address is not None and any(address in network for network in settings.trusted_proxies)
    forwarded = request.headers.get("x-forwarded-proto", "").rpartition(",")[2].strip()
    return "https" if trusted and forwarded == "https" else request.url.scheme


def _key_of_headers(request: Request) -> str:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in _SCHEMES and key.strip():
        return key.strip()
    return request.headers.get("x-api-key", "").strip()


def _address(request: Request, trusted: tuple[IPv4Network | IPv6Network, ...]) -> str:
    """The address to count by: the last that none of our own proxies has."""
    if request.client is None:  # a Unix socket
        return ""
    host = request.client.host
    address = _parse(host)
    forwarded = [each for value in request.headers.getlist("x-forwarded-for") for each in value.split(",")]
    # Each proxy appends whom it heard from, so that what is right of an entry vouches for it.
    while forwarded and address is not None and any(address in network for network in trusted):
        before = _without_port(forwarded.pop().strip())
        if (address := _parse(before)) is not None:
            host = before
    return _counted(host)


def _without_port(entry: str) -> str:
    """An address as some proxies forward it: ``198.51.100.1:1234``, ``[2001:db8::1]:1234``, or as it is."""
    found = _WITH_PORT.fullmatch(entry)
    return entry if found is None else found["v4"] or found["v6"]


@lru_cache(1024)
def _counted(host: str) -> str:
    """A host as it is counted: an IPv6 address by its site."""
    address = _parse(host)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_SITE), strict=False))
    return host if address is None else str(address)


@lru_cache(1024)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
