import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_translator import FakeTranslator
from fastapi import Request
from serving import Running, running

from serve.api.dependencies import admit, charged
from serve.auth import rate_limits as rates
from serve.auth.api_keys import Key
from serve.auth.client_identity import Client
from serve.auth.rate_limits import RateLimiter, Usage
from serve.errors import QuotaExceededError, TooManyRequestsError


def anonymous(address: str = "192.0.2.1") -> Client:
    return Client(address, None)


def keyed(name: str = "a", limit: int | None = None) -> Client:
    return Client("192.0.2.1", Key(name=name, sha256="0" * 64, character_limit=limit))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(rates, "monotonic", lambda: now[0])
    return now


def allowed(limits: RateLimiter, client: Client, per_minute: int) -> int:
    """How often ``client`` may ask right now."""
    for n in range(1000):
        try:
            limits.check(client, per_minute)
        except TooManyRequestsError:
            return n
    return 1000


def test_a_minutes_worth_at_once_then_an_even_pace(clock: list[float]):
    limits = RateLimiter()
    assert allowed(limits, anonymous(), 60) == 60
    clock[0] += 0.9
    assert allowed(limits, anonymous(), 60) == 0
    clock[0] += 2.2
    assert allowed(limits, anonymous(), 60) == 3
    clock[0] += 3600
    assert allowed(limits, anonymous(), 60) == 60


def test_it_says_when_to_come_again(clock: list[float]):
    limits = RateLimiter()
    limits.check(anonymous(), 2)
    clock[0] += 10.5
    limits.check(anonymous(), 2)
    with pytest.raises(TooManyRequestsError, match=r"^too many requests; at most 2 per minute are allowed$") as caught:
        limits.check(anonymous(), 2)
    assert caught.value.retry_after == 20
    clock[0] += 20
    limits.check(anonymous(), 2)


def test_clients_are_counted_by_key_or_else_by_address(clock: list[float]):
    limits = RateLimiter()
    clients = [anonymous("192.0.2.1"), anonymous("192.0.2.2"), keyed("a"), keyed("b"), keyed("192.0.2.1")]
    assert [allowed(limits, client, 3) for client in clients] == [3] * 5
    assert [allowed(limits, client, 3) for client in clients] == [0] * 5


def test_memory_is_bounded(clock: list[float], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rates, "_MOST_CLIENTS", 10)
    limits = RateLimiter()
    for n in range(100):
        assert allowed(limits, anonymous(str(n)), 1) == 1
    assert [allowed(limits, anonymous(str(n)), 1) for n in (95, 99, 5)] == [0, 0, 1]


def test_usage():
    usage = Usage()
    limited = keyed("a", limit=10)

    def use(client: Client, characters: int) -> None:
        with usage.charged(client, characters):
            pass

    use(limited, 7)
    with pytest.raises(QuotaExceededError, match=r"^the key's limit of 10 characters is reached$"):
        use(limited, 4)
    use(limited, 3)
    use(keyed("b"), 1_000_000)
    use(anonymous("x"), 2)
    use(anonymous("y"), 3)
    assert [usage.characters(each) for each in (limited, keyed("b"), anonymous(), keyed("c"))] == [10, 1_000_000, 5, 0]


def test_what_failed_is_not_counted_but_counts_while_it_lasts():
    usage = Usage()
    client = keyed("a", limit=10)
    with pytest.raises(KeyError), usage.charged(client, 8):
        assert usage.characters(client) == 8
        raise KeyError
    assert usage.characters(client) == 0


@contextmanager
def admitting(**settings: object) -> Iterator[Running]:
    """A server with a route that does nothing but admit, under both APIs."""

    async def admitted(request: Request, api_key: str | None = None) -> str | None:
        client = admit(request, api_key)
        with charged(request, client, ["x" * 100]):
            return client.name

    with running(FakeTranslator(), **settings) as it:
        for path in ("/admitted", "/v2/admitted"):
            it.server.config.app.add_api_route(path, admitted)
        yield it


def test_too_many_requests_are_429():
    with admitting(rate_limit=2) as it:
        assert [it.client.get("/admitted").status_code for _ in range(3)] == [200, 200, 429]
        refused = it.client.get("/admitted")
        assert refused.json() == {"error": "too many requests; at most 2 per minute are allowed"}
        assert 0 < int(refused.headers["retry-after"]) <= 30
        refused = it.client.get("/v2/admitted")
        assert refused.json() == {"message": "too many requests; at most 2 per minute are allowed"}
        assert it.client.get("/health").status_code == 200


def test_keys_have_limits_of_their_own(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    path = tmp_path / "keys.yaml"
    digests = [hashlib.sha256(key).hexdigest() for key in (b"k1", b"k2")]
    path.write_text(
        f"- {{name: much, sha256: '{digests[0]}', requests_per_minute: 5}}\n"
        f"- {{name: little, sha256: '{digests[1]}', character_limit: 150}}\n"
    )
    with admitting(rate_limit=2, api_keys_file=path, require_api_key=True) as it:
        assert [it.client.get("/admitted?api_key=k1").status_code for _ in range(6)] == [200] * 5 + [429]
        assert it.client.get("/v2/admitted", headers={"Authorization": "DeepL-Auth-Key k2"}).json() == "little"
        refused = it.client.get("/v2/admitted?api_key=k2")
        assert (refused.status_code, list(refused.json())) == (456, ["message"])
        for path_, member in (("/admitted", "error"), ("/v2/admitted", "message")):
            for query in ("", "?api_key=", "?api_key=wrong"):
                refused = it.client.get(path_ + query)
                assert (refused.status_code, list(refused.json())) == (403, [member])
        rejected = it.client.get("/metrics").text
        assert 'nmt_rejected_total{reason="key"} 6.0' in rejected
        assert 'nmt_rejected_total{reason="rate"} 1.0' in rejected
        assert 'nmt_rejected_total{reason="quota"} 1.0' in rejected
    logged = [vars(each) for each in caplog.records if each.name == "serve.http.request_log"]
    assert [each["key"] for each in logged if each["route"] == "/admitted"] == ["much"] * 6 + [None] * 3
    assert "k1" not in str(logged)


def test_a_quota_is_429_for_libretranslates_clients(tmp_path: Path):
    path = tmp_path / "keys.yaml"
    path.write_text(f"- {{name: little, sha256: '{hashlib.sha256(b'k').hexdigest()}', character_limit: 99}}\n")
    with admitting(api_keys_file=path) as it:
        refused = it.client.get("/admitted", headers={"X-API-Key": "k"})
        assert (refused.status_code, refused.json()) == (429, {"error": "the key's limit of 99 characters is reached"})
