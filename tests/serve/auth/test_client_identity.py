from types import SimpleNamespace

import httpx
import pytest
from starlette.requests import Request

from serve.auth.api_keys import read_api_keys
from serve.auth.client_identity import identify_client
from serve.auth.wrong_keys import WrongKeyLimiter
from serve.errors import ApiKeyError
from serve.settings import Settings


def request(
    peer: str | None = "192.0.2.1", headers: dict[str, str] | list[tuple[str, str]] = (), **settings
) -> Request:
    settings_ = Settings(**settings)
    app = SimpleNamespace(
        state=SimpleNamespace(settings=settings_, api_keys=read_api_keys(settings_), wrong_keys=WrongKeyLimiter())
    )
    raw = httpx.Headers(headers).raw
    scope = {"type": "http", "app": app, "headers": [(name.lower(), value) for name, value in raw]}
    return Request({**scope, "client": None if peer is None else (peer, 1234)})


KEYED = {"api_keys": "good key,better key"}
GOOD, BETTER = (key.name for key in read_api_keys(Settings(**KEYED))._by_digest.values())


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "DeepL-Auth-Key good key"},
        {"Authorization": "deepl-auth-key  good key"},
        {"Authorization": "Bearer good key"},
        {"X-API-Key": "good key"},
        {"Authorization": "Basic Z29vZDpnb29k", "X-API-Key": "good key"},
    ],
    ids=str,
)
def test_a_key_in_a_header_takes_precedence(headers: dict[str, str]):
    for key_parameter in (None, "", "wrong", "better key"):
        assert identify_client(request(headers=headers, **KEYED), key_parameter).name == GOOD


def test_a_key_in_the_body():
    client = identify_client(request(**KEYED, require_api_key=True), "better key")
    assert client.name == BETTER
    assert client.key is not None


@pytest.mark.parametrize("key_parameter", [None, ""])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer "}, {"Authorization": "Basic x"}, {"X-API-Key": ""}])
def test_a_missing_key_is_an_error_only_if_required(key_parameter: str | None, headers: dict[str, str]):
    client = identify_client(request(headers=headers, **KEYED), key_parameter)
    assert (client.name, client.key) == (None, None)
    with pytest.raises(ApiKeyError, match=r"^API key: missing; send it"):
        identify_client(request(headers=headers, **KEYED, require_api_key=True), key_parameter)


@pytest.mark.parametrize("require", [True, False])
def test_an_unknown_key_is_an_error(require: bool):
    with pytest.raises(ApiKeyError, match=r"^API key: unknown"):
        identify_client(request(**KEYED, require_api_key=require), "wrong")
    with pytest.raises(ApiKeyError, match=r"^API key: unknown"):
        identify_client(request(headers={"X-API-Key": "wrong"}, **KEYED, require_api_key=require), "good")


def test_any_key_is_ignored_if_no_keys_are_configured():
    assert identify_client(request(headers={"Authorization": "Bearer x"}), "y").name is None


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", [], "192.0.2.1"),
        ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),  # not from a trusted proxy
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),  # forged by the client
        ("10.0.0.1", ["203.0.113.9, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.9", "198.51.100.1,10.0.0.2"], "198.51.100.1"),  # repeated headers form one list
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", ["198.51.100.1, garbage"], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1, garbage, 10.0.0.2"], "10.0.0.2"),
        ("10.0.0.1", ["198.51.100.1:1234"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1:1234, 10.0.0.2:80"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8:1:2:3:4:5:6]:443"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["[2001:db8:1:2:3:4:5:6]"], "2001:db8:1:2::/64"),
        ("10.0.0.1", ["198.51.100.1:x"], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [", ,"], "10.0.0.1"),
        ("fd00::1", ["2001:db8:1:2:3:4:5:6"], "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        ("::ffff:10.0.0.1", ["::ffff:198.51.100.1"], "198.51.100.1"),
        (None, ["198.51.100.1"], ""),
    ],
)
def test_the_address_is_the_nearest_untrusted_one(peer: str | None, forwarded: list[str], address: str):
    headers = [("X-Forwarded-For", each) for each in forwarded]
    proxied = request(peer, headers, trusted_proxies="10.0.0.0/8,fd00::/8")
    assert identify_client(proxied, None).address == address
