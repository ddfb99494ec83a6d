import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_translator import FakeTranslator
from fastapi import Request
from serving import RunningServer, run_server

from serve.api.dependencies import authorize, charge
from serve.auth import cell_rate
from serve.auth.api_keys import ApiKey
from serve.auth.client_identity import Client
from serve.auth.rate_limits import CharacterUsage, RateLimiter
from serve.errors import QuotaExceededError, TooManyRequestsError


def anonymous(address: str = "192.0.2.1") -> Client:
    return Client(address, None)


def keyed(name: str = "a", limit: int | None = None) -> Client:
    return Client("192.0.2.1", ApiKey(name=name, sha256="0" * 64, character_limit=limit))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(cell_rate, "monotonic", lambda: now[0])
    return now


def count_allowed(limiter: RateLimiter, client: Client, per_minute: int) -> int:
    """Return how many requests ``client`` may send right now."""
    for n in range(1000):
        try:
            limiter.check(client, per_minute)
        except TooManyRequestsError:
            return n
    return 1000


def test_a_burst_is_allowed_and_then_requests_at_a_constant_rate(clock: list[float]):
    limiter = RateLimiter()
    assert count_allowed(limiter, anonymous(), 60) == 60
    clock[0] += 0.9
    assert count_allowed(limiter, anonymous(), 60) == 0
    clock[0] += 2.2
    assert count_allowed(limiter, anonymous(), 60) == 3
    clock[0] += 3600
    assert count_allowed(limiter, anonymous(), 60) == 60


def test_retry_after_is_the_time_until_the_next_allowed_request(clock: list[float]):
    limiter = RateLimiter()
    limiter.check(anonymous(), 2)
    clock[0] += 10.5
    limiter.check(anonymous(), 2)
    with pytest.raises(TooManyRequestsError, match=r"^too many requests; at most 2 per minute are allowed$") as caught:
        limiter.check(anonymous(), 2)
    assert caught.value.retry_after == 20
    clock[0] += 20
    limiter.check(anonymous(), 2)


def test_clients_are_limited_by_key_or_else_by_address(clock: list[float]):
    limiter = RateLimiter()
    clients = [anonymous("192.0.2.1"), anonymous("192.0.2.2"), keyed("a"), keyed("b"), keyed("192.0.2.1")]
    assert [count_allowed(limiter, client, 3) for client in clients] == [3] * 5
    assert [count_allowed(limiter, client, 3) for client in clients] == [0] * 5


def test_the_number_of_remembered_clients_is_bounded(clock: list[float], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cell_rate, "_MAX_CLIENTS", 10)
    limiter = RateLimiter()
    for n in range(100):
        assert count_allowed(limiter, anonymous(str(n)), 1) == 1
    assert [count_allowed(limiter, anonymous(str(n)), 1) for n in (95, 99, 5)] == [0, 0, 1]


def test_characters_are_counted_per_key_and_limited():
    usage = CharacterUsage()
    limited = keyed("a", limit=10)

    def use(client: Client, characters: int) -> None:
        with usage.charge(client, characters):
            pass

    use(limited, 7)
    with pytest.raises(QuotaExceededError, match=r"^API key: the limit of 10 characters is reached; use another key$"):
        use(limited, 4)
    use(limited, 3)
    use(keyed("b"), 1_000_000)
    use(anonymous("x"), 2)
    use(anonymous("y"), 3)
    assert [usage.characters(each) for each in (limited, keyed("b"), anonymous(), keyed("c"))] == [10, 1_000_000, 5, 0]


def test_a_failed_request_is_charged_only_while_it_runs():
    usage = CharacterUsage()
    client = keyed("a", limit=10)
    with pytest.raises(KeyError), usage.charge(client, 8):
        assert usage.characters(client) == 8
        raise KeyError
    assert usage.characters(client) == 0


@contextmanager
def server_with_authorized_route(**settings: object) -> Iterator[RunningServer]:
    """Run a server with a route, under both APIs, that only authorizes the client and charges 100 characters."""

    async def authorized(request: Request, api_key: str | None = None) -> str | None:
        client = authorize(request, api_key)
        with charge(request, client, ["x" * 100]):
            return client.name

    with run_server(FakeTranslator(), **settings) as it:
        for path in ("/authorized", "/v2/authorized"):
            it.server.config.app.add_api_route(path, authorized)
        yield it


def test_too_many_requests_are_429():
    with server_with_authorized_route(rate_limit=2) as it:
        assert [it.client.get("/authorized").status_code for _ in range(3)] == [200, 200, 429]
        refused = it.client.get("/authorized")
        assert refused.json() == {"error": "too many requests; at most 2 per minute are allowed"}
        assert 0 < int(refused.headers["retry-after"]) <= 30
        refused = it.client.get("/v2/authorized")
        assert refused.json() == {"message": "too many requests; at most 2 per minute are allowed"}
        assert it.client.get("/health").status_code == 200


def test_a_key_may_have_its_own_limits(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO")
    path = tmp_path / "keys.yaml"
    digests = [hashlib.sha256(key).hexdigest() for key in (b"k1", b"k2")]
    path.write_text(
        f"- {{name: much, sha256: '{digests[0]}', requests_per_minute: 5}}\n"
        f"- {{name: little, sha256: '{digests[1]}', character_limit: 150}}\n"
    )
    with server_with_authorized_route(rate_limit=2, api_keys_file=path, require_api_key=True) as it:
        assert [it.client.get("/authorized?api_key=k1").status_code for _ in range(6)] == [200] * 5 + [429]
        assert it.client.get("/v2/authorized", headers={"Authorization": "DeepL-Auth-Key k2"}).json() == "little"
        refused = it.client.get("/v2/authorized?api_key=k2")
        assert (refused.status_code, list(refused.json())) == (456, ["message"])
        for path_, member in (("/authorized", "error"), ("/v2/authorized", "message")):
            for query in ("", "?api_key=", "?api_key=wrong"):
                refused = it.client.get(path_ + query)
                assert (refused.status_code, list(refused.json())) == (403, [member])
        rejected = it.client.get("/metrics").text
        assert 'nmt_rejected_total{reason="key"} 6.0' in rejected
        assert 'nmt_rejected_total{reason="rate"} 1.0' in rejected
        assert 'nmt_rejected_total{reason="quota"} 1.0' in rejected
    logged = [vars(each) for each in caplog.records if each.name == "serve.http.request_log"]
    assert [each["key"] for each in logged if each["route"] == "/authorized"] == ["much"] * 6 + [None] * 3
    assert "k1" not in str(logged)


def test_an_exceeded_quota_is_429_outside_deepls_routes(tmp_path: Path):
    path = tmp_path / "keys.yaml"
    path.write_text(f"- {{name: little, sha256: '{hashlib.sha256(b'k').hexdigest()}', character_limit: 99}}\n")
    with server_with_authorized_route(api_keys_file=path) as it:
        refused = it.client.get("/authorized", headers={"X-API-Key": "k"})
        assert (refused.status_code, refused.json()) == (
            429,
            {"error": "API key: the limit of 99 characters is reached; use another key"},
        )
