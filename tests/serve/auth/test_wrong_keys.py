"""Limit on wrong API keys."""

import pytest
from fake_translator import FakeTranslator
from serving import run_server

from serve.auth import cell_rate
from serve.auth.api_keys import ApiKey
from serve.auth.wrong_keys import WrongKeyLimiter
from serve.errors import TooManyRequestsError

KEY = ApiKey(name="ours", sha256="0" * 64)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(cell_rate, "monotonic", lambda: now[0])
    return now


def test_twenty_wrong_keys_a_minute_are_allowed(clock: list[float]):
    limiter = WrongKeyLimiter()
    for _ in range(20):
        limiter.check("a", None)
    with pytest.raises(TooManyRequestsError, match="too many wrong API keys; at most 20 per minute") as raised:
        limiter.check("a", None)
    assert raised.value.retry_after == 3
    limiter.check("b", None)
    clock[0] += 3
    limiter.check("a", None)
    with pytest.raises(TooManyRequestsError):
        limiter.check("a", None)


def test_a_right_key_does_not_show_that_it_is_right_after_too_many_wrong_ones(clock: list[float]):
    limiter = WrongKeyLimiter()
    limiter.check("used", KEY)
    for address in ("used", "unused"):
        for _ in range(20):
            limiter.check(address, None)
    with pytest.raises(TooManyRequestsError):
        limiter.check("unused", KEY)
    limiter.check("used", KEY)
    clock[0] += 60
    limiter.check("unused", KEY)


def test_the_service_answers_with_429():
    with run_server(FakeTranslator(), api_keys="a long key", require_api_key=True) as it:
        statuses = [it.translate("a", api_key=f"guess {n}").status_code for n in range(22)]
        assert statuses == [403] * 20 + [429] * 2
        answer = it.client.post(
            "/v2/translate", data={"text": "a", "target_lang": "FR"}, headers={"X-API-Key": "guess"}
        )
        assert answer.json() == {"message": "too many wrong API keys; at most 20 per minute are allowed"}
        assert int(answer.headers["retry-after"]) > 0
